"""What lies in each window, against a loop that looks at one window after the other."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from emorec.emotions import fold
from emorec.inference import pooling, voice_pooling
from emorec.inference.fusion import MIN_COVERAGE, softmax
from support import factories

MODEL = factories.checkpoint()


def one_window(observations, model, low, high, person=None):
    """What ``windows.pool`` promises for one window [low, high), read from its description; None is nothing."""
    arrays, length = observations.arrays, max(min(high, observations.until) - low, 1e-9)
    times, until = arrays["face_time"], np.minimum(arrays["frame_until"], observations.until)
    until = np.array([until[arrays["frame_time"] == time][0] for time in times])
    shared = np.clip(np.minimum(until, high) - np.maximum(times, low), 0, None)
    weights = (arrays["face_quality"].astype(float) + pooling.QUALITY_FLOOR) * shared
    numbers = arrays["face_person"]
    if person is None:
        there = [one for one in observations.persons if shared[numbers == one].sum() > 0]
        enough = MIN_COVERAGE * (high - low) - 1e-6
        long = [one for one in there if shared[numbers == one].sum() >= enough] or there
        most = max((weights[numbers == one].sum() for one in long), default=0.0)
        person = next((one for one in long if weights[numbers == one].sum() >= pooling.MIN_SHARE * most), -1)
    mine = (numbers == person) & (shared > 0)
    coverage = min(shared[mine].sum() / length, 1.0)
    face = face_features = None
    if coverage >= MIN_COVERAGE - 1e-6:
        face_features = np.average(arrays["face_embedding"][mine].astype(float), axis=0, weights=weights[mine])
        log_p = np.log(softmax(arrays["face_logits"][mine].astype(float)))
        face = fold(np.exp(np.average(log_p, axis=0, weights=weights[mine])), model.face.config.labels)

    hop = observations.hop_seconds
    begins, ends = arrays["voice_time"] - hop / 2, arrays["voice_time"] + hop / 2
    inside = (ends > low + 1e-6) & (begins < high - 1e-6)
    spoken = (arrays["voice_speech"][inside] >= voice_pooling.SPEECH).sum()
    speech_coverage = min(spoken * hop / max(high - low, hop), 1.0)
    voice = voice_features = None
    if speech_coverage >= MIN_COVERAGE:
        embeddings = torch.from_numpy(arrays["voice_embedding"][inside].astype(np.float32))[None]
        speech = np.maximum(arrays["voice_speech"][inside], np.float32(voice_pooling.SILENT))
        pooled = model.voice.pool(embeddings, torch.from_numpy(speech)[None])
        voice_features = pooled[0].numpy()
        voice = fold(softmax(model.voice.classify(pooled).numpy()[0]), model.voice.config.heads["emotions"])
    return face_features, face, coverage, voice_features, voice, speech_coverage, person if face is not None else -1


def assert_pooled_as_one_by_one(observations, low, high, person=None, rows=None):
    pooled = pooling.pool(observations, MODEL, low, high, person)
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
    """Features of a few seconds: several people who come and go, speech that comes and goes, both with holes."""
    duration = draw(st.floats(0.3, 20))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    count = random.integers(0, 4)  # persons
    times, persons = (
        np.repeat(factories.frame_times(duration), count),
        np.tile([0, 1, 4][:count], factories.frames(duration)),
    )
    there = random.random(len(times)) < draw(st.sampled_from([0.1, 0.5, 1.0]))
    times, persons = times[there], persons[there]
    speech = random.random(factories.hops(duration)) * (
        random.random(factories.hops(duration)) < draw(st.sampled_from([0.2, 1]))
    )
    parts = [factories.seen(times, persons, seed), factories.heard(speech, seed)]
    return factories.observations(duration, *draw(st.sampled_from([parts, parts[:1], parts[1:], []])))


@factories.quick
@given(recordings(), st.integers(1, 25), st.sampled_from([0.2, 1.0, 3.0, 60.0]), st.booleans())
def test_windows_hold_what_a_loop_finds(observations, count, length, choose):
    low, high = some_windows(observations.until, count, length)
    person = observations.persons[-1] if choose and observations.persons else None
    assert_pooled_as_one_by_one(observations, low, high, person)


@pytest.mark.parametrize("count", [511, 512, 513, 1024, 1025, 1537])
def test_chunks_of_windows_join_without_a_seam(count):
    observations = factories.full_observations(60.0)
    low, high = some_windows(60.0, count, 3.0)
    borders = {0, 1, count - 1} | {row for border in range(256, count, 128) for row in (border - 1, border)}
    assert_pooled_as_one_by_one(observations, low, high, rows=sorted(borders))


def test_a_chunk_without_any_evidence_between_two_with():
    """Minutes of nothing: whole chunks of windows have no row to pool."""
    duration, count = 900.0, 4000
    times = factories.frame_times(duration)
    times = times[(times < 100) | (times > 800)]
    speech = np.ones(factories.hops(duration))
    speech[400:3100] = 0
    observations = factories.observations(duration, factories.seen(times, 0), factories.heard(speech))
    low, high = some_windows(duration, count, 1.0)
    assert_pooled_as_one_by_one(observations, low, high, rows=range(0, count, 61))


def test_windows_with_speech_that_lie_far_apart_are_not_pooled_over_all_that_lies_between(monkeypatch):
    duration, spans, moments = 900.0, [], voice_pooling._moments
    monkeypatch.setattr(voice_pooling, "MAX_HOPS", 50)
    monkeypatch.setattr(
        voice_pooling, "_moments", lambda weights, *rest: (spans.append(len(weights)), moments(weights, *rest))[1]
    )
    speech = np.zeros(factories.hops(duration))
    speech[[3, 4, 5, 30, 31, 1500, 1501, 3400, 3401]] = 0.9
    observations = factories.observations(duration, factories.heard(speech))
    low, high = some_windows(duration, 900, 3.0)
    assert_pooled_as_one_by_one(observations, low, high, rows=[0, 1, 7, 200, 383, 384, 869, 871, 899])
    assert len(spans) >= 3 and max(spans) <= 50
    spans.clear()  # windows that are longer than that are pooled too, one by one
    observations, low, high = factories.full_observations(60.0), np.array([0.0, 1.0, 2.0]), np.array([4.0, 60.0, 5.0])
    assert_pooled_as_one_by_one(observations, low, high)
    assert len(spans) == 3 and max(spans) > 200


def test_hops_are_weighed_in_pieces_without_a_seam(monkeypatch):
    observations = factories.full_observations(60.0)
    low, high = some_windows(60.0, 30, 3.0)
    whole = voice_pooling.pool_voice(observations, MODEL, low, high)
    pieces, weigh = [], MODEL.voice.hop_weights
    monkeypatch.setattr(voice_pooling, "HOPS", 50)
    monkeypatch.setattr(MODEL.voice, "hop_weights", lambda hops, s: (pieces.append(len(hops)), weigh(hops, s))[1])
    again = voice_pooling.pool_voice(observations, MODEL, low, high)
    assert max(pieces) == 50 and sum(pieces) == len(observations.arrays["voice_time"])
    for one, other in zip(whole, again, strict=True):
        assert np.allclose(one, other, atol=1e-6, equal_nan=True)


def test_a_voice_is_found_though_another_thread_takes_away_what_is_kept():
    class Emptied(dict):
        def __setitem__(self, key, value):
            """As if another thread cleared it at once."""

    observations = factories.full_observations(5.0)
    low, high = some_windows(5.0, 5, 1.0)
    expected = voice_pooling.pooled_voice(observations, MODEL, low, high, with_features=False)
    observations.__dict__["kept"] = Emptied()
    found = voice_pooling.pooled_voice(observations, MODEL, low, high, with_features=False)
    assert found is not expected and np.array_equal(found.probabilities, expected.probabilities)


def test_one_face_and_one_hop_make_one_window():
    observations = factories.observations(0.25, factories.seen([0.1], 0), factories.heard([0.9]))
    assert_pooled_as_one_by_one(observations, np.zeros(1), np.array([0.25]))


def test_no_windows_hold_nothing():
    pooled = pooling.pool(factories.full_observations(5.0), MODEL, np.zeros(0), np.zeros(0))
    assert {len(column) for column in vars(pooled).values()} == {0}


def test_observations_of_nothing_hold_nothing():
    low, high = some_windows(10.0, 5, 3.0)
    pooled = pooling.pool(factories.observations(10.0, frames=False), MODEL, low, high)
    assert np.isnan(pooled.face_probabilities).all() and np.isnan(pooled.voice_probabilities).all()
    assert not pooled.face_coverage.any() and not pooled.voice_coverage.any()
    assert (pooled.person == -1).all()


def faces_at(until, frames, *faces):
    """Features of pictures, given by their times and ends (s), with faces of (persons, times, quality)."""
    shown = [np.array(column, float) for column in frames]
    persons = np.concatenate([np.full(len(times), person) for person, times, _ in faces])
    times = np.concatenate([times for _, times, _ in faces])
    quality = np.concatenate([np.full(len(times), quality, np.float32) for _, times, quality in faces])
    order = np.argsort(times, kind="stable")
    part = factories.seen(times[order], persons[order]) | {"face_quality": quality[order]}
    return factories.observations(until, part, {"frame_time": shown[0], "frame_until": shown[1]})


def test_a_window_ends_before_its_end():
    """A picture that begins exactly on the border of two windows counts for the later one, and only there."""
    observations = faces_at(2.0, ([0.8, 1.0, 1.2], [1.0, 1.2, 2.0]), (0, [1.0], 1.0))
    pooled = pooling.pool(observations, MODEL, np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    assert list(pooled.person) == [-1, 0]
    assert pooled.face_coverage == pytest.approx([0.0, 0.2])


def test_too_little_of_a_face_is_no_evidence():
    """One picture of twenty is below the least coverage, two are on it."""
    times = np.arange(40) / 5
    observations = faces_at(8.0, (times, [*times[1:], 8.0]), (0, [times[3], *times[21:23]], 1.0))
    pooled = pooling.pool(observations, MODEL, np.array([0.0, 4.0]), np.array([4.0, 8.0]))
    assert pooled.face_coverage == pytest.approx([0.05, 0.1])
    assert list(np.isnan(pooled.face_probabilities[:, 0])) == [True, False]
    assert not pooled.face_features[0].any()


def test_time_without_pictures_is_not_covered():
    """The video begins 3 s late and ends 4 s early, with a face in every picture."""
    times = 3 + np.arange(25) / 5
    observations = faces_at(12.0, (times, times + 0.2), (0, times, 1.0))
    low = np.arange(12.0)
    expected = np.where((low >= 3) & (low < 8), 1.0, 0.0)
    assert pooling.pool(observations, MODEL, low, low + 1).face_coverage == pytest.approx(expected)
    assert pooling.coverage(observations, low, low + 1, np.zeros(12, int))[0] == pytest.approx(expected)
    assert pooling.pool(observations, MODEL, low, low + 2).face_coverage[[1, 2, 7, 8]] == pytest.approx(
        [0, 0.5, 0.5, 0]
    )


def test_a_picture_lasts_until_the_next_one():
    """One picture in 5 s: a face in the first, none in the second, and one in the last, which lasts to the end."""
    observations = faces_at(15.0, ([0.0, 5.0, 10.0], [5.0, 10.0, np.inf]), (0, [0.0, 10.0], 1.0))
    low = np.arange(15.0)
    expected = np.where((low < 5) | (low >= 10), 1.0, 0.0)
    pooled = pooling.pool(observations, MODEL, low, low + 1)
    assert pooled.face_coverage == pytest.approx(expected)
    assert list(pooled.person) == [0] * 5 + [-1] * 5 + [0] * 5
    assert pooling.coverage(observations, low, low + 1, np.zeros(15, int))[0] == pytest.approx(expected)
    first = fold(softmax(observations.arrays["face_logits"][:1].astype(float)), factories.FACE_LABELS)[0]
    assert pooled.face_probabilities[3] == pytest.approx(first, abs=1e-5)


def test_a_window_that_reaches_beyond_the_recording_is_measured_by_what_lies_in_it():
    observations = factories.full_observations(2.0)
    assert pooling.pool(observations, MODEL, np.array([1.0]), np.array([4.0])).face_coverage == pytest.approx([1.0])


def test_a_poor_face_counts_less_than_a_good_one():
    part = factories.seen([0.1, 0.3], 0) | {"face_quality": np.array([1.0, 0.1], np.float32)}
    pooled = pooling.pool(factories.observations(0.5, part), MODEL, np.zeros(1), np.array([0.5]))
    good, poor = part["face_embedding"].astype(float)
    assert pooled.face_features[0] == pytest.approx((1.05 * good + 0.15 * poor) / 1.2, abs=1e-5)


def test_a_face_counts_for_as_long_as_it_is_shown():
    observations = faces_at(4.0, ([0.0, 1.0], [1.0, 4.0]), (0, [0.0, 1.0], 0.5))
    first, second = observations.arrays["face_embedding"].astype(float)
    pooled = pooling.pool(observations, MODEL, np.array([0.0, 0.5]), np.array([4.0, 1.5]))
    assert pooled.face_features[0] == pytest.approx(first / 4 + 3 * second / 4, abs=1e-5)
    assert pooled.face_features[1] == pytest.approx((first + second) / 2, abs=1e-5)


EVENLY = np.arange(60) / 5  # pictures for 12 s


def test_a_window_is_about_whom_it_shows_and_not_about_whom_the_recording_shows_most():
    """Person 7 is seen most; 2 takes over from 6 s on, where 7 is seen in one picture more."""
    shown = (7, EVENLY[EVENLY < 6], 0.8), (7, np.array([8.0]), 0.8), (2, EVENLY[EVENLY >= 7], 0.8)
    observations = faces_at(12.0, (EVENLY, [*EVENLY[1:], 12.0]), *shown)
    low = np.array([1.0, 6.5, 9.0])
    pooled = pooling.pool(observations, MODEL, low, low + 3)
    assert list(pooled.person) == [7, 2, 2]
    assert pooled.face_coverage == pytest.approx([1.0, 2.5 / 3, 1.0])


def test_of_two_side_by_side_the_one_whom_the_recording_shows_most_is_taken_throughout():
    """Person 2 is a little clearer for half of the time, which does not make the windows jump between the two."""
    early, late = EVENLY[EVENLY < 6], EVENLY[EVENLY >= 6]
    shown = (7, early, 0.9), (2, early, 0.8), (7, late, 0.6), (2, late[1:], 0.9)
    observations = faces_at(12.0, (EVENLY, [*EVENLY[1:], 12.0]), *shown)
    low = np.arange(11.0)
    assert set(pooling.pool(observations, MODEL, low, low + 1).person) == {7}


def test_somebody_small_in_the_background_does_not_take_the_place_of_who_is_in_front():
    shown = (7, EVENLY, 0.1), (2, EVENLY[EVENLY < 6], 0.9), (3, EVENLY[EVENLY >= 6], 0.9)
    observations = faces_at(12.0, (EVENLY, [*EVENLY[1:], 12.0]), *shown)
    low = np.array([1.0, 8.0])
    assert observations.persons[0] == 7
    assert list(pooling.pool(observations, MODEL, low, low + 3).person) == [2, 3]


def test_a_row_is_about_whom_it_shows_itself():
    """A window of 3 s around a row of 1 s: the row shows person 2 alone, what is around it the other one."""
    inside = (EVENLY >= 5) & (EVENLY < 6)
    observations = faces_at(12.0, (EVENLY, [*EVENLY[1:], 12.0]), (7, EVENLY[~inside], 0.9), (2, EVENLY[inside], 0.9))
    start = np.arange(12.0)
    low, high = np.maximum(start - 1, 0), np.minimum(start + 2, 12)
    who = pooling.pool(observations, MODEL, low, high, rows=(start, start + 1)).person
    assert list(who) == [7] * 5 + [2] + [7] * 6
    assert pooling.coverage(observations, start, start + 1, who)[0] == pytest.approx(1.0)


def test_too_little_speech_is_no_evidence():
    hops = factories.hops(factories.HOP_SECONDS * 40)
    speech = np.where(np.isin(np.arange(hops), [3, 25, 26]), 0.9, 0.1)
    observations = factories.observations(factories.HOP_SECONDS * 40, factories.heard(speech), frames=False)
    low = np.array([0, 20]) * factories.HOP_SECONDS
    pooled = pooling.pool(observations, MODEL, low, low + 20 * factories.HOP_SECONDS)
    assert pooled.voice_coverage == pytest.approx([0.05, 0.1])
    assert list(np.isnan(pooled.voice_probabilities[:, 0])) == [True, False]


def test_speech_is_a_share_of_the_row_also_where_there_is_no_sound():
    heard = factories.heard(np.ones(24))  # 6.144 s
    observations = factories.observations(20.0, heard)
    for step in (0.1, 1.0, 5.0):
        low = np.arange(0.0, 20.0, step)
        nobody = np.full(len(low), -1)
        share = pooling.coverage(observations, low, low + step, nobody)[1]
        assert share == pytest.approx(np.clip((6.144 - low) / step, 0.0, 1.0))
    every_other = factories.observations(6.0, factories.heard(np.arange(24) % 2.0))
    share = pooling.coverage(every_other, np.array([0.256]), np.array([0.576]), np.array([-1]))[1]
    assert share == pytest.approx([0.256 / 0.32])


def test_a_chosen_person_is_not_replaced_by_another():
    times = np.array([0.1, 0.3, 1.1, 1.3])
    observations = factories.observations(2.0, factories.seen(times, [0, 0, 0, 5]))
    pooled = pooling.pool(observations, MODEL, np.array([0.0, 1.0]), np.array([1.0, 2.0]), person=5)
    assert list(pooled.person) == [-1, 5]
    assert np.isnan(pooled.face_probabilities[0]).all()
    assert fold(softmax(observations.arrays["face_logits"][3]), factories.FACE_LABELS) == pytest.approx(
        pooled.face_probabilities[1], abs=1e-5
    )


def test_a_hop_that_only_touches_a_window_does_not_count():
    observations = factories.observations(
        factories.HOP_SECONDS * 4, factories.heard([1.0, 0.0, 0.0, 1.0]), frames=False
    )
    low, high = np.array([1.0]) * factories.HOP_SECONDS, np.array([3.0]) * factories.HOP_SECONDS
    assert pooling.pool(observations, MODEL, low, high).voice_coverage[0] == 0
    assert pooling.pool(observations, MODEL, low, high + 0.01).voice_coverage[0] > 0
