"""Name the persons of a recording, join two of them, and divide one: each gives new People."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.extraction.people import (
    VOICE_NAMES,
    Box,
    People,
    Person,
    Track,
    checked_name,
    is_default_of_another,
)
from emorec.extraction.people_tracks import Tracks, overlaps
from emorec.extraction.persons import seconds_shown

NO_PERSON = "There is no person {number} in this recording any more; choose another."
TAKEN = "Another person is called {name}; choose another name, or join the two."
DEFAULT = "{name} is what another person is called without a name; choose another name."
SAME = "{name} cannot be joined with the same person; choose another one."
TOGETHER = "{one} and {other} are in one picture at {time}, so they are two people and cannot be joined."
HEARD = "{name} is only heard, in a channel of its own, and cannot be joined with {other}; give it a name instead."
NOTHING_CHOSEN = "Choose a stretch first."
NO_STRETCH = "There is no such stretch of {name} in this recording; choose another."
WHOLE = "{name} has nothing else than what was chosen, so there is nothing to divide; leave a stretch out."

# A face that moves fast breaks its track although nobody else appears. A piece this short that follows in the same
# place is hard to judge by eye, so it is offered with its neighbour; two long ones may be a cut, and stay apart.
SHORT = 3.0  # seconds
MAX_GAP = 1.0  # seconds between neighbours
NEAR = 0.5  # least intersection over union of the last box before the gap and the first one after it


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Tracks of a person, from ``start`` to ``end`` (s), with a face for ``seconds``; it is last seen in ``last_box``.

    Each of ``tracks`` is what stands for one.
    """

    start: float
    end: float
    seconds: float
    tracks: tuple[Track, ...]
    last_box: Box

    @property
    def track(self) -> Track:
        """What stands for the first track."""
        return self.tracks[0]


def stretches(features: Features, number: int) -> list[Stretch]:
    """The tracks of a person in order of time; none for a person who is not there."""
    arrays = features.arrays
    tracks, shown = Tracks.of(arrays), seconds_shown(arrays, features.until)
    seconds = np.bincount(tracks.of_face, shown, len(tracks.first))
    last = np.zeros(len(tracks.first))
    np.maximum.at(last, tracks.of_face, arrays["face_time"] + shown)
    found = [
        Stretch(
            start=float(arrays["face_time"][face]),
            end=float(last[track]),
            seconds=float(seconds[track]),
            tracks=(tracks.described(arrays, track),),
            last_box=tuple(arrays["face_box"][tracks.last[track]].tolist()),
        )
        for track, face in enumerate(tracks.first)
        if arrays["face_person"][face] == number
    ]
    return sorted(found, key=lambda stretch: (stretch.start, stretch.end))


def merged_stretches(features: Features, number: int) -> list[Stretch]:
    """The stretches of a person as a list to choose from: short ones are one with the neighbour in the same place."""
    found: list[Stretch] = []
    for stretch in stretches(features, number):
        if found and _continues(found[-1], stretch):
            before = found.pop()
            seconds, tracks = before.seconds + stretch.seconds, (*before.tracks, *stretch.tracks)
            stretch = replace(stretch, start=before.start, seconds=seconds, tracks=tracks)
        found.append(stretch)
    return found


def _continues(before: Stretch, after: Stretch) -> bool:
    """Whether two stretches are too much alike in time and place to be offered apart."""
    near = after.start - before.end <= MAX_GAP + 1e-6
    short = min(before.seconds, after.seconds) < SHORT - 1e-6
    return near and short and float(overlaps(np.array([before.last_box]), after.track.box)[0]) >= NEAR


def rename(features: Features, number: int, name: object) -> People:
    """People with another name for a person; an empty one takes the name away.

    Raises EmorecError if that is no name, or that of somebody else.
    """
    _check_number(features, number)
    text = checked_name(name) if name else ""
    others = {known.casefold() for other, known in features.names.items() if other != number}
    if text.casefold() in others:
        raise EmorecError(TAKEN.format(name=text))
    if is_default_of_another(text, number):
        raise EmorecError(DEFAULT.format(name=text))
    return _with(features, replace(_described(features, number), name=text))


def join(features: Features, number: int, other: int) -> People:
    """People in which ``number`` is the person ``other``, whose number and name stay; without a name, the first's.

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
    same, more = _described(features, other), _described(features, number)
    whole = replace(same, name=same.name or more.name, tracks=(*(same.tracks or ()), *(more.tracks or ())))
    return _with(features, whole, without=[number])


def divide(features: Features, number: int, chosen: Iterable[Track]) -> People:
    """People in which the chosen tracks of a person are a person of their own, with a number that nobody had before.

    Raises EmorecError if none is chosen, if one is not the person's, or if they are all that the person has.
    """
    _check_number(features, number)
    taken = tuple(dict.fromkeys(chosen))
    whole = _described(features, number)
    own = whole.tracks or ()
    if not taken:
        raise EmorecError(NOTHING_CHOSEN)
    if any(track not in own for track in taken):
        raise EmorecError(NO_STRETCH.format(name=features.names[number]))
    rest = tuple(track for track in own if track not in taken)
    if not rest:
        raise EmorecError(WHOLE.format(name=features.names[number]))
    # A number that was taken away by joining stays known as that of another human, so it is not given again.
    used = np.concatenate([features.arrays["face_person"], features.found_arrays["face_person"]])
    new = 1 + max(int(used.max(initial=-1)), _highest(features.people))
    return _with(features, replace(whole, tracks=rest), Person(number=new, tracks=taken))


def clock(seconds: float, tenths: bool = False) -> str:
    """A time (s) as m:ss, from an hour on as h:mm:ss; with ``tenths`` one digit more."""
    count = round(seconds * 10) if tenths else int(seconds) * 10
    minutes, rest = divmod(count // 10, 60)
    text = f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
    return f"{text}.{count % 10}" if tenths else text


def span(stretch: Stretch) -> str:
    """The times of a stretch in words, with tenths if whole seconds would tell little of it."""
    if stretch.end - stretch.start < SHORT:
        return f"{clock(stretch.start, tenths=True)} – {clock(stretch.end, tenths=True)}"
    return f"{clock(round(stretch.start))} – {clock(round(stretch.end))}"


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
    people = People(tuple(sorted([*kept, *changed], key=lambda person: person.number)))
    return replace(people, highest=max(_highest(features.people), _highest(people)))


def _highest(people: People) -> int:
    """The highest number that a person who is seen has, or had before an edit; -1 if there is none."""
    return max([people.highest, *(person.number for person in people if person.number not in VOICE_NAMES)])
