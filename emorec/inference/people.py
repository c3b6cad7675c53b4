"""Which person a timeline is about, and the mean of the timelines of all persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral

import numpy as np

from emorec.errors import EmorecError, listed
from emorec.extraction.channels import SPLIT
from emorec.extraction.features import Features
from emorec.extraction.people import VOICE_NAMES, WORDS, default_name, plain_name
from emorec.extraction.persons import seconds_shown, shown_until
from emorec.extraction.spoken import PERSON, SPEECH
from emorec.inference import coverage, pooling
from emorec.inference import fusion as fusions
from emorec.inference.result import Timeline
from emorec.inference.voice_pooling import index_range, share_of

ALL, MAIN, SPEAKER = WORDS

PersonLike = int | str | None

NO_PERSON = "There is no person {person} in this recording; it has {count}."
NEGATIVE = "There is no person {person}; persons are counted from 0."
NO_NAME = "There is no person called {name!r} in this recording; it has {known}."
NO_CHOICE = 'A person is a number, a name, "all", "main" or "speaker", not {given!r}.'
NOT_USED = "No picture was decoded, so the choice of the person {person!r} was not used, and every voice counts."
NO_FACE = (
    "No face was found in the pictures, so only voices count. If there is a face, it may be too small, too dark or "
    "turned away."
)
SEVERAL = (
    "Several persons are in view at once for {share:.0%} of the time, and each row is about only one of them; choose a "
    "person, or all persons, to see the others."
)
SEVERAL_SECONDS, SEVERAL_SHARE = 5.0, 0.2  # of what was analysed, from which on SEVERAL is a note; both must be reached


def checked_person(person: object) -> PersonLike:
    """The person; a number, also one of numpy, as an int. Raises EmorecError if no recording can have it."""
    if isinstance(person, Integral) and not isinstance(person, bool):
        if person < 0:
            raise EmorecError(NEGATIVE.format(person=person))
        return int(person)
    if person is not None and (not isinstance(person, str) or person == ""):
        raise EmorecError(NO_CHOICE.format(given=person))
    return person


def is_choosable(features: Features) -> bool:
    """Whether a person can be chosen: without pictures a person is known only by the channel of the voice."""
    settings = features.settings
    return bool(settings.get("faces", True)) or settings.get("channel") == SPLIT


def number_of(features: Features, person: PersonLike) -> int | None:
    """The number of the person that a number, a name or "main" stands for; None for None, "all" and "speaker".

    "main" is the person who is longest on screen, or heard longest if nobody is seen; None if nobody is known. Names
    are compared without regard to case, after an exact match. Raises EmorecError for a person whom the recording does
    not show.
    """
    person = checked_person(person)
    if person is None or person in (ALL, SPEAKER):
        return None
    if person == MAIN:
        return _main(features)
    if isinstance(person, int):
        if person not in features.persons:
            raise EmorecError(NO_PERSON.format(person=person, count=len(features.persons)))
        return person
    wanted = plain_name(person)
    for known in (str, str.casefold):
        for number, name in features.names.items():
            if known(plain_name(name)) == known(wanted):
                return number
    raise EmorecError(NO_NAME.format(name=person, known=listed([*features.names.values()])))


def _main(features: Features) -> int | None:
    """The person who is longest on screen, or heard longest if nobody is seen; None if there is nobody."""
    if not features.persons or features.persons[0] not in VOICE_NAMES:  # those who are only heard come last
        return features.persons[0] if features.persons else None
    spoken = features.arrays[PERSON][features.arrays["voice_speech"] >= SPEECH]
    return max(features.persons, key=lambda person: int((spoken == person).sum()))


def speakers(features: Features, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The person (N,) to whom most voice hops in each range [low, high) (s) belong, -1 where no hop has a person.

    A hop lies in the range that holds its middle; if a range is so short that it holds none, the hops count that it
    overlaps. If two have equally many, the one who is longer on screen counts.
    """
    arrays = features.arrays
    voices = arrays.get(PERSON)
    # Of hundreds of persons only some speak; a column for each of the others would cost memory for nothing.
    heard = set() if voices is None else {*np.unique(voices).tolist()}
    ranked = [person for person in features.persons if person in heard]
    if voices is None or not ranked:
        return np.full(len(low), -1)
    times, half = arrays["voice_time"], features.hop_seconds / 2
    first, last = index_range(times, low, high)
    overlapped = index_range(times, low - half + 1e-9, high + half - 1e-9)
    first, last = (np.where(first < last, *ends) for ends in zip((first, last), overlapped, strict=True))
    counts = coverage.sums((voices[:, None] == np.array(ranked)).astype(float), first, last)
    return np.where(counts.max(axis=1) > 0, np.array(ranked)[counts.argmax(axis=1)], -1)


def persons_of_rows(faces: np.ndarray, voices: np.ndarray) -> np.ndarray:
    """The person (N,) whom each row describes: that of ``faces`` (N,), -1 for none, or one who is only heard."""
    return np.where((faces < 0) & np.isin(voices, [*VOICE_NAMES]), voices, faces)


def mean(people: Sequence[Timeline], features: Features) -> Timeline:
    """The mean of the timelines of all persons, which have the same rows, as one timeline about nobody.

    Probabilities, also those of each modality alone, are the mean over the persons with evidence in the row, each
    counted equally; ``evidence`` is the mean over the same persons. ``face_coverage`` and ``row_face`` are the share of
    the time in which at least one of them is visible, ``speech_coverage`` and ``row_speech`` that in which at least one
    of them speaks. ``disagreement`` is that of the mean probabilities.
    """
    one = people[0]
    probabilities = np.stack([timeline.probabilities for timeline in people])
    known = ~np.isnan(probabilities[..., 0])
    evidence = np.stack([timeline.evidence for timeline in people])
    face, voice = (_mean(np.stack([getattr(timeline, name) for timeline in people])) for name in ("face", "voice"))
    window = coverage.windows(one.start, one.end, one.window, one.step, (features.start, features.until))
    share = _by_anybody(features, [*features.names][: len(people)])
    heard = pooling.speech(features, *window, share)
    return replace(
        one,
        person=np.full(len(one), -1),
        probabilities=_mean(probabilities),
        face=face,
        voice=voice,
        face_coverage=_anybody(features, *window),
        row_face=_anybody(features, one.start, one.end),
        # Windows count a hop that they only touch as a whole, so the one who speaks most may have more.
        speech_coverage=np.maximum(heard, np.max([timeline.speech_coverage for timeline in people], axis=0)),
        row_speech=pooling.speech(features, one.start, one.end, share),
        evidence=np.where(known, evidence, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1),
        disagreement=fusions.disagreement(face, voice),
        choices=one.choices | {"person": ALL},
        people=tuple(people),
        name="",
    )


def _mean(values: np.ndarray) -> np.ndarray:
    """The mean of values (P, N, 7) over the persons (P) who are not NaN in a row, NaN if all are: (N, 7)."""
    known = ~np.isnan(values[..., 0])
    total = np.where(known[..., None], values, 0.0).sum(axis=0)
    count = known.sum(axis=0)[:, None]
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _by_anybody(features: Features, persons: Sequence[int]) -> np.ndarray | None:
    """The largest share (H,) with which each voice hop counts for one of the persons; None if every hop counts."""
    most: np.ndarray | None = None
    for person in persons:
        share = share_of(features, person)
        if share is None:
            return None
        most = share if most is None else np.maximum(most, share)
    return most


def _anybody(features: Features, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The share (N,) of ranges [low, high) (s) in which at least one of the persons is visible."""
    arrays = features.arrays
    times = arrays["face_time"]
    mine = np.flatnonzero(np.isin(arrays["face_person"], features.persons))
    # The faces of a picture follow each other; one of them is enough.
    mine = mine[np.diff(times[mine], prepend=-np.inf) > 0]
    seen = coverage.covered_seconds(times[mine], shown_until(arrays, features.until)[mine], low, high)
    return np.minimum(seen / coverage.lengths(low, high, features.until), 1.0)


def about_person(timeline: Timeline, number: int, name: str) -> Timeline:
    """The timeline of one person among all: every row names the person, also those that do not show the face."""
    return replace(timeline, person=np.full(len(timeline), number), name=name or default_name(number))


def note_without_faces(features: Features, fusion: str) -> str:
    """NO_FACE if a complete recording has speech, and pictures without a face, although faces should count; else ""."""
    # While a recording is being read, a face may still come. A result without evidence says by itself what is missing.
    if not features.complete or fusion in ("face", "voice"):
        return ""
    arrays = features.arrays
    is_worth_a_note = (
        len(arrays["frame_time"]) and not len(arrays["face_time"]) and (arrays["voice_speech"] >= SPEECH).any()
    )
    return NO_FACE if is_worth_a_note else ""


def note_of_several(features: Features, person: PersonLike, fusion: str) -> str:
    """SEVERAL if no person was chosen, faces count, and several persons are seen at once for long; else ""."""
    arrays = features.arrays
    mine = np.isin(arrays["face_person"], features.persons)
    if person is not None or fusion == "voice" or not mine.any():
        return ""
    numbers, shown = arrays["face_person"][mine], seconds_shown(arrays, features.until)[mine]
    _, first = np.unique(arrays["face_time"][mine], return_index=True)  # the faces of a picture follow each other
    # Two faces of one number, which the user joined, are one person.
    several = np.maximum.reduceat(numbers, first) != np.minimum.reduceat(numbers, first)
    seconds = float(shown[first][several].sum())
    share = seconds / max(features.until - features.start, 1e-9)
    is_worth_a_note = seconds >= SEVERAL_SECONDS - 1e-6 and share >= SEVERAL_SHARE - 1e-6
    return SEVERAL.format(share=min(share, 1.0)) if is_worth_a_note else ""
