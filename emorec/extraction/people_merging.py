"""Put together what was said of the persons of a recording in two places at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import TypeVar

import numpy as np

from emorec.extraction.features import Features
from emorec.extraction.people import NOBODY, VOICE_NAMES, People, Person, Track
from emorec.extraction.people_tracks import Arrays, Tracks, apply_people
from emorec.extraction.persons import seconds_shown

Thing = TypeVar("Thing")
Value = TypeVar("Value")
Numbers = dict[Track, int]  # the number of the person of each track
Names = dict[int, str]
Said = tuple[Names, Numbers]


def merge(features: Features, before: People, mine: People, others: People) -> People:
    """The People of ``features`` with two changes of ``before``: ``mine`` and ``others``.

    Names and tracks are compared one by one; where both were changed, ``mine`` counts. The same holds if both gave one
    name to different persons, or if their joins together would join faces of one picture. If they gave one number to
    different persons, that of ``others`` gets a new number. What was said of tracks that ``features`` lack, as they may
    be of a part of the recording, is kept too.
    """
    if others in (before, mine):
        return mine
    if mine == before:
        return others
    before_tracks, my_tracks, other_tracks = (_numbers(features, people) for people in (before, mine, others))
    highest = max(mine.highest, others.highest, *my_tracks.values(), *other_tracks.values())
    changed = {number for number, _ in {*mine.names().items()} ^ {*before.names().items()}}
    changed |= {number for track, number in my_tracks.items() if number != before_tracks.get(track)}
    new_numbers = _new_numbers(changed, before_tracks, my_tracks, other_tracks, highest)
    other_tracks = {track: new_numbers.get(number, number) for track, number in other_tracks.items()}
    other_names = {new_numbers.get(number, number): name for number, name in others.names().items()}

    number_of = _merged(before_tracks, my_tracks, other_tracks)
    joined = _joins(before_tracks, my_tracks, other_tracks)
    number_of = {track: _end(joined, number) for track, number in number_of.items()}
    number_of = _without_clashes(features.found_arrays, number_of, my_tracks)
    for number, new in new_numbers.items():  # a number that is free in the end is not changed
        same = _tracks(number_of, new)
        rest = {my_tracks.get(track, new) for track in same}  # of a person whom both have divided
        free = [one for one in (number, *(rest if len(rest) == 1 else ())) if one not in number_of.values()]
        number_of |= dict.fromkeys(same, free[0]) if free else {}
    names = _merged_names(before.names(), (mine.names(), my_tracks), (other_names, other_tracks), number_of)

    found = _numbers(features, NOBODY)
    moved = {one for track in found if found[track] != number_of[track] for one in (found[track], number_of[track])}
    described = {person.number for people in (mine, others) for person in people} | moved | {*names}
    tracks = sorted(number_of, key=lambda track: (track.time, track.box))
    persons = tuple(
        Person(number=one, name=names.get(one, ""), tracks=tuple(track for track in tracks if number_of[track] == one))
        for one in sorted(described)
    )
    there = tuple(person for person in persons if person.tracks or person.number in VOICE_NAMES)
    return People(there, max(mine.highest, others.highest, *new_numbers.values()))


def _merged(
    before: Mapping[Thing, Value], mine: Mapping[Thing, Value], others: Mapping[Thing, Value]
) -> dict[Thing, Value]:
    """The values of ``others``, but mine where they differ from those before, also if mine has none there."""
    same = {one: value for one, value in others.items() if mine.get(one) == before.get(one)}
    return same | {one: value for one, value in mine.items() if value != before.get(one)}


def _numbers(features: Features, people: People) -> Numbers:
    """The number of the person of each track, after what was said, also of described tracks that are not there."""
    arrays = features.found_arrays
    persons = apply_people(people, arrays, arrays["face_person"], seconds_shown(arrays, features.until))
    tracks = Tracks.of(arrays)
    there = {tracks.described(arrays, track): int(persons[face]) for track, face in enumerate(tracks.first)}
    said = {track: person.number for person in people for track in person.tracks or () if track not in there}
    return there | {track: number for track, number in said.items() if tracks.find(arrays, track) is None}


def _tracks(numbers: Numbers, number: int) -> set[Track]:
    return {track for track, own in numbers.items() if own == number}


def _new_numbers(changed: Set[int], before: Numbers, mine: Numbers, others: Numbers, highest: int) -> dict[int, int]:
    """New numbers above ``highest`` for persons of others whose number is that of somebody else in mine.

    ``changed`` are the numbers of persons who have another name or more tracks in mine than before.
    """
    taken = []
    for number in sorted(changed & {*mine.values()} & {*others.values()}):
        was, own, other = (_tracks(numbers, number) for numbers in (before, mine, others))
        if own != other and not other & was:
            taken.append(number)
    return {number: highest + place for place, number in enumerate(taken, 1)}


def _joins(before: Numbers, mine: Numbers, others: Numbers) -> dict[int, int]:
    """Where persons went that have no tracks any more: those of mine, and of others unless mine says the opposite."""
    joined: dict[int, int] = {}
    for after in (mine, others):
        for number in sorted({*before.values()} - {*after.values()} - {*joined}):
            for other, _ in Counter(after[track] for track in _tracks(before, number) & {*after}).most_common(1):
                if _end(joined, other) != number:
                    joined[number] = other
    return joined


def _end(joined: Mapping[int, int], number: int) -> int:
    while number in joined:
        number = joined[number]
    return number


def _without_clashes(arrays: Arrays, number_of: Numbers, mine: Numbers) -> Numbers:
    """The persons of tracks, with mine where a person would have two faces in one picture."""
    tracks = Tracks.of(arrays)
    described = [tracks.described(arrays, track) for track in range(len(tracks.first))]
    while described:
        persons = np.array([number_of[track] for track in described])[tracks.of_face]
        seen, count = np.unique(np.stack([arrays["face_time"], persons]), axis=1, return_counts=True)
        clashing = {int(number) for number in seen[1, count > 1]}
        back = {track: mine[track] for track, number in number_of.items() if number in clashing and track in mine}
        if number_of | back == number_of:
            break
        number_of = number_of | back
    return number_of


def _merged_names(before: Names, mine: Said, others: Said, number_of: Numbers) -> Names:
    """The names by number, of persons as they are in mine and in others, for the persons of ``number_of``."""
    (my_names, my_tracks), (other_names, other_tracks) = mine, others
    changed = {number: name for number, name in my_names.items() if name != before.get(number)}
    names = {}
    for found in (other_names, changed):
        own = {}
        for number, name in found.items():
            if found is changed or my_names.get(number) == before.get(number):
                own[number] = _place(number, my_tracks if my_names.get(number) == name else other_tracks, number_of)
        # Who was joined has the name of the other person, if there is one.
        for number in sorted(own, key=lambda one: own[one] == one):
            names[own[number]] = found[number]
    mine_at = {name.casefold(): _place(number, my_tracks, number_of) for number, name in changed.items()}
    return {number: name for number, name in names.items() if mine_at.get(name.casefold(), number) == number}


def _place(number: int, numbers: Numbers, number_of: Numbers) -> int:
    """The number in ``number_of`` of a person who has this one in ``numbers``."""
    places = Counter(number_of[track] for track in _tracks(numbers, number) & {*number_of})
    return number if number in places or not places else places.most_common(1)[0][0]
