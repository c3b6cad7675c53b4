"""Read the files of a user's data one after the other, whatever is wrong with one of them, and keep what was read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from emorec import files
from emorec.errors import EmorecError
from train.data.datasets import Item

KEEP_EVERY = 300.0  # seconds after which what was read is stored
KEEP_SHARE = 0.05  # of the time; storing takes long when there is much

Found = TypeVar("Found")
Keep = Callable[[Sequence[Any], Sequence[str]], None]  # stores what is read so far: found, and reasons


def read_each(
    items: Sequence[Item], read: Callable[[Item], Found], what: str, keep: Keep | None = None
) -> tuple[list[Found | None], list[str]]:
    """Read each item; return the results and the reasons why others are missing.

    If ``read`` raises EmorecError, the result is None and the reason its sentence; otherwise the reason is "". ``what``
    is the title of the progress bar. ``keep`` gets the results so far every few minutes, and if reading is interrupted.
    """
    found: list[Found | None] = []
    reasons: list[str] = []
    next_keep = time.monotonic() + KEEP_EVERY
    try:
        for item in tqdm(items, desc=what, disable=None):
            try:
                one, reason = read(item), ""
            except EmorecError as error:
                one, reason = None, files.shown(str(error))
            found.append(one)
            reasons.append(reason)
            if keep is not None and (begin := time.monotonic()) >= next_keep:
                keep(found, reasons)
                next_keep = time.monotonic() + max(KEEP_EVERY, (time.monotonic() - begin) / KEEP_SHARE)
    except BaseException:
        if keep is not None and reasons:
            with contextlib.suppress(EmorecError):  # such as a full disk: the first error is the one to report
                keep(found[: len(reasons)], reasons)
        raise
    return found, reasons


def with_reasons(items: Sequence[Item], reasons: Any) -> list[tuple[Item, str]]:
    """The items that have a reason, with it."""
    return [(item, str(reason)) for item, reason in zip(items, reasons, strict=True) if reason]
