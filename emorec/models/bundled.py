"""The small networks that are bundled beside the checkpoint: reading their files of weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypeVar

import safetensors.torch
from safetensors import SafetensorError
from torch import nn

from emorec import files
from emorec.errors import EmorecError

FOLDER = Path(__file__).parents[1] / "weights"

Net = TypeVar("Net", bound=nn.Module)


def read(network: Net, file: Path, name: str) -> Net:
    """``network`` with the weights of a safetensors file, ready for inference; ``name`` is its name in messages.

    Raises EmorecError if the file cannot be read or does not hold this network.
    """
    try:
        weights = safetensors.torch.load_file(file)
        network.load_state_dict({key: value.float() for key, value in weights.items()}, strict=False)
        # Batch norms count their batches during training; files need not hold these numbers.
        batch_counts = {key for key in network.state_dict() if key.endswith("num_batches_tracked")}
        if wrong := (network.state_dict().keys() - batch_counts) ^ (weights.keys() - batch_counts):
            raise RuntimeError(f"{len(wrong)} tensors are missing or unknown")
    except (OSError, SafetensorError, RuntimeError) as error:
        raise EmorecError(f"{file} does not hold the weights of the {name} network ({error}).") from None
    return network.eval().requires_grad_(False)


def fingerprint(file: Path) -> str:
    """SHA-256 of a file of weights, in hexadecimal. Raises EmorecError if it cannot be read."""
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError as error:
        raise EmorecError(f"{file} cannot be read ({error.strerror or error}).") from None


def write(network: nn.Module, file: Path) -> None:
    """Write the weights of a network as float16. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {key: value.half() for key, value in network.state_dict().items() if value.is_floating_point()}
    files.write(file, safetensors.torch.save({key: value.contiguous() for key, value in weights.items()}))
