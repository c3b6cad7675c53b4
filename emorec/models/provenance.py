"""Metadata of a checkpoint: its evaluation results, training data, limits and licence, validated and read in one place.

A checkpoint may come from anybody, and most entries are optional. ``check`` refuses values of a wrong type; the other
functions return what is there, for the model card, the report, the command line and the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

from emorec.errors import EmorecError

PROTOCOL_NAME = re.compile(r"\w[\w .,+-]{0,99}")  # the name becomes part of a file name
VALIDATION = "validation-"  # prefix of a protocol's name: the weights were chosen by its items
# An entry of ``limits``: a checkpoint whose fusion network was built but not trained has it.
UNTRAINED = "Intermediate fusion was not trained: it adds up the logits of face and voice."
# Such an entry, of a part whose people were not held out, as far as anybody knows.
UNKNOWN = "The persons in its {part} data are not known, so the same person may be in training and validation."
OWN = "own-"  # prefix of a protocol's name: it measures on a user's own data
MAX_NUMBER = 1e18  # limit of counts and measures, so that they can be shown as decimal numbers


@dataclass(frozen=True, kw_only=True)
class Result:
    """One measured number: the ``way`` (a modality or a fusion), the value, and its 95 % interval and spread if known.

    All are shares. ``in_domain`` tells whether other data of the same corpus trained the networks; None if not stated.
    """

    way: str
    value: float
    spread: float | None = None
    interval: tuple[float, float] | None = None
    in_domain: bool | None = None

    def text(self, digits: int = 1, width: int = 0) -> str:
        """A percentage with ``digits`` decimals, at least ``width`` characters wide, then the interval or spread."""
        share = f"{self.value:{width or ''}.{digits}%}"
        if self.interval is not None:
            low, high = self.interval
            return f"{share} ({low * 100:.{digits}f} to {high * 100:.{digits}f})"
        return share + ("" if self.spread is None else f" ± {self.spread:.1%}")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One evaluation protocol: its name, what was measured on, the metric, the number of items, and the results."""

    name: str
    what: str
    metric: str
    items: int
    results: tuple[Result, ...]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Training data: the name, the network they were used for, which items, and the licence."""

    name: str
    use: str
    items: str
    licence: str


def protocols(evaluation: dict) -> tuple[Protocol, ...]:
    """All protocols, in the order of the checkpoint."""
    return tuple(
        Protocol(
            name=name,
            what=entry["what"],
            metric=entry["metric"],
            items=entry["items"],
            results=tuple(
                Result(
                    way=way,
                    value=value,
                    spread=entry.get("spread", {}).get(way),
                    interval=_pair(entry.get("intervals", {}).get(way)),
                    in_domain=in_domain(entry, way),
                )
                for way, value in entry["results"].items()
            ),
        )
        for name, entry in evaluation.items()
    )


def is_own(evaluation: dict) -> bool:
    """Whether a part of the weights was trained on a user's own data: then its validation items were measured."""
    return any(name.startswith(VALIDATION) for name in evaluation)


def in_domain(protocol: dict, name: str) -> bool | None:
    """Whether a result or a head of a protocol, as config.json has it, is in domain; None if that is not stated."""
    return None if "out_of_domain" not in protocol else name not in protocol["out_of_domain"]


def _pair(bounds: list[float] | None) -> tuple[float, float] | None:
    return None if bounds is None else (bounds[0], bounds[1])


def sources(training: dict) -> tuple[Source, ...]:
    """The training data."""
    return tuple(Source(**{key: source[key] for key in SOURCE}) for source in training.get("sources", ()))


def limits(training: dict) -> tuple[str, ...]:
    """Known limits of the weights, as sentences."""
    return tuple(training.get("limits", ()))


def licence(training: dict) -> str | None:
    """The licence of the weights; None if the checkpoint names none."""
    return training.get("licence") or None


def check(training: Any, evaluation: Any, folder: object) -> None:
    """Raise EmorecError, with the name of the key, if a value in a checkpoint's metadata has a wrong type.

    ``folder`` is the checkpoint's. Unknown keys are ignored.
    """
    wrong = _wrong_key(training, {}, TRAINING, "training") or _wrong_evaluation_key(evaluation)
    if wrong:
        raise EmorecError(f"The checkpoint {folder} has an unusable {wrong} in its config.json.")


Check = Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> TypeGuard[int | float]:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    return value != value or abs(value) <= MAX_NUMBER  # NaN: could not be measured


def _is_count(value: object) -> bool:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _list_of(is_one: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(is_one, value))


def _dict_of(is_one: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(is_one, value.values()))


def _dict_with(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return lambda value: _wrong_key(value, required, optional or {}, "") is None


def _is_interval(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))


def _or_none(is_one: Check) -> Check:
    return lambda value: value is None or is_one(value)


def _wrong_key(value: object, required: dict[str, Check], optional: dict[str, Check], place: str) -> str | None:
    """The path of the first key that is missing or whose value has a wrong type, or None."""
    if not isinstance(value, dict):
        return place
    missing = [key for key in required if key not in value]
    wrong = [key for key, is_one in (required | optional).items() if key in value and not is_one(value[key])]
    return f"{place}.{(missing + wrong)[0]}" if missing or wrong else None


def _wrong_evaluation_key(evaluation: Any) -> str | None:
    """As ``_wrong_key``, of the protocols of an evaluation."""
    if not isinstance(evaluation, dict):
        return "evaluation"
    for name, protocol in evaluation.items():
        if not PROTOCOL_NAME.fullmatch(name):
            return f"name in evaluation ({name[:40]!r})"
        place = f"evaluation.{name}"
        if wrong := _wrong_key(protocol, REQUIRED, OPTIONAL, place) or _wrong_confusion_key(protocol, place):
            return wrong
    return None


def _wrong_confusion_key(protocol: dict, place: str) -> str | None:
    """The path of a confusion matrix that does not have a row and a column for every label, or None."""
    if "confusion" not in protocol:
        return None
    rows, size = protocol["confusion"], len(protocol.get("labels", ()))
    whole = size and len(rows) == size and all(len(row) == size for row in rows)
    return None if whole else f"{place}.confusion"


REQUIRED = {"what": _is_text, "metric": _is_text, "items": _is_count, "results": _dict_of(_is_number)}
BIN = _dict_with(
    {"bin": _is_count, "items": _is_count, "share": _is_number, "confidence": _is_number, "right": _is_number}
)
COST = _dict_with({"parameters": _is_count, "multiply_adds": _is_number, "ms": _is_number})
CALM = _dict_with({"neutral": _is_number, "surely_negative": _is_number, "confidence": _is_number})
OPTIONAL = {
    "spread": _dict_of(_is_number),
    "intervals": _dict_of(_is_interval),
    "resampled": _is_text,
    "interval_by": _dict_of(_is_text),
    "windows": _is_count,
    "confusion_of": _is_text,
    "out_of_domain": _list_of(_is_text),
    "domain": _is_text,
    "reliability": _dict_of(_list_of(BIN)),
    "these_weights": _is_number,
    "labels": _list_of(_is_text),
    "recall": _dict_of(_is_number),
    "confusion": _list_of(_list_of(_is_count)),
    "calibration_error": _or_none(_dict_of(_is_number)),
    "calibration_errors": _dict_of(_dict_of(_is_number)),
    "cost": _dict_of(COST),
    "called_neutral": _dict_with({"even": _is_number, "everyday": _is_number}),
    "recall_even_prior": _is_number,
    "unweighted_average_recall": _dict_of(_is_number),
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
    "validated": _dict_of(_list_of(_is_text)),
    "finished": _or_none(_is_text),
    "compute": _or_none(
        _list_of(_dict_with({"part": _is_text}, {"hours": _is_number, "device": _is_text, "kwh": _is_number}))
    ),
}
