"""Load the data set that a user names: read its layout, map its labels to emotions, split it by person."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, FOLDING, emotion_of
from emorec.errors import EmorecError
from train.data import datasets, duplicates, layouts, persons
from train.data.datasets import Item
from train.data.persons import known_people

# Labels that are kept although they are not among the seven emotions; every other label becomes its emotion.
EXTRA_LABELS = ("calm", "contempt")
HELD_OUT_SHARE = 0.2
OWN_LAYOUTS = ("folder", "csv")  # files of published corpora are not copies of one another
UNKNOWN = (
    "{labels} in {folder} {are} not known; say in a JSON file (--labels) what each label of the data means, as "
    "{example}, with an emotion in place of each EMOTION; null leaves a label out."
)
UNMAPPED = "{labels} {are} not in the label map; add every label with its emotion, or with null to leave its items out."


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
    return Corpus(train=train, valid=valid, labels=ordered, known_people=known)


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


def read_mapping(file: Path) -> dict[str, str | None]:
    """Read the dict of a --labels file: from the data set's labels to emotions, or None. Raises EmorecError."""
    try:
        mapping = json.loads(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise EmorecError(f"The label map {file} cannot be read as JSON ({error}).") from None
    if not isinstance(mapping, dict) or not all(value is None or isinstance(value, str) for value in mapping.values()):
        raise EmorecError(f'The label map {file} must be a JSON object like {{"joy": "happy", "bored": null}}.')
    for name, value in mapping.items():
        if value is not None:
            try:
                emotion_of(value)
            except EmorecError as error:
                raise EmorecError(f"The label map {file} maps {name!r} wrongly: {error}") from None
    return {layouts.normalise_name(name): value for name, value in mapping.items()}


def map_labels(items: Sequence[Item], mapping: dict[str, str | None] | None, folder: Path) -> list[Item]:
    """The items with emotions as labels, without those mapped to None. Raises EmorecError for an unknown label."""
    counts = Counter(item.label for item in items if not item.votes)
    if mapping is not None and (missing := sorted(counts.keys() - mapping.keys())):
        raise EmorecError(_about(UNMAPPED, [f"{label!r} of {counts[label]} items" for label in missing]))
    meant = mapping if mapping is not None else {label: label for label in counts}
    named = {label: name for label in counts if (name := meant[label]) is not None}
    if unknown := sorted(label for label, name in named.items() if name.lower() not in FOLDING):
        # The map has to name every label, so the example does.
        example = {label: "EMOTION" if label in unknown else name.lower() for label, name in sorted(named.items())}
        written = json.dumps(example, ensure_ascii=False)
        raise EmorecError(_about(UNKNOWN, [repr(label) for label in unknown], folder=folder, example=written))
    out = []
    for item in items:
        if item.votes:  # FER+ has its own eight labels, and pictures without a majority
            out.append(item)
        elif name := named.get(item.label):
            out.append(replace(item, label=name.lower() if name.lower() in EXTRA_LABELS else emotion_of(name)))
    if not out:
        raise EmorecError(f"{folder} holds no items to learn from; is it the data set's own folder?")
    return out


def _about(sentence: str, labels: Sequence[str], **values: Any) -> str:
    """A sentence about one or several labels."""
    one = len(labels) == 1
    named = f"The label {labels[0]}" if one else f"The labels {', '.join(labels[:-1])} and {labels[-1]}"
    return sentence.format(labels=named, are="is" if one else "are", **values)


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
    held_out = {named[row] for row in generator.permutation(len(named))[: max(1, round(HELD_OUT_SHARE * len(named)))]}
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
    who = f"{len(corpus.people)} and {len(corpus.held_out)} people" if corpus.people else "people unknown"
    if corpus.people and not corpus.known_people:
        who += ", some unknown"
    train, valid = corpus.sizes
    return f"{train} items to train on, {valid} to validate on ({who}): {by_label}"
