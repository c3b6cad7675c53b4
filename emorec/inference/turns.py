"""Who speaks when: runs of voice hops with speech, each of one person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from emorec.extraction import channels
from emorec.extraction.features import Features
from emorec.extraction.spoken import PERSON, PROBABILITY, SPEECH, UNSURE


@dataclass(frozen=True)
class Turn:
    """Speech of one person from ``start`` to ``end`` (s).

    ``person`` is a number, OFF_SCREEN or UNSURE; ``probability`` is the mean over the hops, None if it is not known.
    ``channel`` counts from 1; it is 2 for the right one of two that are split.
    """

    start: float
    end: float
    person: int = UNSURE
    probability: float | None = None
    channel: int = 1


def turns(features: Features) -> tuple[Turn, ...]:
    """The turns of a recording in order of time; without the array PERSON they are all of UNSURE."""
    arrays = features.arrays
    if channels.CHANNEL not in arrays:
        return _turns(features, arrays)
    found = [
        replace(turn, channel=number + 1)
        for number in range(channels.count(arrays))
        for turn in _turns(features, channels.select_channel(arrays, number))
    ]
    return tuple(sorted(found, key=lambda turn: (turn.start, turn.channel)))


def _turns(features: Features, arrays: dict[str, np.ndarray]) -> tuple[Turn, ...]:
    """The turns in the hops of ``arrays``, no two of which are at the same time."""
    half = features.hop_seconds / 2
    spoken = np.flatnonzero(arrays["voice_speech"] >= SPEECH)
    if not len(spoken):
        return ()
    times = arrays["voice_time"][spoken]
    person = arrays[PERSON][spoken] if PERSON in arrays else np.full(len(spoken), UNSURE)
    probability = arrays[PROBABILITY][spoken] if PROBABILITY in arrays else None
    # A pause of a hop, or another person, begins a new turn.
    new = (np.diff(times) > 3 * half) | (np.diff(person) != 0)
    first = np.append(0, np.flatnonzero(new) + 1)
    last = np.append(first[1:], len(spoken))
    return tuple(
        Turn(
            start=max(float(times[a]) - half, features.start),
            end=min(float(times[b - 1]) + half, max(features.until, float(times[b - 1]))),
            person=int(person[a]),
            probability=None if probability is None else float(probability[a:b].mean()),
        )
        for a, b in zip(first, last, strict=True)
    )
