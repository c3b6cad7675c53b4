"""The device that networks run on."""

from __future__ import annotations

import torch

from emorec.errors import EmorecError

DEVICES = ("auto", "cpu", "cuda", "mps")


def resolve_device(name: str) -> str:
    """The device to use, for "auto" CUDA or the CPU. Raises EmorecError for one that is unknown or not usable here."""
    if name not in DEVICES:
        raise EmorecError(f"The device {name!r} does not exist; choose one of {', '.join(DEVICES)}.")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    usable = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}.get(name)
    if usable and not usable():
        raise EmorecError(f"There is no usable {name.upper()} device here; choose the device cpu or auto.")
    return name
