"""Put together what was said of the persons of a recording in two places at the same time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from emorec.extraction.features import Features
from emorec.extraction.people import VOICE_NAMES, People, Person, Track
from emorec.extraction.people_tracks import Tracks, apply_people
from emorec.extraction.persons import seconds_shown

Thing = TypeVar("Thing")
Value = TypeVar("Value")


def merge(features: Features, before: People, mine: People, others: People) -> People:
    """The People of ``features`` with two changes of ``before``: ``mine`` and ``others``.

    Names and tracks are compared one by one; where both were changed, ``mine`` counts. Of two new persons with the same
    number only mine stays, and so does my name if both gave the same one to different persons.
    """
    if others in (before, mine):
        return mine
    if mine == before:
        return others
    tracks_before, my_tracks, other_tracks = (_numbers(features, people) for people in (before, mine, others))
    both_new = ({*my_tracks.values()} & {*other_tracks.values()}) - {*tracks_before.values()}
    kept = {track: number for track, number in other_tracks.items() if number not in both_new}
    number_of = _merged(tracks_before, my_tracks, tracks_before | kept)
    taken = {number: name.casefold() for number, name in mine.names().items()}
    other_names = {
        number: name
        for number, name in others.names().items()
        if number not in both_new and all(name.casefold() != own for one, own in taken.items() if one != number)
    }
    names = _merged(before.names(), mine.names(), other_names)
    described = {person.number for people in (mine, others) for person in people}
    merged = [Person(number=one, name=names.get(one, ""), tracks=_of(number_of, one)) for one in sorted(described)]
    there = tuple(person for person in merged if person.tracks or person.number in VOICE_NAMES)
    return People(there, max(mine.highest, others.highest))


def _merged(
    before: Mapping[Thing, Value], mine: Mapping[Thing, Value], others: Mapping[Thing, Value]
) -> dict[Thing, Value]:
    """The values of ``others``, but mine where they differ from those before, also if mine has none there."""
    same = {one: value for one, value in others.items() if mine.get(one) == before.get(one)}
    return same | {one: value for one, value in mine.items() if value != before.get(one)}


def _numbers(features: Features, people: People) -> dict[Track, int]:
    """The number of the person of each track, after what was said."""
    arrays = features.found_arrays
    persons = apply_people(people, arrays, arrays["face_person"], seconds_shown(arrays, features.until))
    tracks = Tracks.of(arrays)
    return {tracks.described(arrays, track): int(persons[face]) for track, face in enumerate(tracks.first)}


def _of(number_of: Mapping[Track, int], number: int) -> tuple[Track, ...]:
    return tuple(track for track, own in number_of.items() if own == number)
