"""Names in files: of recordings and persons, which may contain anything that a user can type."""

from __future__ import annotations

import unicodedata
from pathlib import PurePath

from emorec import files
from emorec.inference.timeline import Timeline

# Unicode's general categories of control characters, surrogates, and separators of lines and paragraphs.
BREAKING = ("Cc", "Cs", "Zl", "Zp")


def plain(text: str) -> str:
    """Text on one line that XML, spreadsheets and label files can hold: what they cannot hold becomes a space."""
    shown = files.shown(text)
    kept = (" " if unicodedata.category(letter) in BREAKING or letter in "\ufffe\uffff" else letter for letter in shown)
    return " ".join("".join(kept).split())


def token(text: str) -> str:
    """Text as one word, for formats whose fields end at a space."""
    return plain(text).replace(" ", "_")


def media_name(timeline: Timeline) -> str:
    """The file name of the recording, "" if it is not known."""
    return plain(PurePath(str(timeline.media.get("name") or "")).name)


def each(timeline: Timeline) -> tuple[Timeline, ...]:
    """The timelines whose rows a file holds: those of all persons, or only this one."""
    return timeline.people or (timeline,)


def person_name(number: int) -> str:
    """The name of a person whom nobody has named."""
    return f"person {number}"


def row_names(timeline: Timeline) -> list[str]:
    """The name of the person in each row, "" if there is none."""
    return [timeline.name or (person_name(person) if person >= 0 else "") for person in timeline.person]


def person_names(timeline: Timeline) -> dict[int, str]:
    """The name of every person by number, as far as the timeline knows them."""
    known = {}
    for one in each(timeline):
        shown = one.person[one.person >= 0]
        if one.name and len(shown):
            known[int(shown[0])] = one.name
    return known
