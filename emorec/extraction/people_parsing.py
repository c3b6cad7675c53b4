"""The content of a names file, checked: what it says about persons, or one sentence that says what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from emorec.errors import EmorecError
from emorec.extraction.people import MAX_PERSONS, VOICE_NAMES, People, Person, Track, checked_name

FORMAT = 1  # increases with every change that an older version cannot read
NEWER = "{name} is a names file of a newer version of emorec (format {found}, not {known}); use it with that version."
SHAPE = 'is not a names file, {"persons": [{"number": 0, "name": "Anna"}, ...]}: '
HEARD = "{voice} is only heard, in a channel of its own, and cannot be one person with {name}; give it another name."
NUMBER_TWICE = "Person {number} is listed twice in the names file; list each person once."


def parse(facts: object, name: str = "The mapping") -> People:
    """The People in the content of a names file. Raises EmorecError if it has another shape."""

    def wrong(what: str) -> EmorecError:
        return EmorecError(f"{name} {SHAPE}{what}.")

    facts = facts if isinstance(facts, Mapping) else {}
    found = facts.get("format")
    if isinstance(found, int) and found > FORMAT:
        raise EmorecError(NEWER.format(name=name, found=found, known=FORMAT))
    persons = facts.get("persons")
    if not isinstance(persons, list) or len(persons) > MAX_PERSONS:
        raise wrong(f'"persons" must be a list of at most {MAX_PERSONS}')
    by_number: dict[int, Person] = {}
    for entry in persons:
        person = _person(entry, wrong)
        if person.number in by_number:
            raise EmorecError(NUMBER_TWICE.format(number=person.number))
        by_number[person.number] = person
    recording = facts.get("recording")
    known = isinstance(recording, str) and recording.isprintable()
    return replace(_join_same_names([*by_number.values()]), recording=recording if known else "")


def _person(entry: object, wrong: Callable[[str], EmorecError]) -> Person:
    """The Person in an entry of the list; ``wrong`` makes the error for one that has another shape."""
    if not isinstance(entry, Mapping):
        raise wrong("each person must be an object")
    number = entry.get("number")
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < 10**6:
        raise wrong('"number" must be a whole number from 0 on')
    name = entry.get("name")
    if name is not None and not isinstance(name, str):
        raise wrong('"name" must be text')
    entries = entry.get("tracks")
    if entries is not None and not isinstance(entries, list):
        raise wrong('"tracks" must be a list')
    tracks = None if entries is None else tuple(track for one in entries if (track := _track(one)))
    if tracks is not None and len(tracks) < len(entries or ()):
        raise wrong('each of the "tracks" needs "time", and "box" with four numbers')
    return Person(number=number, name=checked_name(name) if name else "", tracks=tracks)


def _track(entry: object) -> Track | None:
    """The Track in an entry; None if it lacks a number."""
    values = [entry.get("time"), *_as_list(entry.get("box"))] if isinstance(entry, Mapping) else []
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


def _as_list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _join_same_names(persons: list[Person]) -> People:
    """Join persons of the same name into one person with the first number. Raises EmorecError if tracks are missing."""
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
