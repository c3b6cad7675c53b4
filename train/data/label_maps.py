"""What the labels of a user's data set mean: the file of --labels, and the labels as emotions."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from emorec.emotions import EMOTIONS, FOLDING, emotion_of
from emorec.errors import EmorecError
from train.data import layouts
from train.data.datasets import Item

# Labels that are kept although they are not among the seven emotions; every other label becomes its emotion.
EXTRA_LABELS = ("calm", "contempt")
MOST_NAMED = 12  # labels in a sentence
UNKNOWN = (
    "{labels} in {folder} {are} not known; say in a JSON file (--labels) what each label of the data means, as "
    "{example}, where EMOTION is to be one of {emotions}; null leaves a label out."
)
PEOPLE_FIRST = " If these are people, put the folders of people into those of labels: LABEL/PERSON/item."
UNMAPPED = "{labels} {are} not in the label map; add every label with its emotion, or with null to leave its items out."


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
                raise EmorecError(
                    f"The label map {file} maps {name!r} wrongly: {error} Give null to leave it out."
                ) from None
    return {layouts.normalise_name(name): value for name, value in mapping.items()}


def map_labels(items: Sequence[Item], mapping: dict[str, str | None] | None, folder: Path) -> list[Item]:
    """The items with emotions as labels, without those mapped to None. Raises EmorecError for an unknown label."""
    counts = Counter(item.label for item in items if not item.votes)
    if mapping is not None and (missing := sorted(counts.keys() - mapping.keys())):
        raise EmorecError(_about(UNMAPPED, [f"{label!r} of {counts[label]} items" for label in missing]))
    meant = mapping if mapping is not None else {label: label for label in counts}
    named = {label: name for label in counts if (name := meant[label]) is not None}
    if unknown := sorted(label for label, name in named.items() if name.lower() not in FOLDING):
        raise EmorecError(_about_unknown(unknown, named, folder))
    out = []
    for item in items:
        if item.votes:  # FER+ has its own eight labels, and pictures without a majority
            out.append(item)
        elif name := named.get(item.label):
            out.append(replace(item, label=name.lower() if name.lower() in EXTRA_LABELS else emotion_of(name)))
    if not out:
        raise EmorecError(f"{folder} holds no items to learn from; is it the data set's own folder?")
    return out


def _about_unknown(unknown: Sequence[str], named: dict[str, str], folder: Path) -> str:
    """The sentence about labels that are not known, with a map to fill in; ``named`` are all labels of the data."""
    few = len(named) <= MOST_NAMED
    # The map has to name every label, so the example does, unless there are too many.
    labels = sorted(named) if few else unknown[:1]
    example = json.dumps(
        {label: "EMOTION" if label in unknown else named[label].lower() for label in labels}, ensure_ascii=False
    )
    written = example if few else f"{example[:-1]}, ...}}"
    told = _about(
        UNKNOWN, [repr(label) for label in unknown], folder=folder, example=written, emotions=", ".join(EMOTIONS)
    )
    return told + (PEOPLE_FIRST if len(unknown) == len(named) > 1 else "")


def _about(sentence: str, labels: Sequence[str], **values: Any) -> str:
    """A sentence about one or several labels."""
    shown = [*labels[:MOST_NAMED], *([f"{len(labels) - MOST_NAMED} more"] if len(labels) > MOST_NAMED else [])]
    one = len(shown) == 1
    named = f"The label {shown[0]}" if one else f"The labels {', '.join(shown[:-1])} and {shown[-1]}"
    return sentence.format(labels=named, are="is" if one else "are", **values)
