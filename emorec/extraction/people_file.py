"""The names file of a recording, ``NAME.people.json``: persons, their names, tracks and thumbnails.

docs/SCHEMA.md describes the keys.
"""

from __future__ import annotations

import base64
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
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
    VOICE_NAMES,
    People,
    Person,
    Track,
    checked_name,
    default_name,
)
from emorec.extraction.people_edits import clock, stretches
from emorec.extraction.people_tracks import Tracks, owners
from emorec.extraction.persons import seconds_shown
from emorec.extraction.thumbnails import thumbnail

SUFFIX = ".people.json"
FORMAT = 1  # increases with every change that an older version cannot read
MAX_BYTES = 50_000_000

PeopleLike = str | PathLike[str] | Mapping[str, Any] | People

SHAPE = 'is not a names file, {"persons": [{"number": 0, "name": "Anna"}, ...]}: '
UNREADABLE = "{name} cannot be read as a names file ({reason}); give one that emorec wrote, NAME.people.json."
TWICE = "{name} cannot be one person: at {time} two faces in one picture are listed as this person."
MISSING = "Of the persons in the names file, this recording, or this part of it, does not show {names}."
OTHER = "The names file was written for {theirs}, and this recording is {this}; check that its names belong here."
UNUSED = "Persons without a name are called {names}, so the names file cannot call others that; give both a name."
FOR_ONE = (
    "The names file was written for {theirs}, and {others} of {all} recordings are called otherwise: their persons are "
    "other ones and may get other numbers. A names file is for one recording; analyse the others without it."
)
MAX_LISTED = 12  # names in that sentence
HEARD = "{voice} is only heard, in a channel of its own, and cannot be one person with {name}; give it another name."
NUMBER_TWICE = "Person {number} is listed twice in the names file; list each person once."


def resolve(given: PeopleLike | None) -> People:
    """What a user says about persons: a file, the content of one as a mapping, People as they are, or nothing.

    Persons with the same name become one. Raises EmorecError, with one sentence, for a file that cannot be read or has
    another shape.
    """
    if given is None:
        return NOBODY
    if isinstance(given, People):
        return given
    return parse(given) if isinstance(given, Mapping) else read(given)


def apply(given: PeopleLike, features: Features) -> tuple[Features, tuple[str, ...]]:
    """Features with these People, and sentences: about those who are not in this recording, and about a names file that
    was written for another one.

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
    """A sentence if a names file was written for another recording than some of these, by their names; else ""."""
    others = sum(_letters(name) != _letters(people.recording) for name in names) if people.recording else 0
    return FOR_ONE.format(theirs=people.recording, others=others, all=len(names)) if others else ""


def _recording(features: Features) -> str:
    return files.shown(Path(str(features.media.get("name", ""))).name)


def _letters(name: str) -> str:
    """What is left of a recording's name when it is converted, or uploaded: letters and digits of the stem."""
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


def parse(facts: object, name: str = "The mapping") -> People:
    """The People in the content of a names file. Raises EmorecError if it has another shape."""

    def wrong(what: str) -> EmorecError:
        return EmorecError(f"{name} {SHAPE}{what}.")

    facts = facts if isinstance(facts, Mapping) else {}
    persons = facts.get("persons")
    if not isinstance(persons, list) or len(persons) > MAX_PERSONS:
        raise wrong(f'"persons" must be a list of at most {MAX_PERSONS}')
    found: dict[int, Person] = {}
    for entry in persons:
        if not isinstance(entry, Mapping):
            raise wrong("each person must be an object")
        number = entry.get("number")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 10**6:
            raise wrong('"number" must be a whole number from 0 on')
        if number in found:
            raise EmorecError(NUMBER_TWICE.format(number=number))
        given = entry.get("name")
        if given is not None and not isinstance(given, str):
            raise wrong('"name" must be text')
        tracks = entry.get("tracks")
        if tracks is not None and not isinstance(tracks, list):
            raise wrong('"tracks" must be a list')
        places = None if tracks is None else tuple(_track(track) for track in tracks)
        if places is not None and None in places:
            raise wrong('each of the "tracks" needs "time", and "box" with four numbers')
        called = checked_name(given) if given else ""
        found[number] = Person(number=number, name=called, tracks=places)  # pyright: ignore[reportArgumentType]
    recording = facts.get("recording")
    known = isinstance(recording, str) and recording.isprintable()
    return replace(_same_names_joined([*found.values()]), recording=recording if known else "")


def _track(entry: object) -> Track | None:
    values = [entry.get("time"), *_list(entry.get("box"))] if isinstance(entry, Mapping) else []
    numbers = [number for number in map(_finite, values) if number is not None]
    if not isinstance(entry, Mapping) or len(values) != 5 or len(numbers) != 5:
        return None
    time, left, top, width, height = numbers
    return Track(time, (left, top, width, height), _finite(entry.get("end")))


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number that no float holds
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _same_names_joined(persons: list[Person]) -> People:
    """Persons with one name are one person, with the first number. Raises EmorecError if the tracks are not listed."""
    whole: dict[str, Person] = {}
    heard = {
        person.name.casefold(): person.number for person in persons if person.name and person.number in VOICE_NAMES
    }
    for person in persons:
        key = person.name.casefold() if person.name else f"\n{person.number}"
        first = whole.get(key)
        if (number := heard.get(key, person.number)) != person.number:
            raise EmorecError(HEARD.format(voice=VOICE_NAMES[number], name=person.name))
        if first and (first.tracks is None or person.tracks is None):
            raise EmorecError(
                f"Two persons of the names file are called {person.name}; list the tracks of both, or rename one."
            )
        if first:
            person = Person(
                number=first.number, name=first.name, tracks=(*(first.tracks or ()), *(person.tracks or ()))
            )
        whole[key] = person
    return People(tuple(whole.values()))


def _check_together(people: People, features: Features) -> None:
    """Raise EmorecError if a described person has two faces in one picture."""
    arrays = features.found
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
