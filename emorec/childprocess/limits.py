"""Limits of the operating system on the process that calls; those that the system lacks are left out."""

from __future__ import annotations

import contextlib
import functools
import logging
import math
import time
from typing import Any

resource: Any
try:
    import resource
except ImportError:  # Windows
    resource = None

WORDS = {"RLIMIT_DATA": "memory", "RLIMIT_FSIZE": "size of files", "RLIMIT_CPU": "processor time"}


def restrict(**maximums: float) -> None:
    """Set limits for good: ``CORE`` and ``FSIZE`` (bytes of a file), ``DATA`` (bytes of memory), ``CPU`` (s)."""
    for name, maximum in maximums.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is not None:
            value = _allowed(kind, maximum)
            with contextlib.suppress(ValueError, OSError):  # known by name but not supported
                resource.setrlimit(kind, (value, value))


def allow_processor_time(seconds: float) -> None:
    """Let the kernel end this process once it has used ``seconds`` (s) of processor time from now on."""
    kind = getattr(resource, "RLIMIT_CPU", None)
    if kind is not None:
        value = _allowed(kind, math.ceil(time.process_time()) + seconds)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))


def _allowed(kind: int, maximum: float) -> int:
    hard = resource.getrlimit(kind)[1]
    return int(maximum) if hard == resource.RLIM_INFINITY else min(int(maximum), hard)


@functools.cache
def warn_of_missing() -> None:
    """Log, once in the life of this process, which limits the system lacks."""
    missing = [word for name, word in WORDS.items() if not hasattr(resource, name)]
    if missing:
        logging.getLogger("emorec").warning(
            "This system cannot limit the %s of the processes that read files and links; "
            "analyse only files that you trust.",
            ", ".join(missing),
        )
