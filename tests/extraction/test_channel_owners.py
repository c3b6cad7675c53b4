"""Whose voice each channel is: from made mouths and sounds."""

import numpy as np
import pytest

from emorec.extraction import channels, sync
from emorec.extraction.people import LEFT_VOICE, RIGHT_VOICE
from emorec.models import speaker

HOP = 0.256
RATE = 5.0  # pictures a second
SECONDS = 20.0
HALF = SECONDS / 2
COUNT = int(SECONDS / HOP)


def sounds(seed):
    """Vectors of sound (steps, DIMENSIONS) that change smoothly."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 1, (COUNT * speaker.STEPS + 2, speaker.DIMENSIONS))
    return (steps[:-2] + steps[1:-1] + steps[2:]) / 3**0.5


def call(*mouths):
    """Arrays of a call: the left one speaks in the first half, the right one in the second. Each of ``mouths``, those
    of persons 0, 1, ..., follows the sound of "left" or "right", another ("moves"), or none ("rests")."""
    sound = {"left": sounds(0), "right": sounds(1), "moves": sounds(2)}
    random = np.random.default_rng(3)
    rows = []
    for time in np.arange(0.1, SECONDS, 1 / RATE):
        for person, kind in enumerate(mouths):
            at = int(np.clip(time / HOP * speaker.STEPS, 0, COUNT * speaker.STEPS - 1))
            speaks = kind == "moves" or kind == ("left" if time < HALF else "right")
            mouth = sound[kind][at] + random.normal(0, 0.5, speaker.DIMENSIONS) if speaks else 0
            rows.append((time, person, np.broadcast_to(mouth, speaker.DIMENSIONS)))
    times = (np.arange(COUNT) + 0.5) * HOP
    each = [
        {
            "voice_speech": (spoken := np.where((times < HALF) == (side == "left"), 0.95, 0.02)).astype(np.float32),
            "voice_loudness": np.where(spoken > 0.5, -20, -70).astype(np.float32),
            "voice_sound": (0.3 * sound[side]).reshape(COUNT, -1).astype(np.float16),
        }
        for side in channels.SIDES
    ]
    return channels.merge(each) | {
        "voice_time": np.repeat(times, 2),
        "face_time": np.array([row[0] for row in rows]),
        "face_person": np.array([row[1] for row in rows], np.int64),
        "face_mouth": np.array([row[2] for row in rows], np.float16).reshape(-1, speaker.DIMENSIONS),
    }


def owners(arrays):
    """Who speaks in the left and in the right channel."""
    person, probability = channels.assign_speakers(arrays, HOP)
    spoken = arrays["voice_speech"] >= channels.SPEECH
    assert (person[~spoken] == channels.OFF_SCREEN).all() and (probability > 0.9).all()
    found = [np.unique(person[spoken & (arrays["voice_channel"] == side)]) for side in (0, 1)]
    assert [len(one) for one in found] == [1, 1]
    return tuple(int(one[0]) for one in found)


@pytest.mark.parametrize(
    ("mouths", "expected"),
    [
        (("left", "right"), (0, 1)),
        (("right", "left"), (1, 0)),
        (("right",), (LEFT_VOICE, 0)),
        (("moves", "left"), (1, RIGHT_VOICE)),
        (("moves",), (LEFT_VOICE, RIGHT_VOICE)),
        (("rests", "moves"), (LEFT_VOICE, RIGHT_VOICE)),
        ((), (LEFT_VOICE, RIGHT_VOICE)),
    ],
)
def test_a_channel_is_the_voice_of_the_mouth_that_fits_it(mouths, expected):
    assert owners(call(*mouths)) == expected


def test_one_person_cannot_be_both_channels():
    arrays = call("left")
    both = arrays["voice_sound"].reshape(COUNT, 2, -1).copy()
    both[:, 1] = both[:, 0]  # the same voice in both, of which one is a little weaker
    speech = np.full((COUNT, 2), 0.95, np.float32)
    arrays |= {"voice_sound": both.reshape(arrays["voice_sound"].shape), "voice_speech": speech.ravel()}
    found = owners(arrays)
    assert sorted(found) in ([0, LEFT_VOICE], [0, RIGHT_VOICE])


def test_persons_who_are_only_heard_come_last_and_for_a_second_or_longer():
    arrays = call("right")
    person, _ = channels.assign_speakers(arrays, HOP)
    assert channels.persons_heard(arrays | {"voice_person": person}, HOP) == [LEFT_VOICE]
    few = np.where(np.cumsum(person == LEFT_VOICE) * HOP < 1.0, person, channels.OFF_SCREEN)
    assert channels.persons_heard(arrays | {"voice_person": few}, HOP) == []


def test_a_note_says_whose_voice_each_channel_is():
    arrays = call("right")
    arrays |= {"voice_person": channels.assign_speakers(arrays, HOP)[0]}
    note = channels.voices_note(arrays, True, {0: "Ina"})
    left, right = note.split("; ")
    assert left == "The left channel is a voice without a face"
    assert right == "the right channel is the voice of Ina, whose mouth fits it."
    silent = arrays | {"voice_speech": np.where(arrays["voice_channel"] == 1, 0, arrays["voice_speech"])}
    assert "nobody speaks in the right channel" in channels.voices_note(silent, True, {})
    one = {name: values for name, values in arrays.items() if name != channels.CHANNEL}
    assert channels.voices_note(one, True, {}) == channels.MIXED
    assert channels.voices_note(one, False, {}) == ""


def test_mouths_that_tell_nothing_fit_no_channel_however_long_the_call_is(monkeypatch):
    arrays = call("left", "rests")
    favour = np.full((COUNT, 1), 0.9 * channels.FITS_A_PICTURE * 5 * HOP)  # of five pictures a second

    def nothing(arrays, numbers, spoken, hop_seconds):
        return np.repeat(favour[spoken], len(numbers), axis=1) * 10  # as of a call ten times as long

    monkeypatch.setattr(sync, "evidence", nothing)
    monkeypatch.setattr(channels, "FITS", 0.0)
    many = {name: np.repeat(values, 10, axis=0) for name, values in arrays.items() if name.startswith("face_")}
    assert owners(arrays | many) == (LEFT_VOICE, RIGHT_VOICE)
