"""A timeline from the stored rows of an item, without its features: enough to draw, sum up, compare and export it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import files
from emorec.annotation import Marker
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference.people import ALL, SPEAKER
from emorec.inference.prior import Prior
from emorec.inference.timeline import GRID_STEP, Timeline
from emorec.library import items
from emorec.library.items import Item
from emorec.library.schema import ANYBODY, GRID, MEAN

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS = ("start", "end", "face_coverage", "speech_coverage", "row_face", "row_speech", "evidence", "disagreement")
GROUPS = {"probabilities": "", "face": "face_", "voice": "voice_"}
UNUSABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)  # what a damaged table raises
DAMAGED = "The result {name} cannot be opened ({reason}); run its batch again."


def name_of(item: Item) -> str:
    """The name of the item's recording, without its folder."""
    source = str(item.media.get("source") or item.name)
    return files.shown(PurePath(source.replace("\\", "/")).name) or item.name


def timeline(item: Item) -> Timeline:
    """The timeline that the rows of an item are of. Raises EmorecError if they cannot be used."""
    try:
        made = _whole(item, "windows")
    except UNUSABLE as error:
        reason = str(error).splitlines()[0].rstrip(".")[:120] if str(error) else type(error).__name__
        raise EmorecError(DAMAGED.format(name=name_of(item), reason=reason)) from None
    if GRID not in item.paths or made.step == GRID_STEP:  # a table that an earlier result left is of no use
        return made
    try:
        grid = _whole(item, GRID)
    except UNUSABLE:  # without it highlights are found on the rows of windows
        return made
    if [*map(_numbers_of, grid.people)] != [*map(_numbers_of, made.people)]:  # it is of another result
        return made
    people = tuple(replace(one, grid=its) for one, its in zip(made.people, grid.people, strict=True))
    return replace(made, grid=grid, people=people)


def _numbers_of(timeline: Timeline) -> list[int]:
    """The numbers of the persons in the rows of a timeline, each once."""
    return np.unique(timeline.person).tolist()


def _whole(item: Item, rows: str) -> Timeline:
    """The timeline of the table ``rows``, windows or GRID, with that of each person if it is of all.

    Raises OSError, ValueError, KeyError, TypeError or AttributeError if they cannot be used.
    """
    path = item.paths.get(rows)
    facts = items.facts(path) if path else item.facts
    choices: dict[str, Any] = facts["choices"]
    table = _read(item, rows)
    made = _of(table, item, choices, bool(facts.get("complete", True)))
    made = replace(made, names=_names(facts) | made.names, name=facts.get("name", _only_name(table, choices)))
    pictures = (facts.get("media") or {}).get("has_video")
    if pictures is not None:  # else it is not known, and there may be some
        made = replace(made, media=made.media | {"has_video": bool(pictures)})
    if choices.get("person") != ALL:
        return made
    persons = list(dict.fromkeys(made.person[made.person >= 0].tolist()))  # as they stand in each step
    if not persons:
        return made
    mean = facts.get(MEAN, {})
    anybody = {name: np.array(mean[name], np.float64) for name in ANYBODY if name in mean}
    if MEAN in item.tables:
        anybody = {name: _numbers(item.tables[MEAN], name) for name in ANYBODY}
    return _mean([_rows(made, number) for number in persons], made, anybody)


def _of(table: pa.Table, item: Item, choices: dict[str, Any], complete: bool) -> Timeline:
    """The timeline of all rows as they stand in the table."""
    numbers: dict[str, Any] = {name: _numbers(table, name) for name in NUMBERS}
    groups: dict[str, Any] = {
        name: np.stack([_numbers(table, prefix + emotion) for emotion in EMOTIONS], axis=1)
        for name, prefix in GROUPS.items()
    }
    person = np.nan_to_num(_numbers(table, "person"), nan=-1).astype(np.int64)
    names = {int(number): name for number, name in zip(person, table["name"].to_pylist(), strict=True) if name}
    shares = choices["prior_shares"]
    return Timeline(
        **numbers,
        **groups,
        person=person,
        fusion=choices["fusion"],
        step=float(choices["step"]),
        window=float(choices["window"]),
        prior=Prior(name=choices["prior"], shares=tuple(float(shares[emotion]) for emotion in EMOTIONS)),
        duration=float(item.media["duration"] or 0.0),
        complete=complete,
        media={"name": name_of(item)},
        notes=(),
        unsure_below=float(choices["unsure_below"]),
        choices=choices,
        names={number: name for number, name in names.items() if number >= 0},
        markers=_markers(item),
    )


def _names(facts: dict[str, Any]) -> dict[int, str]:
    """The names of all persons, if a result tells them: its rows have only those of whom a face is seen."""
    return {int(number): str(name) for number, name in facts.get("names", {}).items()}


def _only_name(table: pa.Table, choices: dict[str, Any]) -> str:
    """The name of the person whom a result is about that does not tell it: then all rows have it."""
    names = {*table["name"].to_pylist()}
    one = choices.get("person") not in (None, ALL, SPEAKER) and len(names) == 1
    return (names.pop() or "") if one else ""


def _read(item: Item, name: str) -> pa.Table:
    from pyarrow import parquet

    if name in item.tables:
        return item.tables[name]
    with item.paths[name].open("rb") as file:
        return parquet.read_table(file, page_checksum_verification=True)


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table[name].to_pylist(), np.float64)


def _markers(item: Item) -> tuple[Marker, ...]:
    if "markers" not in item.paths and "markers" not in item.tables:
        return ()
    return tuple(Marker(row["time"], row["label"]) for row in _read(item, "markers").to_pylist())


def _rows(whole: Timeline, person: int) -> Timeline:
    """The timeline of one person among the rows of all."""
    mine = whole.person == person
    arrays = {name: getattr(whole, name)[mine] for name in (*NUMBERS, *GROUPS, "person")}
    return replace(whole, **arrays, name=whole.names.get(int(person), ""))


def _mean(people: list[Timeline], whole: Timeline, anybody: dict[str, np.ndarray]) -> Timeline:
    """The mean of the timelines of all persons, as ``inference.people.mean`` makes it.

    ``anybody`` are the columns ANYBODY. Results of older versions lack them; there the largest of all persons counts.
    Raises ValueError if it has other rows.
    """
    one = people[0]
    arrays: dict[str, Any] = {}
    for name in GROUPS:
        arrays[name] = _known_mean(np.stack([getattr(person, name) for person in people]))
    largest = {name: np.max([getattr(person, name) for person in people], axis=0) for name in ANYBODY}
    for name, values in (largest | anybody).items():
        arrays[name] = np.broadcast_to(values, len(one))
    evidence = np.stack([np.where(person.known, person.evidence, np.nan) for person in people])
    arrays["evidence"] = np.nan_to_num(_known_mean(evidence))
    return replace(
        whole,
        start=one.start,
        end=one.end,
        disagreement=np.full(len(one), np.nan),
        person=np.full(len(one), -1),
        people=tuple(people),
        name="",
        **arrays,
    )


def _known_mean(values: np.ndarray) -> np.ndarray:
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
