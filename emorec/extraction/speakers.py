"""Who speaks: each hop of speech belongs to a visible person, to somebody off screen, or is unsure.

Evidence comes from the mouths (``sync``): how well they fit the sound, and whether they move at all. A hidden Markov
model, whose states are the persons and "off screen", gathers it over time. Voices are not compared, so a person who
turns away keeps the voice only by this model's memory.
"""

from __future__ import annotations

import numpy as np

from emorec.extraction import sync
from emorec.extraction.persons import shown_until
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH, UNSURE

SURE = 0.6  # probability from which on a speaker is named

CHUNK_HOPS = 4  # of speech at most that are decided together
NEAR = 0.45  # seconds; a person seen within this time of a hop is visible in it
# The same while it is decided who speaks: less, so that nobody speaks before the cut after which they are seen.
CLOSE = 0.15
# Seconds that a picture stays at the usual rate (5 a second), and the most that count of one that stays longer: after
# that, it is not known whether the person is still there.
USUAL_SHOWN, MOST_SHOWN = 0.2, 2.0
# Log odds against "off screen" before any evidence: of the only visible person, of each of several, and of a person who
# is not visible.
ALONE, AMONG, HIDDEN = 0.75, 4.0, -3.0
SWITCH = 0.01  # probability that another one speaks in the next chunk
PAUSE_SWITCH = 0.02  # the same for each hop of a pause between chunks
VIEW_SWITCH = 0.6  # the same if other persons are in view than in the chunk before
MOST_SWITCH = 0.7

WORTH_A_NOTE = 0.1  # share of the speech
NOT_COUNTED = " and does not count for the person in view"

Arrays = dict[str, np.ndarray]


def unassigned_note(arrays: Arrays, counts: bool = False) -> str:
    """How much of the speech is not given to a person in view, in a sentence; "" if that is little.

    Without a face, and without speech, there is nothing to say. ``counts`` is whether speech from off screen counts in
    the result all the same.
    """
    if PERSON not in arrays or not len(arrays["face_time"]):
        return ""
    speakers = arrays[PERSON][arrays["voice_speech"] >= SPEECH]
    if not len(speakers):
        return ""
    off, unsure = float((speakers == OFF_SCREEN).mean()), float((speakers == UNSURE).mean())
    parts = [
        f"{off:.0%} of the speech seems to come from somebody off screen{'' if counts else NOT_COUNTED}"
        if off >= WORTH_A_NOTE
        else "",
        f"for {unsure:.0%} of the speech it is not clear who speaks" if unsure >= WORTH_A_NOTE else "",
    ]
    sentence = "; ".join(part for part in parts if part)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def assign_speakers(arrays: Arrays, hop_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The person who speaks in every hop (H,), OFF_SCREEN or UNSURE, and the probability (H,) of that.

    ``arrays`` are those of Features with joined persons. A hop without speech is OFF_SCREEN; its probability is that
    of no speech. For UNSURE hops the probability is that of the likeliest speaker.
    """
    speech = arrays["voice_speech"].astype(np.float64)
    person, probability = np.full(len(speech), OFF_SCREEN), 1 - speech
    spoken = np.flatnonzero(speech >= SPEECH)
    if not len(spoken):
        return person, probability
    probability[spoken] = 1.0
    numbers = sync.persons(arrays["face_person"])
    if not len(numbers):
        return person, probability
    visible = in_view(arrays, numbers, hop_seconds, CLOSE)
    evidence = sync.evidence(arrays, numbers, spoken, hop_seconds)
    chunks = _chunks(spoken, visible)
    states = _posterior(spoken, chunks, visible, evidence)
    best = states.argmax(axis=1)
    named = np.append(numbers, OFF_SCREEN)[best]
    chance = states[np.arange(len(best)), best]
    person[spoken] = np.where(chance >= SURE, named, UNSURE)[chunks]
    probability[spoken] = chance[chunks]
    return person, probability


def in_view(arrays: Arrays, numbers: np.ndarray, hop_seconds: float, near: float = NEAR) -> np.ndarray:
    """Whether each person of ``numbers`` (P,) is visible within ``near`` (s) of each voice hop: (H, P) bool."""
    low, high = arrays["voice_time"] - hop_seconds / 2, arrays["voice_time"] + hop_seconds / 2
    begin = arrays["face_time"]
    until = np.maximum(begin + near, shown_until(arrays, np.inf).clip(max=begin + MOST_SHOWN) - USUAL_SHOWN)
    columns = []
    for number in numbers:
        mine = arrays["face_person"] == number
        first = np.searchsorted(np.maximum.accumulate(until[mine]), low)
        columns.append(np.searchsorted(begin[mine] - near, high) > first)
    return np.stack(columns, axis=1)


def _chunks(spoken: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """The chunk number of each spoken hop: consecutive hops with the same persons in view."""
    seen = visible[spoken]
    new = np.append(True, (np.diff(spoken) > 1) | (seen[1:] != seen[:-1]).any(axis=1))
    starts = np.flatnonzero(new)
    run = np.cumsum(new) - 1
    place = np.arange(len(spoken)) - starts[run]
    return np.cumsum(new | (place % CHUNK_HOPS == 0)) - 1


def _posterior(spoken: np.ndarray, chunks: np.ndarray, visible: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """Probabilities (C, P + 1) that each person, or last somebody off screen, speaks in each chunk.

    ``evidence`` (S, P) are log likelihood ratios against "off screen" of the spoken hops.
    """
    count, people = chunks[-1] + 1, visible.shape[1]
    first = np.searchsorted(chunks, np.arange(count))
    last = np.append(first[1:], len(chunks)) - 1
    seen = visible[spoken[first]]
    among = np.where(seen.sum(axis=1, keepdims=True) == 1, ALONE, AMONG)
    entry = np.exp(np.column_stack([np.where(seen, among, HIDDEN), np.zeros(count)]))
    entry /= entry.sum(axis=1, keepdims=True)
    logs = np.column_stack([np.add.reduceat(evidence, first, axis=0), np.zeros(count)])
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    pause = np.append(0, spoken[first[1:]] - spoken[last[:-1]] - 1)
    changed = np.append(False, (seen[1:] != seen[:-1]).any(axis=1))
    switch = np.minimum(SWITCH + PAUSE_SWITCH * pause + VIEW_SWITCH * changed, MOST_SWITCH)
    forward, backward = np.empty((count, people + 1)), np.empty((count, people + 1))
    state = entry[0]
    for chunk in range(count):
        if chunk:
            state = (1 - switch[chunk]) * state + switch[chunk] * entry[chunk]
        state = state * likelihood[chunk]
        state = state / state.sum()
        forward[chunk] = state
    state = np.ones(people + 1)
    for chunk in range(count - 1, -1, -1):
        backward[chunk] = state
        state = state * likelihood[chunk]
        state = (1 - switch[chunk]) * state + switch[chunk] * float(entry[chunk] @ state)
        state = state / state.sum()
    both = forward * backward
    return both / both.sum(axis=1, keepdims=True)
