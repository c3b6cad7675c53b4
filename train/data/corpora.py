"""The data set that a user names: read from its public layout, labels put into our words, people split apart."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from train.data import datasets, layouts

# Words of our own that have no column among the seven; every other label is called by its emotion.
KEPT_WORDS = ("calm", "contempt")
HELD_OUT_SHARE = 0.2


@dataclass(frozen=True)
class Corpus:
    """Items to train on and to validate on, the labels of both, and whether it is known whom the items show."""

    train: list
    valid: list
    labels: tuple
    known_people: bool

    @property
    def people(self):
        """The persons trained on, sorted; none where they are unknown."""
        return sorted({item.person for item in self.train}) if self.known_people else []

    @property
    def held_out(self):
        """The persons validated on, sorted; none where they are unknown."""
        return sorted({item.person for item in self.valid}) if self.known_people else []


def load(dataset, task, train_dir, val_dir=None, labels=None, fold=0, seed=0):
    """A Corpus of the data set in ``train_dir``, validated on ``val_dir`` or on people kept apart.

    ``labels`` is a JSON file that maps the data set's labels to ours (null: leave those items out). Raises EmorecError
    for empty or missing folders, labels that nothing is known of, one label only, and people on both sides.
    """
    mapping = read_mapping(labels) if labels else None
    items = labelled(layouts.READERS[dataset](Path(train_dir), task), mapping, train_dir)
    if val_dir:
        train, valid = items, labelled(layouts.READERS[dataset](Path(val_dir), task), mapping, val_dir)
        known = known_people(train + valid)
    else:
        known = known_people(items)
        train, valid = split(items, known, fold, seed)
    both = {item.person for item in train} & {item.person for item in valid}
    if both and (known or val_dir):
        raise EmorecError(
            f"{_who(sorted(both)[0])} is both in the training and in the validation data; keep people apart."
        )
    found = {item.label for item in train}
    if len(found) < 2:
        raise EmorecError(f"All {len(train)} training items have the label {next(iter(found))!r}; give at least two.")
    if strange := sorted({item.label for item in valid} - found):
        raise EmorecError(f"The validation label {strange[0]!r} is on no training item; add some, or map it elsewhere.")
    ordered = (
        datasets.FERPLUS_LABELS
        if dataset == "ferplus"
        else tuple(label for label in (*EMOTIONS, *KEPT_WORDS) if label in found)
    )
    return Corpus(train, valid, ordered, known)


def read_mapping(file):
    """The dict of a --labels file: the data set's labels to ours, or None."""
    try:
        mapping = json.loads(Path(file).read_text(encoding="utf-8"))
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
    return mapping


def labelled(items, mapping, folder):
    """The items under our labels, those mapped to None left out. Raises EmorecError for a label without a place."""
    out = []
    for item in items:
        if item.votes:  # FER+ has its own eight labels, and pictures without a majority
            out.append(item)
            continue
        label = item.label
        if mapping is not None:
            if label not in mapping:
                count = sum(other.label == label for other in items)
                raise EmorecError(f"The label {label!r} of {count} items is not in the label map; add it, or as null.")
            label = mapping[label]
            if label is None:
                continue
        try:
            emotion = emotion_of(label)
        except EmorecError:
            raise EmorecError(
                f"The label {label!r} in {folder} is not known; say what it means in a JSON file by --labels, "
                f'as {{"{label}": "happy"}} or, to leave it out, {{"{label}": null}}.'
            ) from None
        out.append(replace(item, label=label.lower() if label.lower() in KEPT_WORDS else emotion))
    if not out:
        raise EmorecError(f"{folder} holds no items to learn from; is it the data set's own folder?")
    return out


def known_people(items):
    """Whether items say whom they show: where they do not, each stands under its own path."""
    return not any(item.person.startswith("/") for item in items)


def split(items, known, fold, seed):
    """Items to train on and to validate on: by the data set's own parts or folds, else a fifth of the people."""
    parts = {item.person for item in items}
    if parts == {"ferplus-train", "ferplus-valid"} or parts == {"fer2013-train", "fer2013-valid"}:
        held_out = {part for part in parts if part.endswith("-valid")}
    else:
        places = datasets.fold_of(items)
        held_out = {item.person for item, place in zip(items, places, strict=True) if place == fold}
    if held_out and held_out != parts:
        return [i for i in items if i.person not in held_out], [i for i in items if i.person in held_out]
    people = sorted(parts)
    generator = np.random.default_rng(seed)
    if not known:
        return _split_evenly(items, generator)
    if len(people) < 2:
        raise EmorecError(
            f"All items show one person ({people[0]}), so none can be kept for validation; give others by --val_dir."
        )
    held_out = {
        people[row] for row in generator.permutation(len(people))[: max(1, round(HELD_OUT_SHARE * len(people)))]
    }
    return [i for i in items if i.person not in held_out], [i for i in items if i.person in held_out]


def _split_evenly(items, generator):
    """A fifth of the items of each label for validation, where nobody knows whom they show."""
    held_out = set()
    for label in sorted({item.label for item in items}):
        rows = [row for row, item in enumerate(items) if item.label == label]
        count = round(HELD_OUT_SHARE * len(rows)) or int(len(rows) > 1)
        held_out |= {rows[at] for at in generator.permutation(len(rows))[:count]}
    return (
        [item for row, item in enumerate(items) if row not in held_out],
        [item for row, item in enumerate(items) if row in held_out],
    )


def describe(corpus):
    """One line: how many items of which label, how many people."""
    counts = Counter(item.label or "no majority" for item in corpus.train)
    said = ", ".join(f"{label} {count}" for label, count in sorted(counts.items()))
    people = f"{len(corpus.people)} and {len(corpus.held_out)} people" if corpus.known_people else "people unknown"
    return f"{len(corpus.train)} items to train on, {len(corpus.valid)} to validate on ({people}): {said}"


def _who(person):
    return f"The file {person}" if person.startswith("/") else f"The person {person!r}"
