"""Weights to start from: a file of face-encoder weights, or the networks of another checkpoint."""

from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError

from emorec.errors import EmorecError

WRAPPERS = ("state_dict", "model_state_dict", "average", "model", "net")  # what state dicts are often kept under
PREFIXES = ("module.", "face.", "net.", "model.")
HEADS = ("head.", "heads.")


def start_face(net, file):
    """Load a file's weights into a FaceNet, in place; a head for other labels stays as it is. Says what it did.

    The file is safetensors (an emorec ``model.safetensors`` too) or a plain PyTorch state dict, which is never
    unpickled. Raises EmorecError that names the missing tensor or wrong shape.
    """
    tensors = _unprefixed(read(file))
    expected = net.state_dict()
    kept_head = False
    for name, tensor in expected.items():
        given = tensors.get(name)
        if given is not None and given.shape == tensor.shape:
            continue
        if name.startswith(HEADS):
            kept_head = True
            continue
        if given is None:
            raise EmorecError(f"{file} does not fit the face network: it has no tensor {name}.")
        raise EmorecError(
            f"{file} does not fit the face network: "
            f"{name} has the shape {tuple(given.shape)} where {tuple(tensor.shape)} is needed."
        )
    taken = {name: tensors[name] for name in expected if not (kept_head and name.startswith(HEADS))}
    _check_finite(taken, file)
    net.load_state_dict(taken, strict=False)
    return f"the face network starts from {Path(file).name}" + (", with a new head" if kept_head else "")


def start_from(net, other):
    """Copy another network's weights wherever names and shapes agree (all but heads must), in place."""
    theirs, ours = other.state_dict(), net.state_dict()
    for name, tensor in ours.items():
        if name.startswith(HEADS):
            continue
        if name not in theirs or theirs[name].shape != tensor.shape:
            raise EmorecError(f"The model to start from has other networks: {name} differs in shape or is not there.")
    same_labels = getattr(net.config, "labels", None) == getattr(other.config, "labels", None) and getattr(
        net.config, "heads", None
    ) == getattr(other.config, "heads", None)
    taken = {name: theirs[name].clone() for name in ours if same_labels or not name.startswith(HEADS)}
    net.load_state_dict(taken, strict=False)


def read(file):
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
    except Exception:  # what torch raises depends on what lies in the file
        raise EmorecError(
            f"{file} is not a plain PyTorch state dict, and nothing else is unpickled; save it as safetensors."
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(loaded, dict) and isinstance(loaded.get(wrapper), dict):
            loaded = loaded[wrapper]
    if not isinstance(loaded, dict) or not all(isinstance(value, torch.Tensor) for value in loaded.values()):
        raise EmorecError(f"{file} holds no state dict (names and tensors); save the network's state_dict() alone.")
    return loaded


def _unprefixed(tensors):
    """Names without the prefixes that wrappers and emorec's own checkpoints give them."""
    if any(name.startswith("face.") for name in tensors):
        tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("face.")}
    for prefix in PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _check_finite(tensors, file):
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise EmorecError(f"{file} has numbers in {name} that are not finite.")
