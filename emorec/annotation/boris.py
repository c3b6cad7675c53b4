"""Events that BORIS (Friard and Gamba, 2016) exports as a table, aggregated or one row for each start and stop.

The names of the columns are those of version 8 (8.27.4).
"""

from __future__ import annotations

from emorec.annotation.record import Annotation
from emorec.annotation.times import MISSING, WrongFormat, parse_seconds

Row = tuple[int, list[str]]  # the number of the line on which a row begins, and its cells

COLUMNS = {"observation id", "behavior", "behavior type"}  # of both kinds of export
START, STOP, TIME = "start (s)", "stop (s)", "time"  # the first two are of aggregated events
NO_PERSON = "no focal subject"  # the subject of events about nobody in particular

SEVERAL = "it holds {count} observations; export each of them to a file of its own"
NO_TIME = "line {line} has no time in the column {column!r}"
NOT_OPEN = "line {line} ends {behavior!r}, which has not begun"
NOT_CLOSED = "{behavior!r} begins on line {line} and does not end"
BACKWARDS = "line {line} ends before it begins"


def is_export(columns: list[str]) -> bool:
    """Whether a table with columns of these names, in lower case, is an export of BORIS."""
    return {*columns} >= COLUMNS and ({START, STOP} <= {*columns} or TIME in columns)


def read(columns: list[str], rows: list[Row]) -> list[Annotation]:
    """The events of an export with columns of these names, in lower case. Raises WrongFormat.

    Behaviours are labels, and subjects are persons. Events of a point in time end when they begin.
    """
    records = [(line, dict(zip(columns, cells, strict=False))) for line, cells in rows]
    observations = {record.get("observation id", "") for _, record in records}
    if len(observations) > 1:
        raise WrongFormat(SEVERAL.format(count=len(observations)))
    if START in columns:
        return [_aggregated(line, record) for line, record in records]
    return _joined(records)


def _aggregated(line: int, record: dict[str, str]) -> Annotation:
    start = _seconds(line, record, START)
    end = start if record.get(STOP, "").lower() in MISSING else _seconds(line, record, STOP)
    if end < start:
        raise WrongFormat(BACKWARDS.format(line=line))
    return Annotation(start, end, record.get("behavior", ""), person=_person(record))


def _joined(records: list[tuple[int, dict[str, str]]]) -> list[Annotation]:
    """The events of rows that are starts, stops or points in time, in order of time. Raises WrongFormat."""
    found = []
    begun: dict[tuple[str, ...], tuple[int, float]] = {}
    for line, record in records:
        behavior, person, time = record.get("behavior", ""), _person(record), _seconds(line, record, TIME)
        # One behaviour of a person may go on several times at once, with other modifiers.
        event = behavior, person, *(cell for column, cell in record.items() if column.startswith("modifier"))
        match record.get("behavior type", "").upper():
            case "START":
                if event in begun:
                    raise WrongFormat(NOT_CLOSED.format(line=begun[event][0], behavior=behavior))
                begun[event] = line, time
            case "STOP":
                if event not in begun:
                    raise WrongFormat(NOT_OPEN.format(line=line, behavior=behavior))
                _, start = begun.pop(event)
                if time < start:
                    raise WrongFormat(BACKWARDS.format(line=line))
                found.append(Annotation(start, time, behavior, person=person))
            case _:
                found.append(Annotation(time, time, behavior, person=person))
    for (behavior, *_), (line, _) in begun.items():
        raise WrongFormat(NOT_CLOSED.format(line=line, behavior=behavior))
    return found


def _seconds(line: int, record: dict[str, str], column: str) -> float:
    seconds = parse_seconds(record.get(column, ""))
    if seconds is None:
        raise WrongFormat(NO_TIME.format(line=line, column=column))
    return seconds


def _person(record: dict[str, str]) -> str:
    person = record.get("subject", "")
    return "" if person.lower() == NO_PERSON else person
