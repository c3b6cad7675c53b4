"""What lies in each window, against a loop that looks at one window after the other."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import made
from emorec import windows
from emorec.emotions import fold
from emorec.fusion import MIN_COVERAGE, softmax

MODEL = made.checkpoint()


def one_window(observations, model, low, high, person=None):
    """What ``windows.pool`` promises for one window [low, high), read from its description; None is nothing."""
    arrays = observations.arrays
    frames = (arrays["frame_time"] >= low) & (arrays["frame_time"] < high)
    inside = (arrays["face_time"] >= low) & (arrays["face_time"] < high)
    if person is None:
        person = next((one for one in observations.persons if one in arrays["face_person"][inside]), -1)
    mine = inside & (arrays["face_person"] == person)
    coverage = min(mine.sum() / max(frames.sum(), 1), 1.0)
    face = face_features = None
    if coverage >= MIN_COVERAGE:
        weights = arrays["face_quality"][mine].astype(float) + windows.QUALITY_FLOOR
        face_features = np.average(arrays["face_embedding"][mine].astype(float), axis=0, weights=weights)
        log_p = np.log(softmax(arrays["face_logits"][mine].astype(float)))
        face = fold(np.exp(np.average(log_p, axis=0, weights=weights)), model.face.config.labels)

    hop = observations.hop_seconds
    begins, ends = arrays["voice_time"] - hop / 2, arrays["voice_time"] + hop / 2
    inside = (ends > low + 1e-6) & (begins < high - 1e-6)
    spoken = (arrays["voice_speech"][inside] >= windows.SPEECH).sum()
    speech_coverage = min(spoken * hop / max(high - low, hop), 1.0)
    voice = voice_features = None
    if speech_coverage >= MIN_COVERAGE:
        embeddings = torch.from_numpy(arrays["voice_embedding"][inside].astype(np.float32))[None]
        pooled = model.voice.pool(embeddings, torch.from_numpy(arrays["voice_speech"][inside])[None])
        voice_features = pooled[0].numpy()
        voice = fold(softmax(model.voice.classify(pooled).numpy()[0]), model.voice.config.heads["emotions"])
    return face_features, face, coverage, voice_features, voice, speech_coverage, person if face is not None else -1


def assert_pooled_as_one_by_one(observations, low, high, person=None, rows=None):
    pooled = windows.pool(observations, MODEL, low, high, person)
    for row in range(len(low)) if rows is None else rows:
        expected = one_window(observations, MODEL, low[row], high[row], person)
        face_features, face, coverage, voice_features, voice, speech_coverage, who = expected
        place = f"window {row}, {low[row]} to {high[row]} s"
        assert pooled.face_coverage[row] == pytest.approx(coverage), place
        assert pooled.voice_coverage[row] == pytest.approx(speech_coverage), place
        assert pooled.person[row] == who, place
        for got, wanted, nothing in (
            (pooled.face_features[row], face_features, 0),
            (pooled.face_probabilities[row], face, np.nan),
            (pooled.voice_features[row], voice_features, 0),
            (pooled.voice_probabilities[row], voice, np.nan),
        ):
            wanted = np.full(len(got), nothing) if wanted is None else wanted
            assert got == pytest.approx(wanted, abs=2e-4, nan_ok=True), place


def some_windows(duration, count, length):
    middle = (np.arange(count) + 0.5) * duration / count
    return np.maximum(middle - length / 2, 0), np.minimum(middle + length / 2, duration)


@st.composite
def recordings(draw):
    """Observations of a few seconds: several people who come and go, speech that comes and goes, both with holes."""
    duration = draw(st.floats(0.3, 20))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    times = np.repeat(made.frame_times(duration), random.integers(0, 4))
    times = times[random.random(len(times)) < draw(st.sampled_from([0.1, 0.5, 1.0]))]
    persons = random.choice([0, 1, 4], len(times), p=[0.3, 0.5, 0.2])
    speech = random.random(made.hops(duration)) * (random.random(made.hops(duration)) < draw(st.sampled_from([0.2, 1])))
    parts = [made.seen(times, persons, seed), made.heard(speech, seed)]
    return made.observations(duration, *draw(st.sampled_from([parts, parts[:1], parts[1:], []])))


@made.quick
@given(recordings(), st.integers(1, 25), st.sampled_from([0.2, 1.0, 3.0, 60.0]), st.booleans())
def test_windows_hold_what_a_loop_finds(observations, count, length, choose):
    low, high = some_windows(observations.until, count, length)
    person = observations.persons[-1] if choose and observations.persons else None
    assert_pooled_as_one_by_one(observations, low, high, person)


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 1025, 1537])
def test_chunks_of_windows_join_without_a_seam(count):
    observations = made.full_observations(60.0)
    low, high = some_windows(60.0, count, 3.0)
    borders = {0, 1, count - 1} | {row for border in range(256, count, 128) for row in (border - 1, border)}
    assert_pooled_as_one_by_one(observations, low, high, rows=sorted(borders))


def test_a_chunk_without_any_evidence_between_two_with():
    """Minutes of nothing: whole chunks of windows have no row to pool."""
    duration, count = 900.0, 4000
    times = made.frame_times(duration)
    times = times[(times < 100) | (times > 800)]
    speech = np.ones(made.hops(duration))
    speech[400:3100] = 0
    observations = made.observations(duration, made.seen(times, 0), made.heard(speech))
    low, high = some_windows(duration, count, 1.0)
    assert_pooled_as_one_by_one(observations, low, high, rows=range(0, count, 61))


def test_one_face_and_one_hop_make_one_window():
    observations = made.observations(0.25, made.seen([0.1], 0), made.heard([0.9]))
    assert_pooled_as_one_by_one(observations, np.zeros(1), np.array([0.25]))


def test_no_windows_hold_nothing():
    pooled = windows.pool(made.full_observations(5.0), MODEL, np.zeros(0), np.zeros(0))
    assert {len(column) for column in vars(pooled).values()} == {0}


def test_observations_of_nothing_hold_nothing():
    low, high = some_windows(10.0, 5, 3.0)
    pooled = windows.pool(made.observations(10.0, frames=False), MODEL, low, high)
    assert np.isnan(pooled.face_probabilities).all() and np.isnan(pooled.voice_probabilities).all()
    assert not pooled.face_coverage.any() and not pooled.voice_coverage.any()
    assert (pooled.person == -1).all()


def test_a_window_ends_before_its_end():
    """A face exactly on the border of two windows counts for the later one, and only there."""
    observations = made.observations(2.0, made.seen([1.0], 0))
    pooled = windows.pool(observations, MODEL, np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    assert list(pooled.person) == [-1, 0]


def test_too_little_of_a_face_is_no_evidence():
    """One frame of twenty is below the least coverage, two are on it."""
    times = made.frame_times(8.0)
    observations = made.observations(8.0, made.seen([times[3], *times[20:22]], 0))
    pooled = windows.pool(observations, MODEL, np.array([0.0, 4.0]), np.array([4.0, 8.0]))
    assert pooled.face_coverage == pytest.approx([0.05, 0.1])
    assert list(np.isnan(pooled.face_probabilities[:, 0])) == [True, False]
    assert not pooled.face_features[0].any()


def test_too_little_speech_is_no_evidence():
    hops = made.hops(made.HOP_SECONDS * 40)
    speech = np.where(np.isin(np.arange(hops), [3, 25, 26]), 0.9, 0.1)
    observations = made.observations(made.HOP_SECONDS * 40, made.heard(speech), frames=False)
    low = np.array([0, 20]) * made.HOP_SECONDS
    pooled = windows.pool(observations, MODEL, low, low + 20 * made.HOP_SECONDS)
    assert pooled.voice_coverage == pytest.approx([0.05, 0.1])
    assert list(np.isnan(pooled.voice_probabilities[:, 0])) == [True, False]


def test_a_poor_face_counts_less_than_a_good_one():
    part = made.seen([0.1, 0.3], 0) | {"face_quality": np.array([1.0, 0.1], np.float32)}
    pooled = windows.pool(made.observations(0.4, part), MODEL, np.zeros(1), np.array([0.4]))
    good, poor = part["face_embedding"].astype(float)
    assert pooled.face_features[0] == pytest.approx((1.05 * good + 0.15 * poor) / 1.2, abs=1e-5)


def test_the_main_person_of_the_recording_is_taken_where_present():
    """Person 7 is seen most, 2 is most of the second window and all of the third."""
    times = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 2.1])
    persons = np.array([7, 7, 7, 7, 7, 7, 2, 2, 2, 2])
    observations = made.observations(3.0, made.seen(times, persons))
    pooled = windows.pool(observations, MODEL, np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert list(pooled.person) == [7, 7, 2]
    assert pooled.face_coverage == pytest.approx([1.0, 0.2, 0.2])


def test_a_chosen_person_is_not_replaced_by_another():
    times = np.array([0.1, 0.3, 1.1, 1.3])
    observations = made.observations(2.0, made.seen(times, [0, 0, 0, 5]))
    pooled = windows.pool(observations, MODEL, np.array([0.0, 1.0]), np.array([1.0, 2.0]), person=5)
    assert list(pooled.person) == [-1, 5]
    assert np.isnan(pooled.face_probabilities[0]).all()
    assert fold(softmax(observations.arrays["face_logits"][3]), made.FACE_LABELS) == pytest.approx(
        pooled.face_probabilities[1], abs=1e-5
    )


def test_a_hop_that_only_touches_a_window_does_not_count():
    observations = made.observations(made.HOP_SECONDS * 4, made.heard([1.0, 0.0, 0.0, 1.0]), frames=False)
    low, high = np.array([1.0]) * made.HOP_SECONDS, np.array([3.0]) * made.HOP_SECONDS
    assert windows.pool(observations, MODEL, low, high).voice_coverage[0] == 0
    assert windows.pool(observations, MODEL, low, high + 0.01).voice_coverage[0] > 0
