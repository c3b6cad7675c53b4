"""What a checkpoint says of itself, how it was measured and on whom it was trained: checked once, read in one place.

A checkpoint may come from anybody, and may leave out most of this. ``check`` refuses what is of another kind than its
readers expect; the other functions give what is there, and are what everything that shows it to people is made from.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from emorec.errors import EmorecError

PROTOCOL_NAME = re.compile(r"\w[\w .,+-]{0,99}")  # it becomes part of a file name
MOST = 1e18  # what a count or a measure may be, so that it can be shown as a decimal number


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measured number: of what (a modality or a way to fuse), its value and, if known, its spread (both shares)."""

    way: str
    value: float
    spread: float | None = None

    def text(self, digits: int = 1, width: int = 0) -> str:
        """As a percentage with so many digits behind the point, at least ``width`` characters; then the spread."""
        return f"{self.value:{width or ''}.{digits}%}" + ("" if self.spread is None else f" ± {self.spread:.1%}")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One measurement: its name, what it was measured on, the measure, on how many items, and its results."""

    name: str
    what: str
    metric: str
    items: int
    results: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Data used in training: their name, for which network, what of them, and their licence."""

    name: str
    use: str
    items: str
    licence: str


def protocols(evaluation: dict) -> tuple[Protocol, ...]:
    """Everything that was measured, in the order in which the checkpoint holds it."""
    return tuple(
        Protocol(
            name=name,
            what=found["what"],
            metric=found["metric"],
            items=found["items"],
            results=tuple(
                Result(way=way, value=value, spread=found.get("spread", {}).get(way))
                for way, value in found["results"].items()
            ),
        )
        for name, found in evaluation.items()
    )


def sources(training: dict) -> tuple[Source, ...]:
    """The data of training."""
    return tuple(Source(**{key: source[key] for key in SOURCE}) for source in training.get("sources", ()))


def limits(training: dict) -> tuple[str, ...]:
    """Sentences about what the weights cannot do."""
    return tuple(training.get("limits", ()))


def licence(training: dict) -> str | None:
    """The licence of the weights as the checkpoint names it, or None if it names none."""
    return training.get("licence") or None


def check(training: object, evaluation: object, where: object) -> None:
    """Raise EmorecError, with the name of the key, if a checkpoint says something of another kind than expected.

    ``where`` is the checkpoint's folder. Keys that are not known are left alone.
    """
    wrong = _wrong(training, {}, TRAINING, "training")
    if not wrong and not isinstance(evaluation, dict):
        wrong = "evaluation"
    for name, found in evaluation.items() if not wrong else ():
        wrong = wrong or (None if PROTOCOL_NAME.fullmatch(name) else f"name in evaluation ({name[:40]!r})")
        wrong = wrong or _wrong(found, MEASURED, MEASURED_TOO, f"evaluation.{name}") or _wrong_confusion(name, found)
    if wrong:
        raise EmorecError(f"The checkpoint {where} has an unusable {wrong} in its config.json.")


Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (value != value or abs(value) <= MOST)  # what cannot be measured is not a number (NaN)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _list_of(is_one: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(is_one, value))


def _dict_of(is_one: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(is_one, value.values()))


def _dict_with(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return lambda value: _wrong(value, required, optional or {}, "") is None


def _or_none(is_one: Check) -> Check:
    return lambda value: value is None or is_one(value)


def _wrong(value: object, required: dict[str, Check], optional: dict[str, Check], place: str) -> str | None:
    """The place of the first thing that is missing or of another kind, or None."""
    if not isinstance(value, dict):
        return place
    missing = [key for key in required if key not in value]
    wrong = [key for key, is_one in (required | optional).items() if key in value and not is_one(value[key])]
    return f"{place}.{(missing + wrong)[0]}" if missing or wrong else None


def _wrong_confusion(name: str, found: dict) -> str | None:
    """A confusion matrix has a row and a column for every label."""
    if "confusion" not in found:
        return None
    rows, size = found["confusion"], len(found.get("labels", ()))
    whole = size and len(rows) == size and all(len(row) == size for row in rows)
    return None if whole else f"evaluation.{name}.confusion"


MEASURED = {"what": _is_text, "metric": _is_text, "items": _is_count, "results": _dict_of(_is_number)}
COST = _dict_with({"parameters": _is_count, "multiply_adds": _is_number, "ms": _is_number})
CALM = _dict_with({"neutral": _is_number, "surely_negative": _is_number, "confidence": _is_number})
MEASURED_TOO = {
    "spread": _dict_of(_is_number),
    "these_weights": _is_number,
    "labels": _list_of(_is_text),
    "recall": _dict_of(_is_number),
    "confusion": _list_of(_list_of(_is_count)),
    "calibration_error": _or_none(_dict_of(_is_number)),
    "calibration_errors": _dict_of(_dict_of(_is_number)),
    "cost": _dict_of(COST),
    "called_neutral": _dict_with({"even": _is_number, "everyday": _is_number}),
    "recall_even_prior": _is_number,
    "priors": _dict_of(_dict_of(CALM)),
    "loss": _dict_of(_is_number),
    "zero_shot": _dict_of(_is_number),
    "previous": _dict_of(_is_number),
}
SOURCE = {"name": _is_text, "use": _is_text, "items": _is_text, "licence": _is_text}
TRAINING = {
    "licence": _is_text,
    "sources": _list_of(_dict_with(SOURCE)),
    "limits": _list_of(_is_text),
    "held_out": _list_of(_is_text),
    "persons": _list_of(_is_text),
    "parts": _dict_of(_list_of(_is_text)),
    "finished": _or_none(_is_text),
    "compute": _or_none(
        _list_of(_dict_with({"part": _is_text}, {"hours": _is_number, "device": _is_text, "kwh": _is_number}))
    ),
}
