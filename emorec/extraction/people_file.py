"""The names file of a recording, ``NAME.people.json``: persons, their names, tracks and thumbnails.

docs/SCHEMA.md describes the keys.
"""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from emorec import files
from emorec._version import __version__
from emorec.errors import EmorecError, listed
from emorec.extraction import people_changes
from emorec.extraction.features import Features
from emorec.extraction.people import (
    MAX_PERSONS,
    NOBODY,
    People,
    default_name,
)
from emorec.extraction.people_edits import clock, stretches
from emorec.extraction.people_parsing import FORMAT, parse
from emorec.extraction.people_tracks import Tracks, owners
from emorec.extraction.persons import seconds_shown
from emorec.extraction.thumbnails import thumbnail

SUFFIX = ".people.json"
MAX_BYTES = 50_000_000

PeopleLike = str | PathLike[str] | Mapping[str, Any] | People

UNREADABLE = "{name} cannot be read as a names file ({reason}); give one that emorec wrote, NAME.people.json."
NO_FILE = (
    'Persons are a names file, NAME.people.json, or what one holds, such as {{"persons": [{{"number": 0, "name": '
    '"Anna"}}]}}, not a {kind}.'
)
TWICE = "{name} cannot be one person: at {time} two faces in one picture are listed as this person."
MISSING = "Of the persons in the names file, this recording, or this part of it, does not show {names}."
OTHER = "The names file was written for {theirs}, and this recording is {this}; check that its names belong here."
UNUSED = "Persons without a name are called {names}, so the names file cannot call others that; give both a name."
FOR_ONE = (
    "The names file was written for {theirs}, and {others} of {all} recordings are called otherwise: their persons are "
    "other ones and may get other numbers. A names file is for one recording; analyse the others without it."
)
MAX_LISTED = 12  # names in that sentence


def resolve(given: PeopleLike | None) -> People:
    """What a user says about persons: a file, the content of one as a mapping, People as they are, or nothing.

    Persons with the same name become one. Raises EmorecError, with one sentence, for a file that cannot be read or has
    another shape.
    """
    if given is None:
        return NOBODY
    if isinstance(given, People):
        return given
    if isinstance(given, Mapping):
        return parse(given)
    if not isinstance(given, str | PathLike):
        raise EmorecError(NO_FILE.format(kind=type(given).__name__))
    return read(given)


def apply(given: PeopleLike, features: Features) -> tuple[Features, tuple[str, ...]]:
    """Features with these People, and sentences about persons who are not in this recording, and about a names file
    that was written for another recording.

    Raises EmorecError as ``resolve`` does, and if a person has two faces in one picture.
    """
    people = resolve(given)
    _check_together(people, features)
    edited = features.with_people(people)
    there = {int(number) for number in np.unique(edited.arrays["face_person"])} | {*edited.persons}
    missing = [person.name or default_name(person.number) for person in people if person.number not in there]
    notes = [MISSING.format(names=", ".join(missing[:MAX_LISTED]))] if missing else []
    unused = [name for number, name in people.names().items() if edited.names.get(number, name) != name]
    if unused:
        notes.append(UNUSED.format(names=listed(unused[:MAX_LISTED])))
    theirs, this = people.recording, _recording(features)
    if theirs and this and _letters(theirs) != _letters(this):
        notes.insert(0, OTHER.format(theirs=theirs, this=this))
    return edited, tuple(notes)


def wrong_recording_note(people: People, names: Sequence[str]) -> str:
    """A sentence if a names file was written for another recording than some of these; else "".

    ``names`` are those of the recordings.
    """
    others = sum(_letters(name) != _letters(people.recording) for name in names) if people.recording else 0
    return FOR_ONE.format(theirs=people.recording, others=others, all=len(names)) if others else ""


def _recording(features: Features) -> str:
    return files.shown(Path(str(features.media.get("name", ""))).name)


def _letters(name: str) -> str:
    """The letters and digits of a recording's name, which stay the same when the file is converted or uploaded."""
    stem = unicodedata.normalize("NFKC", Path(name).stem).casefold()
    return "".join(one for one in stem if unicodedata.category(one)[0] in "LNM")  # M: accents, vowels of Thai


def read(path: str | PathLike[str]) -> People:
    """The People in a file. Raises EmorecError if it cannot be read or has another shape."""
    name = Path(path).name
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise EmorecError(UNREADABLE.format(name=name, reason="it is too large"))
        facts = json.loads(content)
    except OSError as error:
        raise EmorecError(UNREADABLE.format(name=name, reason=error.strerror or error)) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, EmorecError):
            raise
        raise EmorecError(UNREADABLE.format(name=name, reason="it is not JSON")) from None
    return parse(facts, name)


def _check_together(people: People, features: Features) -> None:
    """Raise EmorecError if a described person has two faces in one picture."""
    arrays = features.found_arrays
    tracks = Tracks.of(arrays)
    if not len(tracks.first):
        return
    owner = owners(people, arrays, tracks, arrays["face_person"][tracks.first])[tracks.of_face]
    for index, person in enumerate(people):
        times = arrays["face_time"][owner == index]
        twice = np.flatnonzero(np.diff(times) <= 0)
        if len(twice):
            name = person.name or f"Person {person.number}"
            raise EmorecError(TWICE.format(name=name, time=clock(float(times[twice[0]]))))


def as_dict(features: Features) -> dict[str, Any]:
    """The content of the names file of a recording: its persons, the longest on screen first.

    Of more than MAX_PERSONS, which could not be read again, it has those whom the user described and the longest.
    """
    shown = seconds_shown(features.arrays, features.until)
    who, given = features.arrays["face_person"], features.people.names()
    persons = []
    described = {person.number for person in features.people}
    first = {*sorted(features.persons, key=lambda number: number not in described)[:MAX_PERSONS]}
    numbers = [number for number in features.persons if number in first]
    for number in numbers:
        picture = thumbnail(features, number)
        persons.append(
            {
                "number": number,
                "name": given.get(number, ""),
                "seconds": round(float(shown[who == number].sum()), 3),
                "tracks": [
                    {
                        "time": stretch.track.time,
                        "end": round(stretch.end, 3),
                        "box": [*stretch.track.box],
                    }
                    for stretch in stretches(features, number)
                ],
                "thumbnail": picture and data_url(picture),
            }
        )
    others = ~np.isin(who, numbers)
    return {
        "emorec": __version__,
        "format": FORMAT,
        "recording": _recording(features),
        "persons": persons,
        "others_seconds": round(float(shown[others].sum()), 3),
        people_changes.DIGEST: people_changes.digest(persons),
        people_changes.EDITED: bool(features.people),
    }


def data_url(picture: bytes) -> str:
    """A JPEG as a URL that holds it."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode()


def text(features: Features) -> str:
    """The text of the names file of a recording."""
    return json.dumps(as_dict(features), indent=1, ensure_ascii=False) + "\n"


def write(features: Features, path: str | PathLike[str]) -> None:
    """Write the names file, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(Path(path), text(features).encode())
