"""The speaker's usual voice as a baseline: when there is one, how much it counts, and what it changes."""

from dataclasses import replace

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import speakers
from emorec.inference import baseline as baselines
from emorec.inference.fusion import softmax
from emorec.inference.prior import posterior
from emorec.inference.timeline import infer
from emorec.inference.voice_pooling import RELATIVE, pool_voice, speakers_of
from emorec.models.calibration import Calibration, HeadCalibration
from emorec.models.provenance import UNTRAINED
from support import factories

NEUTRAL, ANGRY = EMOTIONS.index("neutral"), EMOTIONS.index("angry")
CONFIG = replace(factories.VOICE_CONFIG, heads=factories.VOICE_CONFIG.heads | {RELATIVE: EMOTIONS})
CALIBRATION = Calibration(relative=HeadCalibration(scale=0.5, bias=(0.3, 0, 0, 0, -0.3, 0, 0)))
PLAIN = factories.checkpoint()


@pytest.fixture(scope="module")
def model():
    """A checkpoint whose head for single windows finds everything neutral, so that no other emotion prevails."""
    voice = factories.voice_net(CONFIG, seed=1)
    head = voice.heads["emotions"]
    head.weight.zero_()
    head.bias.zero_()
    head.bias[factories.VOICE_LABELS.index("neutral")] = 1.0
    return replace(factories.checkpoint(), voice=voice, calibration=CALIBRATION)


def said(windows, margin=-1.0):
    """Log likelihoods (N, 7) of windows in which anger exceeds neutral by ``margin``."""
    voice = np.full((windows, 7), -1.0)
    voice[:, NEUTRAL], voice[:, ANGRY] = 0.0, margin
    return voice


def logits(windows):
    return np.random.default_rng(0).normal(0, 1, (windows, 7))


def weight(evidence, margin=-1.0):
    evidence = np.atleast_1d(np.asarray(evidence, float))
    found = baselines.baseline_of_speaker(logits(len(evidence)), said(len(evidence), margin), evidence)
    return found.weight if found else 0.0


def test_little_speech_gives_no_baseline_and_more_of_it_counts_more_without_a_jump():
    assert baselines.baseline_of_speaker(logits(0), said(0), np.zeros(0)) is None
    assert baselines.baseline_of_speaker(logits(9), said(9), np.zeros(9)) is None
    assert weight(np.ones(4)) == 0
    totals = np.linspace(0, 40, 801)
    weights = np.array([weight(np.full(10, total / 10)) for total in totals])
    assert (weights[totals <= baselines.LEAST] == 0).all() and (np.diff(weights) >= 0).all()
    assert np.abs(np.diff(weights)).max() < 0.02
    assert weight(np.ones(8)) == pytest.approx(0.5) and 0.95 < weight(np.ones(1000)) < 1


def test_a_voice_in_which_another_emotion_prevails_is_no_measure_of_calm():
    many = np.ones(36)
    assert weight(many, margin=1.4) == weight(many, margin=-5) > 0.85
    assert 0 < weight(many, margin=2.0) < weight(many, margin=1.6) < weight(many, margin=1.4)
    assert weight(many, margin=2.5) == weight(many, margin=9) == 0


def test_the_baseline_is_the_mean_of_what_was_heard():
    values, evidence = logits(12), np.r_[np.ones(6), np.full(5, 0.5), 0.0]
    values[-1] = np.nan  # no speech
    voice = said(12)
    voice[-1] = np.nan
    found = baselines.baseline_of_speaker(values, voice, evidence)
    assert found.logits == pytest.approx((values[:6].sum(axis=0) + values[6:11].sum(axis=0) / 2) / 8.5)


def test_what_is_constant_in_a_recording_does_not_count(model):
    values = logits(30)
    offset = np.linspace(-8, 8, 7)
    read = []
    for heard in (values, values + offset):
        own = baselines.baseline_of_speaker(heard, said(30), np.ones(30))
        read.append(baselines.weight_heads(said(30), baselines.relative_log_likelihoods(heard, own, model), own))
    assert read[0] == pytest.approx(read[1]) and np.abs(read[0] - said(30)).max() > 0.3


def test_rows_are_a_blend_of_both_heads(model):
    features = factories.full_observations(60.0)
    found = infer(features, model, "voice", step=3.0, prior="even")
    low = np.arange(0, 60.0, 3.0)
    probabilities, values, _, _ = pool_voice(features, model, low, low + 3)
    bias = model.voice.heads[RELATIVE].bias.numpy()
    relative = CALIBRATION.relative.log_likelihood(softmax(values - values.mean(axis=0) + bias))
    share = 16 / 20  # 20 windows, of which 4 do not count, and another 4 are worth half
    alone = CALIBRATION.voice.log_likelihood(probabilities)
    expected = posterior(share * relative + (1 - share) * alone, np.zeros(7))
    assert found.probabilities == pytest.approx(expected, abs=1e-5)
    assert np.abs(expected - posterior(alone, np.zeros(7))).max() > 0.1


def test_the_result_says_whether_a_baseline_was_used(model):
    features = factories.full_observations(60.0, notes=("first",))
    used = infer(features, model)
    assert used.choices["baseline"] == "speaker" and used.choices["baseline_weight"] == pytest.approx(0.8)
    assert used.notes == ("first", baselines.NOTE)
    for unused in (
        infer(features, model, baseline="none"),
        infer(features, model, "intermediate"),
        infer(features, model, "face"),
        infer(factories.full_observations(11.0, notes=("first",)), PLAIN),
        infer(features, PLAIN, baseline="none"),
        infer(factories.full_observations(11.0, notes=("first",)), model),
        infer(factories.observations(60.0, factories.seen(factories.frame_times(60.0), 0), notes=("first",)), model),
    ):
        assert unused.choices["baseline_weight"] == 0 and unused.notes == ("first",)
    assert infer(features, model, baseline="none").choices["baseline"] == "none"
    assert infer(features, PLAIN).notes == ("first", baselines.MISSING), "without the layer, as after fine-tuning"


def with_speakers(features, *persons):
    """Features in which each of ``persons`` speaks for as long as the next one."""
    count = len(features.segments[0]["voice_time"])
    known = {"voice_person": np.repeat(persons, -(-count // len(persons)))[:count]}
    known["voice_person_probability"] = np.ones(count)
    empty = {name: values[:0] for name, values in known.items()}
    return replace(features, segments=(features.segments[0] | known,), empty=features.empty | empty)


def spoken(features, model, fusion, baseline="speaker"):
    """The voice in rows of 3 s, each of one speaker."""
    return infer(features, model, fusion, step=3.0, baseline=baseline).voice


@pytest.mark.parametrize("fusion", ["late", "voice"])
def test_a_few_words_of_somebody_else_are_not_read_relative_to_the_speaker(model, fusion):
    first, later = slice(0, 17), slice(19, 20)  # the window at 54 s has hops of both
    features = with_speakers(factories.full_observations(60.0), *[0] * 18, speakers.OFF_SCREEN, speakers.OFF_SCREEN)
    everybody = spoken(with_speakers(features, 0), model, "voice")
    read, alone = (spoken(features, model, fusion, choice) for choice in ("speaker", "none"))
    assert np.abs(read[first] - alone[first]).max() > 0.05
    if fusion == "voice":
        assert read[later] == pytest.approx(alone[later], abs=1e-9)
        assert np.abs(everybody[later] - alone[later]).max() > 0.01
    else:  # what is heard from off screen does not count for the person in view
        assert np.isnan(read[later]).all()


def test_each_of_two_speakers_has_a_baseline_of_their_own(model):
    features = factories.full_observations(120.0)
    segment = dict(features.segments[0])
    later = segment["voice_time"] > 63  # the window that ends at 60 s may hold a hop of both
    segment["voice_embedding"] = segment["voice_embedding"] + later[:, None].astype(np.float16)
    other = replace(features, segments=(segment,))  # the same but for how the second half sounds
    rows = slice(0, 19)
    for persons, same in (((0, 1), True), ((0,), False)):
        one, two = (spoken(with_speakers(made, *persons), model, "voice")[rows] for made in (features, other))
        assert np.allclose(one, two, atol=1e-9, rtol=0) is same


def test_speech_of_which_it_is_unsure_whose_it_is_counts_as_that_of_the_person_in_view(model):
    features = factories.full_observations(60.0)
    known, unsure = (spoken(with_speakers(features, one), model, "voice") for one in (0, speakers.UNSURE))
    assert np.array_equal(known, unsure)
    mixed = with_speakers(features, 0, speakers.UNSURE)
    assert speakers_of(mixed, np.array([0.0, 40]), np.array([3.0, 43])).tolist() == [0, 0]
    blind = factories.observations(60.0, factories.heard(np.ones(factories.hops(60.0))))
    blind = with_speakers(blind, speakers.UNSURE)
    assert speakers_of(blind, np.array([0.0]), np.array([3.0])).tolist() == [-1]


def test_a_baseline_does_not_depend_on_the_rows_that_are_shown(model):
    features = factories.full_observations(60.0)
    fine, coarse = (infer(features, model, "voice", step=step) for step in (0.5, 3.0))
    assert fine.choices["baseline_weight"] == coarse.choices["baseline_weight"] == fine.grid.choices["baseline_weight"]
    # The window around 4.5 s is the same in both.
    assert fine.voice[9:11].mean(axis=0) == pytest.approx(coarse.voice[1], abs=0.15)


@pytest.mark.parametrize("fusion", ["intermediate", "face"])
def test_fusions_that_do_not_use_it_are_as_without(model, fusion):
    features = factories.full_observations(60.0)
    with_it, without = (infer(features, model, fusion, baseline=choice) for choice in ("speaker", "none"))
    assert np.array_equal(with_it.probabilities, without.probabilities)


def test_a_single_long_window_is_not_compared_with_itself(model):
    features = factories.full_observations(60.0)
    found = infer(features, model, "voice", window=60.0, step=10.0)
    assert found.choices["baseline_weight"] == 0


def test_the_adaptive_prior_is_estimated_on_what_is_shown(model):
    features = factories.full_observations(120.0)
    shares = [
        infer(features, model, "voice", prior="adaptive", baseline=choice).prior for choice in ("speaker", "none")
    ]
    assert shares[0] != shares[1]


def test_an_unknown_baseline_is_named():
    with pytest.raises(
        EmorecError, match="'room' does not exist; choose one of speaker, person, none, a stretch of time"
    ):
        infer(factories.full_observations(2.0), PLAIN, baseline="room")


def test_intermediate_fusion_that_nobody_trained_is_told_where_it_is_used():
    features = factories.full_observations(11.0)
    own = replace(PLAIN, training={"limits": [UNTRAINED]})
    told = {fusion: UNTRAINED in infer(features, own, fusion).notes for fusion in ("intermediate", "late", "face")}
    assert told == {"intermediate": True, "late": False, "face": False}
    assert UNTRAINED not in infer(features, PLAIN, "intermediate").notes
