"""Initial weights: from a file of face-encoder weights, or from the network of another checkpoint."""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import nn

from emorec.emotions import emotion_of
from emorec.errors import EmorecError
from emorec.models.networks import FaceNet, VoiceNet

WRAPPERS = ("state_dict", "model_state_dict", "average", "model", "net")  # keys under which files often hold them
PREFIXES = ("module.", "face.", "net.", "model.")
HEADS = ("head.", "heads.")


def init_face(net: FaceNet, file: str | Path) -> str:
    """Load a file's weights into a FaceNet, in place; returns a report. The head stays new: a file does not say which
    labels the rows of its head are for.

    The file is safetensors or a plain PyTorch state dict, which is never unpickled. Raises EmorecError that names the
    missing tensor or wrong shape, and for an emorec checkpoint, which says who was trained on and is read by --init.
    """
    tensors = read(file)
    if all(any(name.startswith(f"{part}.") for name in tensors) for part in ("face", "voice", "fusion")):
        raise EmorecError(f"{file} belongs to an emorec checkpoint; give the folder of that by --init.")
    tensors = _without_prefixes(tensors)
    expected = {name: tensor for name, tensor in net.state_dict().items() if not name.startswith(HEADS)}
    for name, tensor in expected.items():
        given = tensors.get(name)
        if given is None:
            raise EmorecError(f"{file} does not fit the face network: it has no tensor {name}.")
        if given.shape != tensor.shape:
            raise EmorecError(
                f"{file} does not fit the face network: "
                f"{name} has the shape {tuple(given.shape)}, but {tuple(tensor.shape)} is needed."
            )
    taken = {name: tensors[name] for name in expected}
    _check_finite(taken, file)
    net.load_state_dict(taken, strict=False)
    return f"the face network starts from {Path(file).name}, with a new head"


def init_from(net: FaceNet | VoiceNet, other: FaceNet | VoiceNet) -> None:
    """Copy another network's weights into a network of the same kind, in place; labels may differ.

    The rows of a head are copied by label: from the same label, else as the mean over labels of the same emotion. Rows
    of other labels keep their random values. Raises EmorecError if another tensor differs in shape or is missing.
    """
    theirs, ours = other.state_dict(), net.state_dict()
    for name, tensor in ours.items():
        if name.startswith(HEADS):
            continue
        if name not in theirs or theirs[name].shape != tensor.shape:
            raise EmorecError(f"The model to start from has other networks: {name} differs in shape or is missing.")
    copied = {name: theirs[name].clone() for name in ours if not name.startswith(HEADS)}
    net.load_state_dict(copied, strict=False)
    for (head, labels), (other_head, other_labels) in zip(_heads_of(net), _heads_of(other), strict=False):
        _copy_rows(head, labels, other_head, other_labels)


def _heads_of(net: FaceNet | VoiceNet) -> list[tuple[nn.Linear, tuple[str, ...]]]:
    """The head that analysis uses, with its labels, then others."""
    if isinstance(net, FaceNet):
        return [(net.head, net.config.labels)]
    first = sorted(net.config.heads.items(), key=lambda pair: pair[0] != "emotions")
    heads = [(net.heads[name], labels) for name, labels in first]
    return [(head, labels) for head, labels in heads if isinstance(head, nn.Linear)]


@torch.no_grad()
def _copy_rows(head: nn.Linear, labels: tuple[str, ...], other: nn.Linear, other_labels: tuple[str, ...]) -> None:
    for row, label in enumerate(labels):
        same = [index for index, name in enumerate(other_labels) if name == label]
        emotion = emotion_of(label)
        alike = [index for index, name in enumerate(other_labels) if emotion and emotion_of(name) == emotion]
        if chosen := same or alike:
            head.weight[row] = other.weight[chosen].mean(0)
            head.bias[row] = other.bias[chosen].mean(0)


def read(file: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file or of a plain PyTorch state dict, by name. Raises EmorecError."""
    file = Path(file)
    if not file.is_file():
        raise EmorecError(f"There is no file of weights {file}.")
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        loaded = torch.load(file, weights_only=True, map_location="cpu")
    except SafetensorError as error:
        raise EmorecError(f"{file} is not a complete safetensors file ({error}).") from None
    except Exception:  # the class depends on the content of the file
        raise EmorecError(
            f"{file} is not a plain PyTorch state dict, and nothing else is unpickled; save it as safetensors."
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise EmorecError(f"{file} holds no state dict (names and tensors); save the network's state_dict() alone.")
    return loaded


def _without_prefixes(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors by name without the prefixes of wrappers."""
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _check_finite(tensors: dict[str, torch.Tensor], file: str | Path) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise EmorecError(f"{file} has numbers in {name} that are not finite.")
