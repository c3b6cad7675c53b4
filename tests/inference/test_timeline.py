"""Stage 2: rows, choices, fusion and smoothing over observations made by hand."""

import json
import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import coverage
from emorec.inference import fusion as fusions
from emorec.inference.predict import smooth
from emorec.inference.timeline import STEP_RANGE, WINDOW_RANGE, check, infer, rows
from emorec.models.calibration import Calibration, HeadCalibration
from emorec.timeline import Timeline
from support import factories

MODEL = factories.checkpoint()

# A face in the first 10 s, then nothing for 10 s, then speech for 10 s.
TALE = factories.observations(
    30.0,
    factories.seen(factories.frame_times(10.0), 0),
    factories.heard(np.arange(factories.hops(30.0)) * factories.HOP_SECONDS >= 20),
)
FACE_ONLY, NOTHING, VOICE_ONLY = slice(0, 9), slice(12, 18), slice(22, 30)


@factories.quick
@given(st.floats(1e-3, 5000), st.floats(*STEP_RANGE))
def test_rows_cover_the_recording_in_whole_steps(duration, step):
    start, end = rows(duration, step)
    assert np.abs(start - np.arange(len(start)) * step).max() < 1e-6
    assert (end[:-1] == start[1:]).all()
    assert end[-1] == duration
    assert (end > start).all()
    assert (end - start).max() <= 1.1 * step + 2e-6
    assert len(start) == 1 or end[-1] - start[-1] >= 0.1 * step - 2e-6


@pytest.mark.parametrize(
    ("duration", "step", "count"),
    [(12, 0.5, 24), (12.04, 0.5, 24), (12.06, 0.5, 25), (12, 1, 12), (0.3, 0.1, 3), (2, 10, 1), (36e3, 0.1, 360_000)],
)
def test_what_is_left_gets_a_row_of_its_own_if_it_is_worth_one(duration, step, count):
    assert len(rows(duration, step)[0]) == count


def test_steps_print_as_people_write_them():
    start, _ = rows(3600.0, 0.1)
    assert [str(float(time)) for time in start[[3, 7, 29999]]] == ["0.3", "0.7", "2999.9"]


def test_nothing_has_no_rows():
    timeline = infer(factories.observations(0.0), MODEL)
    assert len(timeline) == 0
    assert timeline.dominant == [] and len(timeline.confidence) == 0
    assert timeline.shares() == ({}, 0.0)


@pytest.mark.parametrize("fusion", fusions.FUSIONS)
def test_probabilities_sum_to_one_or_are_unknown(fusion):
    timeline = infer(TALE, MODEL, fusion)
    assert timeline.probabilities[timeline.known].sum(axis=1) == pytest.approx(np.ones(timeline.known.sum()))
    assert np.isnan(timeline.probabilities[~timeline.known]).all()


def test_no_evidence_is_not_neutral():
    for fusion in fusions.FUSIONS:
        timeline = infer(TALE, MODEL, fusion)
        assert not timeline.known[NOTHING].any()
        assert set(timeline.dominant[NOTHING]) == {""}
        assert np.isnan(timeline.confidence[NOTHING]).all()


def test_a_fusion_speaks_only_of_what_it_uses():
    known = {fusion: infer(TALE, MODEL, fusion).known for fusion in fusions.FUSIONS}
    assert known["face"][FACE_ONLY].all() and not known["face"][VOICE_ONLY].any()
    assert known["voice"][VOICE_ONLY].all() and not known["voice"][FACE_ONLY].any()
    assert (known["late"] == (known["face"] | known["voice"])).all()
    assert (known["intermediate"] == known["late"]).all()


def test_with_one_modality_missing_late_is_the_other():
    timeline = infer(TALE, MODEL, "late")
    assert timeline.probabilities[FACE_ONLY] == pytest.approx(timeline.face[FACE_ONLY], abs=1e-5)
    assert timeline.probabilities[VOICE_ONLY] == pytest.approx(timeline.voice[VOICE_ONLY], abs=1e-5)


def test_the_evidence_behind_a_row_is_said():
    timeline = infer(TALE, MODEL, "late")
    # The first picture comes after a tenth of a second, before which nothing is shown.
    assert (timeline.face_coverage[FACE_ONLY] >= 0.95).all() and not timeline.face_coverage[NOTHING].any()
    assert (timeline.speech_coverage[VOICE_ONLY] > 0.9).all() and not timeline.speech_coverage[NOTHING].any()
    assert np.isnan(timeline.disagreement[~(timeline.face_coverage * timeline.speech_coverage > 0)]).all()
    assert list(timeline.person[FACE_ONLY]) == [0] * 9 and set(timeline.person[VOICE_ONLY]) == {-1}


def test_a_tenth_of_a_row_is_evidence_of_its_own():
    """One picture with a face in a row of 2 s is exactly a tenth, which sums of times miss by the last digits."""
    for offset in range(9):
        times = factories.frame_times(400.0)[offset::10]
        timeline = infer(factories.observations(400.0, factories.seen(times, 0)), MODEL, step=2.0, window=2.0)
        assert timeline.row_face == pytest.approx(np.full(200, 0.1))
        assert timeline.witnessed.all()


def test_both_speak_and_may_disagree():
    timeline = infer(factories.full_observations(10.0), MODEL)
    assert ((timeline.disagreement > 0) & (timeline.disagreement <= 1)).all()


def test_the_voice_alone_is_about_no_face():
    assert set(infer(factories.full_observations(10.0), MODEL, "voice").person) == {-1}


def test_intermediate_asks_the_fusion_network():
    observations = factories.full_observations(10.0)
    other = replace(MODEL, fusion=factories.fusion_net(seed=9))
    assert not np.allclose(
        infer(observations, MODEL, "intermediate").probabilities,
        infer(observations, other, "intermediate").probabilities,
        atol=0.01,
    )
    assert (infer(observations, MODEL).probabilities == infer(observations, other).probabilities).all()


@pytest.mark.parametrize(("fusion", "part"), [("face", "face"), ("voice", "voice"), ("intermediate", "fusion")])
def test_calibration_reaches_each_fusion(fusion, part):
    bias = tuple(30.0 * (emotion == "fear") for emotion in EMOTIONS)
    model = replace(MODEL, calibration=Calibration(**{part: HeadCalibration(bias=bias)}))
    assert set(infer(factories.full_observations(10.0), model, fusion).dominant) == {"fear"}
    assert set(infer(factories.full_observations(10.0), MODEL, fusion).dominant) != {"fear"}


def test_a_row_is_decided_by_the_window_around_it():
    """Only the face at 5 s is there: the rows whose 3 s window, centred on the row, holds it know something."""
    observations = factories.observations(10.0, factories.seen([4.9, 5.1], 0))
    known = infer(observations, MODEL, "face", step=0.5, window=3.0).known
    middle = np.arange(20) * 0.5 + 0.25
    assert list(known) == list((middle - 1.5 <= 5.1) & (middle + 1.5 > 4.9))


@pytest.mark.parametrize("person", [None, "all"])
def test_rows_that_are_longer_than_the_window_are_read_as_a_whole(person):
    """A face and speech in the first 3 s of every 10 s."""
    times, hops = factories.frame_times(45.0), np.arange(factories.hops(45.0)) * factories.HOP_SECONDS
    seen = (times % 10) < 3
    features = factories.observations(45.0, factories.seen(times[seen], 0), factories.heard((hops % 10) < 3))
    found = infer(features, MODEL, step=10.0, window=3.0, person=person)
    assert found.witnessed.all() and not np.isnan(found.face).any() and not np.isnan(found.voice).any()
    assert found.face_coverage == pytest.approx(found.row_face)
    assert found.speech_coverage[:4] == pytest.approx(np.full(4, 0.3), abs=0.06) and found.window == 3.0
    long = infer(features, MODEL, step=10.0, window=10.0, person=person)
    np.testing.assert_array_equal(found.probabilities[:4], long.probabilities[:4])


@pytest.mark.parametrize(("step", "window"), [(3.0, 3.0), (2.9, 3.0)])
def test_a_longer_last_row_widens_no_window_that_the_step_does_not_exceed(step, window):
    start, end = rows(6.2, step)
    low, high = coverage.windows(start, end, window, step, (0.0, 6.2))
    assert (high - low).max() == pytest.approx(window)


def test_rows_end_where_observing_has_come_to():
    timeline = infer(factories.full_observations(7.3, duration=60.0, complete=False), MODEL)
    assert timeline.end[-1] == 7.3
    assert timeline.duration == 60.0 and not timeline.complete


def test_facts_are_handed_on():
    timeline = infer(factories.full_observations(5.0, notes=("cut short",)), MODEL, "late", step=0.5, window=2.0)
    assert (timeline.fusion, timeline.step, timeline.window, timeline.notes) == ("late", 0.5, 2.0, ("cut short",))
    assert timeline.media == {"name": "made.mp4"}


def test_a_person_can_be_chosen():
    times = np.repeat(factories.frame_times(6.0), 2)
    observations = factories.observations(6.0, factories.seen(times[:-1], np.tile([3, 8], 30)[:-1]))
    assert set(infer(observations, MODEL).person) == {3}
    assert set(infer(observations, MODEL, person=8).person) == {8}
    assert not np.allclose(infer(observations, MODEL).face, infer(observations, MODEL, person=8).face)


@pytest.mark.parametrize(
    ("person", "reason"), [(1, " in this recording; it has 1"), (99, " in this"), (-1, "; persons are counted from 0")]
)
def test_a_person_who_is_not_there_cannot_be_chosen(person, reason):
    with pytest.raises(EmorecError, match=f"no person {person}{reason}"):
        infer(factories.full_observations(3.0), MODEL, person=person)


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["step", "window"])
def test_steps_and_windows_out_of_range_are_named(name, value):
    with pytest.raises(EmorecError, match=f"The {name} of {value:g} s is out of range"):
        infer(TALE, MODEL, **{name: value})


@pytest.mark.parametrize("value", [10**400, 10**5000, Fraction(10**400), -(10**5000)], ids=range(4))
@pytest.mark.parametrize(("name", "words"), [("step", "step"), ("smooth", "smoothing"), ("unsure_below", "confidence")])
def test_a_number_that_no_float_holds_is_out_of_range(name, words, value):
    with pytest.raises(EmorecError, match=f"The {words} of -?inf .*out of range"):
        check(**{name: value})


@pytest.mark.parametrize(("name", "limits"), [("step", STEP_RANGE), ("window", WINDOW_RANGE)])
def test_the_ends_of_the_ranges_are_within(name, limits):
    for value in limits:
        check(**{name: value})
    for value in (limits[0] * 0.99, limits[1] * 1.01):
        with pytest.raises(EmorecError, match=f"choose {limits[0]:g} to {limits[1]:g} s"):
            check(**{name: value})


@pytest.mark.parametrize("smooth", [-1.0, 61.0, float("nan"), float("inf")])
def test_a_smoothing_out_of_range_is_named(smooth):
    with pytest.raises(EmorecError, match="smoothing"):
        infer(TALE, MODEL, smooth=smooth)


@pytest.mark.parametrize("number", [np.float32, np.int64, Fraction])
def test_numbers_of_other_libraries_count_as_python_s_own(number):
    given = {"step": number(2), "window": number(4), "smooth": number(1), "unsure_below": number(1)}
    made = Timeline.of(infer(TALE, MODEL, **given))
    assert json.loads(made.to_json()) == json.loads(
        Timeline.of(infer(TALE, MODEL, step=2, window=4, smooth=1, unsure_below=1)).to_json()
    )
    with pytest.raises(EmorecError, match="step of 11 s is out of range"):
        check(step=number(11))


def test_an_unknown_fusion_is_named():
    with pytest.raises(EmorecError, match="'early'"):
        infer(TALE, MODEL, "early")


def test_smoothing_leaves_gaps_and_sums_to_one():
    plain, calm = infer(TALE, MODEL), infer(TALE, MODEL, smooth=2.0)
    assert not np.allclose(calm.probabilities, plain.probabilities, equal_nan=True, atol=0.01)
    assert (calm.known == plain.known).all()
    assert calm.probabilities[calm.known].sum(axis=1) == pytest.approx(np.ones(calm.known.sum()))


def test_smoothing_calms():
    noisy = factories.with_gaps(factories.probabilities(60), 10, 11, 40)
    calm = smooth(noisy, np.arange(60.0), 3.0)
    assert np.nanstd(calm, axis=0).max() < 0.5 * np.nanstd(noisy, axis=0).min()


def test_smoothing_weighs_with_a_gaussian_over_time():
    step = np.zeros((41, 7))
    step[20, 0] = 1.0
    calm = smooth(step, np.arange(41) * 0.5, 1.0)
    assert calm[21, 0] / calm[20, 0] == pytest.approx(np.exp(-0.125))
    assert calm[22, 0] / calm[20, 0] == pytest.approx(np.exp(-0.5))


def test_a_gap_gives_nothing_to_its_neighbours():
    values = factories.with_gaps(factories.probabilities(3), 1)
    assert smooth(values, np.arange(3.0), 0.2) == pytest.approx(values, abs=1e-4, nan_ok=True)


def test_smoothing_averages_each_person_apart():
    """Two persons take turns of 10 s, each with one expression throughout, and nobody is seen at the end of each."""
    persons = np.repeat([-1, 0, -1, 1, -1, 0, 1], [1, 8, 2, 9, 1, 10, 9])
    first = np.isin(np.arange(40), [*range(11), *range(21, 31)])
    values = np.where(first[:, None], np.eye(7)[3], np.eye(7)[5])
    assert smooth(values, np.arange(40.0), 20.0, persons) == pytest.approx(values)
    noisy = factories.with_gaps(factories.probabilities(40), 3, 4)
    alone = np.where(np.arange(40) % 7 == 2, -1, 4)
    np.testing.assert_array_equal(smooth(noisy, np.arange(40.0), 2.0, alone), smooth(noisy, np.arange(40.0), 2.0))


@pytest.mark.parametrize("seconds", [0.2, 2.0, 60.0])
def test_smoothing_of_many_persons_is_a_gaussian_over_the_rows_of_each(seconds):
    random = np.random.default_rng(0)
    values, persons = factories.with_gaps(factories.probabilities(50), 3, 4, 20), random.integers(0, 9, 50)
    middle = np.append(np.arange(49) * 0.5, 24.4)
    weights = np.exp(-0.5 * ((middle[:, None] - middle) / seconds) ** 2) * (persons[:, None] == persons)
    weights *= (np.abs(middle[:, None] - middle) <= 4 * seconds + 1e-9) * ~np.isnan(values[:, 0])
    expected = weights @ np.nan_to_num(values) / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    expected[np.isnan(values)] = np.nan
    assert smooth(values, middle, seconds, persons) == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("person", [None, "speaker"])
def test_smoothing_does_not_reach_across_a_cut_to_another_person(person):
    times, late = factories.frame_times(40.0), factories.frame_times(40.0) >= 20
    faces = factories.seen(times, late.astype(int))
    faces["face_logits"] = np.where(late[:, None], np.eye(8)[3], np.eye(8)[1]) * 8.0
    heard = factories.heard(np.ones(factories.hops(40.0)))
    heard["voice_person"] = (heard["voice_time"] >= 20).astype(int)
    features = factories.observations(40.0, faces, heard)
    features = replace(features, empty=features.empty | {"voice_person": np.zeros(0, np.int64)})
    calm = infer(features, MODEL, "face", prior="even", smooth=20.0, person=person)
    plain = infer(features, MODEL, "face", prior="even", person=person)
    assert calm.probabilities == pytest.approx(plain.probabilities, abs=1e-6)
    assert [calm.dominant[row] for row in (2, 19, 20, 37)] == ["happy", "happy", "sad", "sad"]


def test_shares_count_time_with_evidence():
    """Happy for 3 s, sad for 1 s, a gap of 1 s."""
    values = np.eye(7)[[EMOTIONS.index(name) for name in ("happy", "happy", "sad", "happy", "angry")]]
    shares, known = factories.timeline(factories.with_gaps(values, 4)).shares()
    assert list(shares)[:2] == ["happy", "sad"]
    assert shares == pytest.approx(dict.fromkeys(EMOTIONS, 0) | {"happy": 0.75, "sad": 0.25})
    assert known == pytest.approx(0.8)


def test_shares_weigh_a_short_last_row_less():
    values = np.eye(7)[[EMOTIONS.index("happy"), EMOTIONS.index("sad")]]
    shares, _ = factories.timeline(values, end=np.array([1.0, 1.25])).shares()
    assert shares["happy"] == pytest.approx(0.8)


def test_dominant_and_confidence_speak_of_the_largest():
    values = np.full((2, 7), 0.05)
    values[0, EMOTIONS.index("fear")] = values[1, EMOTIONS.index("angry")] = 0.7
    timeline = factories.timeline(values)
    assert timeline.dominant == ["fear", "angry"]
    assert timeline.confidence == pytest.approx([0.7, 0.7])


def test_ten_hours_are_decided_in_little_memory():
    duration, width = 36_000.0, 64
    face = replace(factories.FACE_CONFIG, widths=(4, width))
    voice = replace(factories.VOICE_CONFIG, embedding=width)
    fusion = replace(factories.FUSION_CONFIG, face_features=width, voice_features=2 * width)
    model = replace(
        MODEL, face=factories.face_net(face), voice=factories.voice_net(voice), fusion=factories.fusion_net(fusion)
    )
    observations = replace(
        factories.observations(
            duration,
            factories.seen(factories.frame_times(duration), 0, width=width),
            factories.heard(np.ones(factories.hops(duration)), width=width),
        ),
        empty=factories.no_observations(width, width),
    )
    stored = sum(array.nbytes for array in observations.arrays.values())
    tracemalloc.start()
    try:
        timeline = infer(observations, model, "late")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(timeline) == 36_000 and timeline.known.all()
    assert peak < 2.5 * stored
