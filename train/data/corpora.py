"""Load the data set that a user names: read its layout, map its labels to emotions, split it by person."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from train.data import datasets, duplicates, layouts, persons
from train.data.datasets import Item
from train.data.label_maps import EXTRA_LABELS, map_labels, read_mapping
from train.data.persons import known_people

HELD_OUT_SHARE = 0.2
DRAWS = 100  # of people to hold out
OWN_LAYOUTS = ("folder", "csv")  # files of published corpora are not copies of one another
ONE_SHOWS = (
    "Only {person} has items with the label {label!r}, so it cannot be both trained and validated; give items of "
    "others, or validation data by --val_dir."
)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Items of training and of validation, the labels of both, and whether the persons in all items are known."""

    train: list[Item]
    valid: list[Item]
    labels: tuple[str, ...]
    known_people: bool

    @property
    def people(self) -> list[str]:
        """The named persons of training, sorted."""
        return sorted({item.person for item in self.train if item.named})

    @property
    def held_out(self) -> list[str]:
        """The named persons of validation, sorted."""
        return sorted({item.person for item in self.valid if item.named})

    @property
    def sizes(self) -> tuple[int, int]:
        """The numbers of items of training and of validation."""
        return len(self.train), len(self.valid)

    @property
    def counts(self) -> dict[str, int]:
        """The number of training items of each label."""
        return dict(Counter(item.label or "no majority" for item in self.train))

    @property
    def digest(self) -> str:
        """A hash of the files, labels and persons of all items; it stays the same if their folder is moved."""
        return digest_of([_described(self.train), _described(self.valid)])


def _described(items: Sequence[Item]) -> list[list[Any]]:
    """Each item's path below the folder that all are in, its label, person and votes, sorted."""
    paths = [item.path.absolute().parts for item in items]
    above = len(os.path.commonprefix([path[:-1] for path in paths]))
    return sorted(
        [path[above:], item.label, item.person if item.named else "", item.votes]
        for path, item in zip(paths, items, strict=True)
    )


def digest_of(values: Any) -> str:
    """A short hash of JSON values."""
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:16]


def load(
    dataset: str,
    task: str,
    train_dir: Path,
    val_dir: Path | None = None,
    labels: Path | None = None,
    fold: int = 0,
    seed: int = 0,
) -> Corpus:
    """Load a Corpus of the data set in ``train_dir``, validated on ``val_dir`` or on held-out people.

    ``dataset`` is a key of ``layouts.READERS``, ``task`` "face", "voice" or "fusion". ``labels`` is a JSON file that
    maps the data set's labels to emotions (null: leave those items out). Raises EmorecError for empty or missing
    folders, unknown labels, a single label, too few items, and people in both training and validation.
    """
    mapping = read_mapping(labels) if labels else None
    items = read(dataset, task, train_dir, mapping)
    if val_dir:
        train, valid = items, read(dataset, task, val_dir, mapping)
        known = known_people(train + valid)
    else:
        known = known_people(items)
        train, valid = split(items, known, fold, seed)
    persons.report(train, valid, bool(val_dir))
    if dataset in OWN_LAYOUTS:
        duplicates.report(train, valid)
    both = {item.person for item in train} & {item.person for item in valid}
    if both and (known or val_dir):
        raise EmorecError(
            f"{persons.describe(min(both), train)} is both in the training and in the validation data; "
            "keep people apart."
        )
    present = {item.label for item in train}
    if len(present) < 2:
        raise EmorecError(f"All {len(train)} training items have the label {next(iter(present))!r}; give at least two.")
    if unseen := sorted({item.label for item in valid} - present):
        raise EmorecError(f"The validation label {unseen[0]!r} is on no training item; add some, or map it elsewhere.")
    ordered = (
        datasets.FERPLUS_LABELS
        if dataset == "ferplus"
        else tuple(label for label in (*EMOTIONS, *EXTRA_LABELS) if label in present)
    )
    named = known and datasets.PARTS.isdisjoint(item.person for item in (*train, *valid))
    return Corpus(train=train, valid=valid, labels=ordered, known_people=named)


def read(dataset: str, task: str, folder: Path, mapping: dict[str, str | None] | None) -> list[Item]:
    """Read items of a data set, with emotions as labels. Raises EmorecError, also if the folder of a label is empty."""
    items = layouts.READERS[dataset](Path(folder), task)
    if dataset == "folder":
        _check_label_folders(Path(folder), items, mapping or {}, task)
    return map_labels(items, mapping, folder)


def _check_label_folders(folder: Path, items: Sequence[Item], mapping: dict[str, str | None], task: str) -> None:
    """Raise EmorecError if the folder of a label that is not mapped to null holds no items."""
    found = {item.label for item in items}
    for path in sorted(folder.iterdir()):
        name = layouts.normalise_name(path.name)
        ignored = name.startswith((".", "__")) or mapping.get(name, "") is None  # "": a label that is not mapped
        if path.is_dir() and not ignored and name not in found:
            alike = _emotion(name, mapping) in {_emotion(label, mapping) for label in found} - {None}
            why = "" if alike else f", so {name!r} cannot be learned"
            raise EmorecError(f"The folder {path} holds no {layouts.KINDS[task]}{why}; add some, or remove the folder.")


def _emotion(label: str | None, mapping: dict[str, str | None]) -> str | None:
    """The emotion that a label stands for, None if it stands for none or is not known."""
    meant = mapping.get(label, label) if label else None
    try:
        return emotion_of(meant) if meant else None
    except EmorecError:
        return None


def split(items: list[Item], known: bool, fold: int, seed: int) -> tuple[list[Item], list[Item]]:
    """Items of training and of validation: by the data set's own parts or folds, else a fifth of the people.

    If only some persons are ``known``, items without one are trained on; if most are unknown, items are split.
    """
    parts = {item.person for item in items}
    if parts == {"ferplus-train", "ferplus-valid"} or parts == {"fer2013-train", "fer2013-valid"}:
        held_out = {part for part in parts if part.endswith("-valid")}
    else:
        places = datasets.folds_of(items)
        held_out = {item.person for item, place in zip(items, places, strict=True) if place == fold}
    if held_out and held_out != parts:
        return [i for i in items if i.person not in held_out], [i for i in items if i.person in held_out]
    named = sorted({item.person for item in items if item.named})
    generator = np.random.default_rng(seed)
    if not known and (len(named) < 2 or not persons.most_named(items)):
        return _split_evenly(items, generator)
    if len(named) < 2:
        raise EmorecError(
            f"All items show one person ({named[0]}), so none can be kept for validation; give others by --val_dir."
        )
    count = max(1, round(HELD_OUT_SHARE * len(named)))
    draws = ({named[row] for row in generator.permutation(len(named))[:count]} for _ in range(DRAWS))
    first = next(draws)
    # Without these people, every label should have items to train on; if no draw leaves some, the first one is refused.
    labels = {item.label for item in items}
    complete = (d for d in chain([first], draws) if {i.label for i in items if i.person not in d} == labels)
    held_out = next(complete, first)
    shown = {label: {item.person for item in items if item.label == label} for label in sorted(labels)}
    if alone := [label for label, people in shown.items() if people <= held_out and len(people) == 1]:
        raise EmorecError(ONE_SHOWS.format(person=next(iter(shown[alone[0]])), label=alone[0]))
    return [i for i in items if i.person not in held_out], [i for i in items if i.person in held_out]


def _split_evenly(items: list[Item], generator: np.random.Generator) -> tuple[list[Item], list[Item]]:
    """A fifth of the items of each label for validation, if the persons are unknown.

    Raises EmorecError if every label has one item alone.
    """
    held_out: set[int] = set()
    for label in sorted({item.label for item in items}):
        rows = [row for row, item in enumerate(items) if item.label == label]
        count = round(HELD_OUT_SHARE * len(rows)) or int(len(rows) > 1)
        held_out |= {rows[at] for at in generator.permutation(len(rows))[:count]}
    if not held_out:
        raise EmorecError(
            "There is one item for each label, so none can be kept for validation; add items, or give others by "
            "--val_dir."
        )
    return (
        [item for row, item in enumerate(items) if row not in held_out],
        [item for row, item in enumerate(items) if row in held_out],
    )


def describe(corpus: Corpus) -> str:
    """One line: the numbers of items and people, and the number of items of each label."""
    by_label = ", ".join(f"{label} {count}" for label, count in sorted(corpus.counts.items()))
    some = not datasets.PARTS.issuperset(corpus.people)
    who = f"{len(corpus.people)} and {len(corpus.held_out)} people" if some else "people unknown"
    if some and not corpus.known_people:
        who += ", some unknown"
    train, valid = corpus.sizes
    return f"{train} items to train on, {valid} to validate on ({who}): {by_label}"
