"""Read and write checkpoint folders: config.json, model.safetensors and README.md. Loading is strict."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from emorec import files
from emorec.errors import EmorecError
from emorec.models import calibration as calibrations
from emorec.models import provenance
from emorec.models.calibration import Calibration, HeadCalibration
from emorec.models.config import FaceConfig, FusionConfig, VoiceConfig
from emorec.models.networks import FaceNet, FusionNet, VoiceNet
from emorec.voice.features import VoiceFrontEnd

FORMAT_VERSION = 5
OLDEST_VERSION = 2  # its voice networks have no distilled trunk
NO_RELATIVE_VERSION = 4  # its calibration has no head "relative"; that of older ones is flat
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
MAX_CONFIG_BYTES = 10_000_000  # the configuration of the bundled weights has 0.1 MB

NETWORKS: dict[str, tuple[Any, Any]] = {
    "face": (FaceConfig, FaceNet),
    "voice": (VoiceConfig, VoiceNet),
    "fusion": (FusionConfig, FusionNet),
}


@dataclass(kw_only=True)
class Checkpoint:
    """Everything that analysis needs. ``training`` and ``evaluation`` are metadata, as config.json holds them."""

    # A notebook would show every layer of the networks.
    face: FaceNet = field(repr=False)
    voice: VoiceNet = field(repr=False)
    fusion: FusionNet = field(repr=False)
    front_end: VoiceFrontEnd = field(default_factory=VoiceFrontEnd)
    calibration: Calibration = field(default_factory=Calibration, repr=False)
    training: dict = field(default_factory=dict, repr=False)
    evaluation: dict = field(default_factory=dict, repr=False)
    folder: Path | None = None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of what extracted features depend on: both encoders and the voice front end."""
        digest = hashlib.sha256(json.dumps(asdict(self.front_end), sort_keys=True).encode())
        for network in (self.face, self.voice):
            digest.update(repr(network.config).encode())
            for name, tensor in sorted(network.state_dict().items()):
                digest.update(name.encode() + tensor.cpu().numpy().tobytes())
        return digest.hexdigest()

    def to(self, device: str | torch.device) -> Checkpoint:
        """Move the networks to a device, as torch names it; returns self."""
        for name in NETWORKS:
            getattr(self, name).to(device)
        return self


def load(folder: str | Path, device: str | torch.device = "cpu") -> Checkpoint:
    """Read a checkpoint folder. Raises EmorecError that names the missing or unknown key, tensor or wrong shape."""
    folder = Path(folder)
    config = _read_config(folder / CONFIG_FILE)
    tensors = _read_tensors(folder / WEIGHTS_FILE)
    parts: dict[str, Any] = {}
    for name, (config_class, network_class) in NETWORKS.items():
        network_config = _build_config(config_class, config["networks"][name], f"networks.{name}", folder)
        own = {key.removeprefix(name + "."): tensor for key, tensor in tensors.items() if key.startswith(name + ".")}
        with torch.device("meta"):  # takes no memory: a wrong configuration may ask for any size
            _check_tensors(_build_network(network_class, network_config).state_dict(), own, name, folder)
        network = _build_network(network_class, network_config)
        network.load_state_dict(own)
        parts[name] = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    unknown = sorted(key for key in tensors if "." not in key or key.split(".")[0] not in NETWORKS)
    if unknown:
        raise EmorecError(f"The checkpoint {folder} holds a tensor that emorec does not know: {unknown[0]}.")
    front_end = _build_config(VoiceFrontEnd, config["front_end"], "front_end", folder)
    _check_fit(parts["face"].config, parts["voice"].config, parts["fusion"].config, front_end, folder)
    return Checkpoint(
        **parts,
        front_end=front_end,
        calibration=_read_calibration(config["calibration"], folder),
        training=config["training"],
        evaluation=config["evaluation"],
        folder=folder,
    ).to(device)


def save(checkpoint: Checkpoint, folder: str | Path) -> None:
    """Write config.json and model.safetensors, each atomically, but no model card. Raises OSError."""
    folder = Path(folder)
    tensors = {
        f"{name}.{key}": tensor.contiguous().cpu()
        for name in NETWORKS
        for key, tensor in getattr(checkpoint, name).state_dict().items()
    }
    files.write(folder / WEIGHTS_FILE, safetensors.torch.save(tensors, metadata={"format": "pt"}))
    save_config(checkpoint, folder)


def save_config(checkpoint: Checkpoint, folder: str | Path) -> None:
    """Write config.json alone, as evaluation does with its results. Raises OSError."""
    config = {
        "format_version": FORMAT_VERSION,
        "library": "emorec",
        "networks": {name: asdict(getattr(checkpoint, name).config) for name in NETWORKS},
        "front_end": asdict(checkpoint.front_end),
        "calibration": asdict(checkpoint.calibration),
        "training": checkpoint.training,
        "evaluation": checkpoint.evaluation,
    }
    files.write(Path(folder) / CONFIG_FILE, (json.dumps(config, indent=2, ensure_ascii=False) + "\n").encode())


CONFIG_KEYS = {"format_version", "library", "networks", "front_end", "calibration", "training", "evaluation"}


def _read_config(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise EmorecError(f"The checkpoint {file.parent} has no {file.name}.")
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_CONFIG_BYTES + 1)
        if len(content) > MAX_CONFIG_BYTES:
            raise ValueError(f"it is larger than {MAX_CONFIG_BYTES // 10**6} MB")
        config = json.loads(content.decode())
    except (OSError, ValueError, RecursionError) as error:
        raise EmorecError(f"The checkpoint's {file} cannot be read as JSON ({error}).") from None
    if not isinstance(config, dict) or config.get("library") != "emorec":
        raise EmorecError(f"{file} is not an emorec checkpoint's configuration.")
    version = config.get("format_version")
    if version not in range(OLDEST_VERSION, FORMAT_VERSION + 1):
        raise EmorecError(
            f"{file} has format version {version}; this emorec reads versions {OLDEST_VERSION} to {FORMAT_VERSION}."
        )
    _check_keys(config, CONFIG_KEYS, "config", file.parent)
    provenance.check(config["training"], config["evaluation"], file.parent)
    _check_keys(config["networks"], set(NETWORKS), "networks", file.parent)
    if version == OLDEST_VERSION and isinstance(config["networks"]["voice"], dict):
        config["networks"]["voice"] |= {"listener_widths": [], "listener_embedding": 0}
    if version == NO_RELATIVE_VERSION and isinstance(config["calibration"], dict):
        config["calibration"].setdefault("relative", asdict(HeadCalibration()))
    return config


def _read_tensors(file: Path) -> dict[str, torch.Tensor]:
    if not file.is_file():
        raise EmorecError(f"The checkpoint {file.parent} has no {file.name}.")
    try:
        return safetensors.torch.load_file(file)
    except (OSError, SafetensorError) as error:
        raise EmorecError(f"The checkpoint's {file} is not a complete safetensors file ({error}).") from None


def _build_config(config_class: Any, values: Any, place: str, folder: Path) -> Any:
    _check_keys(values, {field.name for field in fields(config_class)}, place, folder)
    try:
        return config_class(**{key: _as_tuples(value) for key, value in values.items()})
    except ValueError as error:
        raise EmorecError(f"The checkpoint {folder} has an unusable configuration: {place}.{error}.") from None


def _check_fit(
    face: FaceConfig, voice: VoiceConfig, fusion: FusionConfig, front_end: VoiceFrontEnd, folder: Path
) -> None:
    """Raise EmorecError unless the sizes of the networks' inputs and outputs fit together."""
    sizes = {
        "networks.voice.n_mels": (voice.n_mels, front_end.n_mels),
        "networks.fusion.face_features": (fusion.face_features, face.widths[-1]),
        "networks.fusion.voice_features": (fusion.voice_features, 2 * voice.embedding),
    }
    if not voice.heads.get("emotions"):
        raise EmorecError(
            f"The checkpoint {folder} has an unusable configuration: networks.voice.heads has no emotions."
        )
    for place, (actual, expected) in sizes.items():
        if actual != expected:
            raise EmorecError(
                f"The checkpoint {folder} does not fit together: {place} is {actual} instead of {expected}."
            )


def _read_calibration(values: Any, folder: Path) -> Calibration:
    try:
        return calibrations.read(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise EmorecError(f"The checkpoint {folder} has an unusable calibration ({error}).") from None


def _build_network(network_class: Any, config: Any) -> Any:
    try:
        return network_class(config)
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, EmorecError) as error:
        raise EmorecError(
            f"No {network_class.__name__} can be built from the checkpoint's configuration ({error})."
        ) from None


def _check_keys(values: Any, expected: set[str], place: str, folder: Path) -> None:
    if not isinstance(values, dict):
        raise EmorecError(f"The checkpoint {folder} has no {place} in its {CONFIG_FILE}.")
    unknown, missing = sorted(set(values) - expected), sorted(expected - set(values))
    if unknown:
        raise EmorecError(f"The checkpoint {folder} has an unknown key in its {CONFIG_FILE}: {place}.{unknown[0]}.")
    if missing:
        raise EmorecError(f"The checkpoint {folder} lacks a key in its {CONFIG_FILE}: {place}.{missing[0]}.")


def _as_tuples(value: Any) -> Any:
    """A JSON list, or the lists in a JSON object, as tuples, which frozen configs hold."""
    if isinstance(value, dict):
        return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _check_tensors(
    expected: dict[str, torch.Tensor], tensors: dict[str, torch.Tensor], name: str, folder: Path
) -> None:
    """Raise EmorecError unless the tensors have the names and shapes of the expected state dict and are finite."""
    missing, unknown = sorted(set(expected) - set(tensors)), sorted(set(tensors) - set(expected))
    if missing:
        raise EmorecError(f"The checkpoint {folder} lacks the tensor {name}.{missing[0]}.")
    if unknown:
        raise EmorecError(f"The checkpoint {folder} holds a tensor that emorec does not know: {name}.{unknown[0]}.")
    for key, tensor in expected.items():
        if tensors[key].shape != tensor.shape:
            shapes = f"{tuple(tensors[key].shape)} instead of {tuple(tensor.shape)}"
            raise EmorecError(f"The checkpoint {folder} has the tensor {name}.{key} in the wrong shape, {shapes}.")
        if tensors[key].is_floating_point() and not torch.isfinite(tensors[key]).all():
            raise EmorecError(f"The checkpoint {folder} has numbers in {name}.{key} that are not finite.")
