"""Who speaks, from made mouths and sounds, and from the shipped portrait with a moving or a resting mouth."""

import numpy as np
import pytest

from emorec.extraction import speakers, sync
from emorec.extraction.speakers import assign_speakers
from emorec.extraction.spoken import OFF_SCREEN, UNSURE
from emorec.models import speaker

HOP = 0.256
RATE = 5.0  # pictures a second
NOISE = 1.4  # deviation of the vectors of a mouth in a noisy picture that stands still


def sounds(hops, seed=0):
    """Vectors of sound (hops, STEPS * DIMENSIONS) that change smoothly with every step."""
    random = np.random.default_rng(seed)
    steps = random.normal(0, 1, (hops * speaker.STEPS + 2, speaker.DIMENSIONS))
    smooth = (steps[:-2] + steps[1:-1] + steps[2:]) / 3**0.5
    return smooth.reshape(hops, -1)


def recording(seconds, faces, speech=None, lag=0.0):
    """Arrays of Features: ``faces`` are (person, kind, from s, to s): "speaks", "moves", "rests" or "picture".

    The mouth of one who speaks is like the sound ``lag`` seconds later; one who moves follows another sound; that of a
    "picture" is as still as one in the noise of a camera.
    """
    count = int(seconds / HOP)
    sound, other = sounds(count), sounds(count, seed=1)
    random = np.random.default_rng(2)
    rows = []
    for person, kind, begin, end in faces:
        for time in np.arange(begin + 0.1, end, 1 / RATE):
            steps = (other if kind == "moves" else sound).reshape(-1, speaker.DIMENSIONS)
            at = np.clip((time + lag) / HOP * speaker.STEPS - 1 / 8, 0, len(steps) - 1)
            mouth = steps[round(at)] + random.normal(0, 0.5, speaker.DIMENSIONS)
            still = {"rests": 0.0, "picture": NOISE / speaker.DIMENSIONS**0.5}.get(kind)
            if still is not None:
                mouth = random.normal(0, still, speaker.DIMENSIONS)
            rows.append((time, person, mouth))
    rows.sort(key=lambda row: row[:2])
    times = np.unique([row[0] for row in rows])
    return {
        "frame_time": times,
        "frame_until": np.append(times[1:], seconds)[: len(times)],
        "face_time": np.array([row[0] for row in rows]),
        "face_person": np.array([row[1] for row in rows], np.int64),
        "face_mouth": np.array([row[2] for row in rows], np.float16).reshape(-1, speaker.DIMENSIONS),
        "voice_time": (np.arange(count) + 0.5) * HOP,
        "voice_speech": np.ones(count, np.float32) if speech is None else np.asarray(speech, np.float32),
        "voice_sound": (0.3 * sound).astype(np.float16),
    }


def shares(arrays, begin=0.0, end=np.inf):
    """Share of the hops with speech from ``begin`` to ``end`` (s) of each speaker."""
    person, probability = assign_speakers(arrays, HOP)
    inside = (arrays["voice_time"] >= begin) & (arrays["voice_time"] < end) & (arrays["voice_speech"] >= 0.5)
    assert ((probability >= 0) & (probability <= 1)).all()
    numbers, counts = np.unique(person[inside], return_counts=True)
    return dict(zip(numbers.tolist(), (counts / inside.sum()).tolist(), strict=True))


def test_one_who_speaks_keeps_the_voice():
    assert shares(recording(12, [(0, "speaks", 0, 12)])) == {0: 1.0}


@pytest.mark.parametrize("kind", ["moves", "rests", "picture"])
def test_a_voice_over_a_face_is_off_screen(kind):
    assert shares(recording(12, [(0, kind, 0, 12)])).get(OFF_SCREEN, 0) > 0.8


@pytest.mark.parametrize("kind", ["moves", "rests"])
def test_of_two_in_view_the_one_whose_mouth_fits_speaks(kind):
    for right in (0, 1):
        arrays = recording(12, [(right, "speaks", 0, 12), (1 - right, kind, 0, 12)])
        assert shares(arrays).get(right, 0) > 0.9


def test_a_few_pictures_of_a_mouth_that_does_not_fit_are_not_enough_to_say_that_another_speaks():
    speech = np.zeros(46)
    speech[20:25] = 1  # 1.3 s: six pictures
    assert shares(recording(12, [(0, "moves", 0, 12)], speech=speech)).get(OFF_SCREEN, 0) == 0
    assert shares(recording(12, [(0, "rests", 0, 12)], speech=speech)) == {OFF_SCREEN: 1.0}


@pytest.mark.parametrize("rate", [1.0, 1.5])
def test_one_who_speaks_keeps_the_voice_between_rare_pictures(monkeypatch, rate):
    monkeypatch.setitem(globals(), "RATE", rate)
    arrays = recording(20, [(0, "speaks", 0, 20)])
    assert speakers.in_view(arrays, np.zeros(1, np.int64), HOP, speakers.CLOSE).all()
    assert shares(arrays) == {0: 1.0}


def test_a_picture_that_stands_shows_a_person_for_two_seconds():
    arrays = recording(12, [(0, "speaks", 0, 4)])
    visible = speakers.in_view(arrays, np.zeros(1, np.int64), HOP, speakers.CLOSE)[:, 0]
    last = arrays["voice_time"][visible][-1]
    assert arrays["face_time"][-1] + 1.5 < last < arrays["face_time"][-1] + speakers.MOST_SHOWN + HOP
    arrays["frame_until"][-1] = arrays["frame_time"][-1] + 1 / RATE  # the next picture shows nobody
    visible = speakers.in_view(arrays, np.zeros(1, np.int64), HOP, speakers.CLOSE)[:, 0]
    assert arrays["voice_time"][visible][-1] < arrays["face_time"][-1] + speakers.CLOSE + HOP


def test_turns_are_told_apart():
    faces = [(0, "speaks", 0, 8), (1, "rests", 0, 8), (0, "rests", 8, 16), (1, "speaks", 8, 16)]
    arrays = recording(16, faces)
    assert shares(arrays, 1, 7).get(0, 0) > 0.9 and shares(arrays, 9, 15).get(1, 0) > 0.9


@pytest.mark.parametrize("lag", [-0.13, 0.2])
def test_sound_that_is_out_of_step_is_still_found(lag):
    assert shares(recording(20, [(0, "speaks", 0, 20)], lag=lag)).get(0, 0) > 0.9


def test_without_a_face_every_voice_is_off_screen_and_without_a_voice_there_is_nobody():
    assert shares(recording(6, [])) == {OFF_SCREEN: 1.0}
    arrays = recording(6, [(0, "speaks", 0, 6)], speech=np.zeros(23))
    person, probability = assign_speakers(arrays, HOP)
    assert (person == OFF_SCREEN).all() and (probability == 1).all()
    empty = {name: values[:0] for name, values in arrays.items()}
    assert len(assign_speakers(empty, HOP)[0]) == 0


def test_little_evidence_is_unsure():
    """Two mouths that fit equally well, for a moment."""
    arrays = recording(2, [(0, "speaks", 0, 2), (1, "speaks", 0, 2)])
    arrays["face_mouth"][arrays["face_person"] == 1] = arrays["face_mouth"][arrays["face_person"] == 0]
    person, probability = assign_speakers(arrays, HOP)
    assert (person == UNSURE).all() and (probability < speakers.SURE).all()


def test_only_pictures_during_speech_count():
    speech = np.zeros(40)
    speech[18:22] = 1
    whole = recording(10, [(0, "moves", 0, 10)], speech=speech)
    pause = (whole["face_time"] < 18 * HOP) | (whole["face_time"] >= 22 * HOP)
    silent = {name: values[pause] if name.startswith("face") else values for name, values in whole.items()}
    spoken, numbers = np.flatnonzero(speech), np.zeros(1, np.int64)
    assert (sync.evidence(whole, numbers, spoken, HOP) != 0).all()
    assert (sync.evidence(silent, numbers, spoken, HOP) == 0).all()


def test_a_mouth_that_fits_is_believed_by_a_network_that_is_too_sure():
    """Vectors that are too long say that everything but a perfect fit is another voice."""
    arrays = recording(20, [(0, "speaks", 0, 20)])
    noise = np.random.default_rng(3).normal(0, 1, arrays["face_mouth"].shape)
    arrays["face_mouth"] = (3 * (arrays["face_mouth"] + 1.5 * noise)).astype(np.float16)
    spoken = np.arange(len(arrays["voice_time"]))
    assert sync.evidence(arrays, np.zeros(1, np.int64), spoken, HOP).mean() > 0.1


def test_nobody_speaks_before_the_cut_after_which_they_are_seen():
    """Both mouths fit equally well; who is not yet, or no longer, in the picture does not count."""
    arrays = recording(12, [(0, "speaks", 0, 6), (1, "speaks", 6, 12)])
    numbers = np.arange(2)
    sharp = speakers.in_view(arrays, numbers, HOP, speakers.CLOSE)
    both = speakers.in_view(arrays, numbers, HOP).all(axis=1).sum()
    assert sharp.any(axis=1).all() and sharp.all(axis=1).sum() <= 2 < both
    assert shares(arrays, 0, 5.7) == {0: 1.0} and shares(arrays, 6.3) == {1: 1.0}


def test_a_note_says_what_nobody_in_view_said():
    arrays = recording(8, [(0, "rests", 0, 8)])
    person, _ = assign_speakers(arrays, HOP)
    assert "off screen" in speakers.unassigned_note(arrays | {"voice_person": person})
    assert not speakers.unassigned_note(arrays)
    assert not speakers.unassigned_note(arrays | {"voice_person": np.zeros(len(person), int)})
    half = np.where(np.arange(len(person)) % 2, UNSURE, 0)
    assert "not clear who speaks" in speakers.unassigned_note(arrays | {"voice_person": half})


def test_many_persons_are_no_error():
    faces = [(number, "moves", 0, 3) for number in range(20)]
    arrays = recording(3, faces)
    assert set(np.unique(assign_speakers(arrays, HOP)[0])) <= {*range(20), OFF_SCREEN, UNSURE}


@pytest.mark.parametrize("number", [0, 99])
def test_who_is_seen_longest_may_speak_whatever_the_number(number):
    """A names file may give any number, and who is divided from another person gets a new one."""
    others = [(1 + other, "rests", other / 2, other / 2 + 0.2) for other in range(sync.MAX_PERSONS + 1)]
    arrays = recording(12, [(number, "speaks", 0, 12), *others])
    assert len(sync.persons(arrays["face_person"])) == sync.MAX_PERSONS
    assert shares(arrays).get(number, 0) > 0.9
