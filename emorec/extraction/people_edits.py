"""Name the persons of a recording, join two of them, and divide one: each gives new People."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.extraction.people import VOICE_NAMES, People, Person, Track, Tracks, checked_name
from emorec.extraction.persons import seconds_shown

NO_PERSON = "There is no person {number} in this recording any more; choose another."
TAKEN = "Another person is called {name}; choose another name, or join the two."
SAME = "{name} cannot be joined with the same person; choose another one."
TOGETHER = "{one} and {other} are in one picture at {time}, so they are two people and cannot be joined."
HEARD = "{name} is only heard, in a channel of its own, and cannot be joined with {other}; give it a name instead."
NO_STRETCH = "There is no such stretch of {name} in this recording; choose another."
WHOLE = "{name} has nothing else than what was chosen, so there is nothing to divide; leave a stretch out."


@dataclass(frozen=True)
class Stretch:
    """A track of a person: from ``start`` to ``end`` (s), with a face for ``seconds``; ``track`` stands for it."""

    start: float
    end: float
    seconds: float
    track: Track


def stretches(features: Features, number: int) -> list[Stretch]:
    """The tracks of a person in order of time; none for a person who is not there."""
    arrays = features.arrays
    tracks, shown = Tracks.of(arrays), seconds_shown(arrays, features.until)
    seconds = np.bincount(tracks.of_face, shown, len(tracks.first))
    last = np.zeros(len(tracks.first))
    np.maximum.at(last, tracks.of_face, arrays["face_time"] + shown)
    found = [
        Stretch(float(arrays["face_time"][face]), float(last[track]), float(seconds[track]), described)
        for track, face in enumerate(tracks.first)
        if arrays["face_person"][face] == number
        for described in [tracks.described(arrays, track)]
    ]
    return sorted(found, key=lambda stretch: (stretch.start, stretch.end))


def renamed(features: Features, number: int, name: object) -> People:
    """People with another name for a person; an empty one takes the name away.

    Raises EmorecError if that is no name, or that of somebody else.
    """
    _check_number(features, number)
    text = checked_name(name) if name else ""
    others = {known.casefold() for other, known in features.names.items() if other != number}
    if text.casefold() in others:
        raise EmorecError(TAKEN.format(name=text))
    return _with(features, replace(_described(features, number), name=text))


def joined(features: Features, number: int, other: int) -> People:
    """People in which ``other`` is the person ``number``, whose name stays; without one, the other's is taken.

    Raises EmorecError if they are the same, or in one picture at the same time, or if one is only heard.
    """
    for one in (number, other):
        _check_number(features, one)
    if number == other:
        raise EmorecError(SAME.format(name=features.names[number]))
    for one, another in ((number, other), (other, number)):
        if one in VOICE_NAMES:
            raise EmorecError(HEARD.format(name=features.names[one], other=features.names[another]))
    arrays = features.arrays
    own, others = (arrays["face_time"][arrays["face_person"] == one] for one in (number, other))
    common = np.intersect1d(own, others)
    if len(common):
        names = {"one": features.names[number], "other": features.names[other]}
        raise EmorecError(TOGETHER.format(**names, time=clock(float(common[0]))))
    first, second = _described(features, number), _described(features, other)
    whole = Person(
        number=number, name=first.name or second.name, tracks=(*(first.tracks or ()), *(second.tracks or ()))
    )
    return _with(features, whole, without=[other])


def divided(features: Features, number: int, chosen: Iterable[Track]) -> People:
    """People in which the chosen tracks of a person are a person of their own, with the first number that is free.

    Raises EmorecError if one is not the person's, or if they are all that the person has.
    """
    _check_number(features, number)
    taken = tuple(dict.fromkeys(chosen))
    whole = _described(features, number)
    own = whole.tracks or ()
    if not taken or any(track not in own for track in taken):
        raise EmorecError(NO_STRETCH.format(name=features.names[number]))
    rest = tuple(track for track in own if track not in taken)
    if not rest:
        raise EmorecError(WHOLE.format(name=features.names[number]))
    used = {int(one) for one in np.unique(features.arrays["face_person"])}
    used |= {person.number for person in features.people}
    new = next(one for one in range(len(used) + 1) if one not in used)
    return _with(features, replace(whole, tracks=rest), Person(number=new, tracks=taken))


def clock(seconds: float) -> str:
    """A time (s) as m:ss, from an hour on as h:mm:ss."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"


def _check_number(features: Features, number: int) -> None:
    if number not in features.names:
        raise EmorecError(NO_PERSON.format(number=number))


def _described(features: Features, number: int) -> Person:
    """A person with all tracks, and the name that the user gave."""
    tracks = tuple(stretch.track for stretch in stretches(features, number))
    return Person(number=number, name=features.people.names().get(number, ""), tracks=tracks)


def _with(features: Features, *changed: Person, without: Collection[int] = ()) -> People:
    """The People of features with some persons replaced or removed."""
    gone = {person.number for person in changed} | {*without}
    kept = [person for person in features.people if person.number not in gone]
    return People(tuple(sorted([*kept, *changed], key=lambda person: person.number)))
