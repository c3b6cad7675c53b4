"""The device that networks run on."""

from __future__ import annotations

import os

import torch

from emorec.errors import EmorecError

DEVICES = ("auto", "cpu", "cuda", "mps")


def _use_one_thread() -> None:
    """Let torch use one thread in this process."""
    torch.set_num_threads(1)


# A fork of a process has none of torch's threads but would wait for them for ever. multiprocessing forks for a pool of
# processes, which keeps the cores busy with one thread each.
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_use_one_thread)


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
