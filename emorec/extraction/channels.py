"""Sound whose two channels stay apart: each holds the voice of one person, as in calls recorded a channel a person.

The hops of both channels follow each other in time; ``voice_channel`` tells which is which. A channel is the voice of
the visible person whose mouth fits it, or else of a person without a face.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from emorec.extraction import sync
from emorec.extraction.people import LEFT_VOICE, RIGHT_VOICE, default_name
from emorec.extraction.spoken import OFF_SCREEN, PERSON, SPEECH

SPLIT = "split"
SIDES = ("left", "right")
VOICES = (LEFT_VOICE, RIGHT_VOICE)  # numbers of persons without a face, of each channel
CHANNEL = "voice_channel"  # array (H,): 0 for left, 1 for right

LEAST_SECONDS = 1.0  # of speech; a channel with less of it adds no person
# A channel also picks up the other side, quietly (crosstalk). Its speech is crosstalk where its level over a few hops
# is this many dB below that of the other channel: QUIETER if each level is relative to the voice of its own channel,
# or MUCH_QUIETER if the levels are compared as they are.
QUIETER, MUCH_QUIETER = 9.0, 15.0
LOUD_SHARE = 0.9  # quantile of the loudness of a channel's speech that is its own voice
AROUND = 1  # hops on each side over which levels are averaged
# Both channels hold the same voices if in this share of the speech both have speech, of nearly the same loudness (dB).
SAME_SHARE, SAME_LOUDNESS = 0.9, 3.0
MIXED = (
    "Both channels hold the same voices, so they are not split and one of them is used; --channel mix suits recordings "
    "that do not have one person per channel."
)

# Nats by which the mouth of a person must fit a channel better than that of nobody: in total, so that little speech
# decides nothing, and per picture. Actors on whom the network was not trained have about 0.5 per picture.
FITS, FITS_A_PICTURE = 12.0, 0.13

Arrays = dict[str, np.ndarray]


def merge(channels: Sequence[Arrays]) -> Arrays:
    """The voice arrays of both channels in order of time, the left first, with the array CHANNEL."""
    found: Arrays = {}
    for name, first in channels[0].items():
        both = np.stack([first, *(channel[name] for channel in channels[1:])], axis=1)
        found[name] = both.reshape(-1, *first.shape[1:])
    count = len(next(iter(channels[0].values())))
    return found | {CHANNEL: np.tile(np.arange(len(channels), dtype=np.uint8), count)}


def no_channels() -> Arrays:
    """The array CHANNEL without rows."""
    return {CHANNEL: np.zeros(0, np.uint8)}


def count(arrays: Arrays) -> int:
    """How many voice hops there are at each time."""
    return len(SIDES) if CHANNEL in arrays else 1


def select_channel(arrays: Arrays, number: int) -> Arrays:
    """The arrays with only the voice hops of a channel, and without CHANNEL."""
    own = arrays[CHANNEL] == number
    voices = {name: values[own] for name, values in arrays.items() if name.startswith("voice_") and name != CHANNEL}
    return {name: values for name, values in arrays.items() if name != CHANNEL} | voices


def remove_crosstalk(arrays: Arrays) -> Arrays:
    """Arrays in which only a channel's own voice counts as speech, not what it picks up of the other side.

    If both channels hold the same voices, the result has only the hops of the left one, without CHANNEL.
    """
    if not len(arrays[CHANNEL]):
        return arrays
    loudness, speech = (arrays[name].reshape(-1, 2).astype(np.float64) for name in ("voice_loudness", "voice_speech"))
    spoken = speech >= SPEECH
    if _same(loudness, spoken):
        return select_channel(arrays, 0)
    level = _around(loudness)
    # Levels are compared as they are, and relative to each channel's own voice, as microphones may differ in gain.
    own = [np.quantile(level[spoken[:, side], side], LOUD_SHARE) if spoken[:, side].any() else 0.0 for side in (0, 1)]
    quieter = level[:, ::-1] - level
    relative = quieter - (np.array(own[::-1]) - np.array(own)) if spoken.any(axis=0).all() else quieter
    near = _windows(np.pad(spoken, ((AROUND, AROUND), (0, 0)))).max(axis=2)
    picked_up = spoken & near[:, ::-1] & ((relative >= QUIETER) | (quieter >= MUCH_QUIETER))
    kept = np.where(picked_up, 0.0, speech).astype(arrays["voice_speech"].dtype)
    return arrays | {"voice_speech": kept.ravel()}


def _same(loudness: np.ndarray, spoken: np.ndarray) -> bool:
    """Whether the two channels (H, 2) hold the same voices."""
    either = spoken.any(axis=1)
    alike = spoken.all(axis=1) & (np.abs(loudness[:, 0] - loudness[:, 1]) <= SAME_LOUDNESS)
    return bool(either.any()) and float(alike[either].mean()) >= SAME_SHARE


def _around(loudness: np.ndarray) -> np.ndarray:
    """The mean power of loudness (H, 2) in dB over AROUND hops on each side."""
    power = np.pad(10 ** (loudness / 10), ((AROUND, AROUND), (0, 0)), mode="edge")
    return 10 * np.log10(_windows(power).mean(axis=2) + 1e-12)


def _windows(values: np.ndarray) -> np.ndarray:
    """Each hop of values (H + 2 AROUND, 2) with those around it: (H, 2, 2 AROUND + 1)."""
    return np.lib.stride_tricks.sliding_window_view(values, 2 * AROUND + 1, axis=0)


def assign_speakers(arrays: Arrays, hop_seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """The person who speaks in every hop (H,) of both channels, and the probability (H,) of that.

    A hop without speech is OFF_SCREEN; its probability is that of no speech.
    """
    speech = arrays["voice_speech"].astype(np.float64)
    owners = np.array(_owners(arrays, hop_seconds))[arrays[CHANNEL]]
    spoken = speech >= SPEECH
    return np.where(spoken, owners, OFF_SCREEN), np.where(spoken, speech, 1 - speech)


def _owners(arrays: Arrays, hop_seconds: float) -> list[int]:
    """The person whose voice each channel is: one who is visible, or one of VOICES."""
    owners, fits = [*VOICES], mouth_fits(arrays, hop_seconds)
    for number, side in sorted(fits, key=lambda pair: -fits[pair]):
        if owners[side] == VOICES[side] and number not in owners:
            owners[side] = number
    return owners


def mouth_fits(arrays: Arrays, hop_seconds: float) -> dict[tuple[int, int], float]:
    """How well mouths fit channels, by (person, channel), in nats; only the pairs that fit clearly."""
    numbers = sync.persons(arrays["face_person"])
    found: dict[tuple[int, int], float] = {}
    for side in range(len(SIDES)) if len(numbers) else ():
        own = select_channel(arrays, side)
        spoken = np.flatnonzero(own["voice_speech"] >= SPEECH)
        if not len(spoken):
            continue
        totals = sync.evidence(own, numbers, spoken, hop_seconds).sum(axis=0)
        heard = arrays["face_person"][_in_speech(own, spoken, hop_seconds)]
        for number, total in zip(numbers.tolist(), totals.tolist(), strict=True):
            if total >= max(FITS, FITS_A_PICTURE * int((heard == number).sum())):
                found[number, side] = total
    return found


def _in_speech(arrays: Arrays, spoken: np.ndarray, hop_seconds: float) -> np.ndarray:
    """Whether each face (N,) is shown in a hop of ``spoken``, as ``sync.evidence`` counts it."""
    begin = float(arrays["voice_time"][0]) - hop_seconds / 2
    hops = np.floor((arrays["face_time"] - begin) / hop_seconds).astype(int)
    return np.isin(hops, spoken)


def persons_heard(arrays: Arrays, hop_seconds: float) -> list[int]:
    """The numbers of persons who are heard for LEAST_SECONDS or longer and have no face, of VOICES."""
    if CHANNEL not in arrays or PERSON not in arrays:
        return []
    seconds = [hop_seconds * float((arrays[PERSON] == number).sum()) for number in VOICES]
    return [number for number, long in zip(VOICES, seconds, strict=True) if long >= LEAST_SECONDS]


def voices_note(arrays: Arrays, split: bool, names: dict[int, str]) -> str:
    """Whose voice each channel is, in a sentence; "" if the channels are not ``split`` or nobody speaks."""
    if not split or not len(arrays["voice_time"]):
        return ""
    if CHANNEL not in arrays:
        return MIXED
    parts = []
    for number, side in enumerate(SIDES):
        people = np.unique(arrays[PERSON][(arrays[CHANNEL] == number) & (arrays["voice_speech"] >= SPEECH)])
        if not len(people):
            parts.append(f"nobody speaks in the {side} channel")
        elif people[0] == VOICES[number]:
            parts.append(f"the {side} channel is a voice without a face")
        else:
            name = names.get(int(people[0]), default_name(int(people[0])))
            parts.append(f"the {side} channel is the voice of {name}, whose mouth fits it")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}."
