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
from emorec.library.file_facts import read_facts, reason_of
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
    """Build the timeline from the rows of an item. Raises EmorecError if they cannot be used."""
    try:
        windows = _read_timeline(item, "windows")
    except UNUSABLE as error:
        raise EmorecError(DAMAGED.format(name=name_of(item), reason=reason_of(error))) from None
    if GRID not in item.paths or windows.step == GRID_STEP:  # a grid beside such windows is of an earlier result
        return windows
    try:
        grid = _read_timeline(item, GRID)
    except UNUSABLE:  # without it highlights are found on the rows of windows
        return windows
    if [*map(_numbers_of, grid.people)] != [*map(_numbers_of, windows.people)]:  # it is of another result
        return windows
    pairs = zip(windows.people, grid.people, strict=True)
    people = tuple(replace(person, grid=grid_of_person) for person, grid_of_person in pairs)
    return replace(windows, grid=grid, people=people)


def _numbers_of(timeline: Timeline) -> list[int]:
    """The numbers of the persons in the rows of a timeline, each once."""
    return np.unique(timeline.person).tolist()


def _read_timeline(item: Item, rows: str) -> Timeline:
    """Read the timeline of the table ``rows``, windows or GRID; one of all persons also has that of each person.

    Raises OSError, ValueError, KeyError, TypeError or AttributeError if the table cannot be used.
    """
    path = item.paths.get(rows)
    facts = read_facts(path) if path else item.facts
    choices: dict[str, Any] = facts["choices"]
    table = _read(item, rows)
    made = _timeline_of_rows(table, item, choices, bool(facts.get("complete", True)))
    made = replace(made, names=_names(facts) | made.names, name=facts.get("name", _single_name(table, choices)))
    pictures = (facts.get("media") or {}).get("has_video")
    if pictures is not None:  # else it is not known, and there may be some
        made = replace(made, media=made.media | {"has_video": bool(pictures)})
    if choices.get("person") != ALL:
        return made
    persons = list(dict.fromkeys(made.person[made.person >= 0].tolist()))  # in the order of the rows
    if not persons:
        return made
    mean = facts.get(MEAN, {})
    anybody = {name: np.array(mean[name], np.float64) for name in ANYBODY if name in mean}
    if MEAN in item.tables:
        anybody = {name: _numbers(item.tables[MEAN], name) for name in ANYBODY}
    return _mean_of_people([_rows_of_person(made, number) for number in persons], made, anybody)


def _timeline_of_rows(table: pa.Table, item: Item, choices: dict[str, Any], complete: bool) -> Timeline:
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
    """The names of all persons, if the result has them; its rows only have the names of those whose face is seen."""
    return {int(number): str(name) for number, name in facts.get("names", {}).items()}


def _single_name(table: pa.Table, choices: dict[str, Any]) -> str:
    """The name of the only person of a result, from its rows, which all have it; "" if it is about several."""
    names = {*table["name"].to_pylist()}
    is_single = choices.get("person") not in (None, ALL, SPEAKER) and len(names) == 1
    return (names.pop() or "") if is_single else ""


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


def _rows_of_person(whole: Timeline, person: int) -> Timeline:
    """The timeline of one person among the rows of all."""
    mine = whole.person == person
    arrays = {name: getattr(whole, name)[mine] for name in (*NUMBERS, *GROUPS, "person")}
    return replace(whole, **arrays, name=whole.names.get(int(person), ""))


def _mean_of_people(people: list[Timeline], whole: Timeline, anybody: dict[str, np.ndarray]) -> Timeline:
    """The mean of the timelines of all persons, as ``inference.people.mean`` makes it.

    ``anybody`` are the columns ANYBODY. Results of older versions lack them; then the largest value of all persons is
    taken. Raises ValueError if they have another number of rows.
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
    """The mean over the first axis of the values that are not NaN; NaN if there is none."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
