"""Files of a user's data set that are copies of one another, byte for byte; pictures with the same pixels."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Hashable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

from train import distributed
from train.data import layouts, pack
from train.data.datasets import Item

HEAD = 2**16  # bytes by which files of one size are told apart first
COPIES = (
    "Files that are copies of others: {count} (the first: {one} and {other}); they count more than others, so leave "
    "one of each."
)
TWO_LABELS = (
    "Files that are copies of others with another label: {count} (the first: {one} and {other}); leave the right ones."
)
BOTH_SIDES = (
    "Validation files that are copies of training files: {count} (the first: {one} and {other}), so results are too "
    "good; leave one of each."
)


def report(train: Sequence[Item], valid: Sequence[Item]) -> None:
    """Report files that are copies: of a training file in the validation data, with another label, or at all.

    Of several processes, only the one that reports reads the files.
    """
    if distributed.rank():
        return
    for_training = {item.path for item in train}
    pairs = [(group[0], item) for group in groups([*train, *valid]) for item in group[1:]]
    across = [(one, other) for one, other in pairs if one.path in for_training and other.path not in for_training]
    differing = [(one, other) for one, other in pairs if one.label != other.label]
    others = [
        (one, other)
        for one, other in pairs
        if one.label == other.label and (one.path in for_training) == (other.path in for_training)
    ]
    for sentence, found in ((BOTH_SIDES, across), (TWO_LABELS, differing), (COPIES, others)):
        if found:
            one, other = found[0]
            layouts.report_once(sentence.format(count=len(found), one=one.path, other=other.path))


def groups(items: Iterable[Item]) -> list[list[Item]]:
    """The items whose files have the same content, in order; files that are empty or cannot be read are left out."""
    same = _divide([list(items)], lambda path: path.stat().st_size)
    same = _divide(same, lambda path: _digest(path, HEAD))
    return _divide(same, _digest)


def _divide(together: Iterable[Sequence[Item]], key: Callable[[Path], Hashable]) -> list[list[Item]]:
    """Groups of items divided by a key of their files; groups of one, and files without a key, are left out."""
    divided: list[list[Item]] = []
    for group in together:
        by_key: dict[Hashable, list[Item]] = {}
        for item in group:
            with contextlib.suppress(OSError):  # the reading of the data reports it
                if found := key(item.path):
                    by_key.setdefault(found, []).append(item)
        divided += [one for one in by_key.values() if len(one) > 1]
    return divided


def _digest(path: Path, most: int | None = None) -> bytes:
    """The hash of a file's first bytes, or of all of them."""
    with open(path, "rb") as file:
        if most:
            return hashlib.sha256(file.read(most)).digest()
        return hashlib.file_digest(file, "sha256").digest()


def have_same_pixels(items: Sequence[Item], others: Sequence[Item]) -> np.ndarray:
    """Which pictures of ``items`` have, in grey, exactly the pixels of one of the ``others``: (N,) bool."""
    known = {_pixels(item.path) for item in others}
    return np.array([_pixels(item.path) in known for item in items], bool)


def _pixels(path: Path) -> bytes:
    """The hash of a picture's size and grey pixels."""
    picture = pack.read_picture(path, cv2.IMREAD_GRAYSCALE)
    return hashlib.sha256(repr(picture.shape).encode() + picture.tobytes()).digest()
