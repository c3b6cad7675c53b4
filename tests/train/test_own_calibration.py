"""Which calibration a checkpoint gets whose networks come from different trainings, field by field."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.models import checkpoint as checkpoints
from emorec.models.calibration import HEADS, Calibration, HeadCalibration
from hub import card
from support import factories
from support.fusion_samples import samples
from train import calibration as fit
from train.finetune import assembly, common, stills

FACTS = {"sources": [], "licence": "other", "held_out": [], "limits": [], "persons": []}
FIELDS = {"face": ("face", "still"), "voice": ("voice", "relative"), "fusion": ("fusion",)}


def distinct(first):
    """A Calibration in which no two heads are equal, nor equal to those that begin with another number."""
    heads = {
        name: HeadCalibration(
            scale=first + place,
            bias=tuple(first + place + index / 8 for index in range(7)),
            strength=first + place + 0.5,
            shares=tuple(first + place + index / 9 for index in range(7)),
        )
        for place, name in enumerate(HEADS)
    }
    return Calibration(**heads)


def folder_of(out, part, calibration, seed):
    measured = {"what": "", "metric": "accuracy", "items": 1, "results": {}}
    evaluation = {f"validation-{part}": measured}
    model = factories.checkpoint(seed=seed, calibration=calibration, training=FACTS, evaluation=evaluation)
    checkpoints.save(model, out / part / "best")


def expected(base, **changed):
    """The fields of ``base``, but for each named network those of another calibration (None: plain ones)."""
    fields = asdict(base)
    for part, other in changed.items():
        found = HeadCalibration() if other is None else None
        fields |= {name: asdict(found or getattr(other, name)) for name in FIELDS[part]}
    return fields


@pytest.mark.parametrize("parts", [("face",), ("voice",), ("face", "voice")])
def test_every_network_brings_its_own_calibration(parts, tmp_path):
    base = factories.checkpoint(calibration=distinct(10.0), training=FACTS)
    runs = {part: distinct(100.0 * (number + 1)) for number, part in enumerate(parts)}
    for number, (part, calibration) in enumerate(runs.items()):
        folder_of(tmp_path, part, calibration, seed=10 + number)
    model, trained = assembly.compose(tmp_path, base)
    assert set(trained) == set(parts)
    # The base's fusion network was not trained on these encoders, so it is replaced, and its calibration too.
    assert asdict(model.calibration) == expected(base.calibration, **runs, fusion=None)


def test_without_own_encoders_the_calibration_is_the_bases(tmp_path):
    base = factories.checkpoint(calibration=distinct(10.0), training=FACTS)
    folder_of(tmp_path, "fusion", distinct(100.0), seed=5)
    assert assembly.compose(tmp_path, base)[0].calibration == base.calibration


@pytest.mark.parametrize("part", ["face", "voice", "fusion"])
def test_a_network_in_training_starts_without_the_calibration_of_another(part):
    base = factories.checkpoint(calibration=distinct(10.0), training=FACTS)
    corpus = SimpleNamespace(people=["a"], held_out=["b"], labels=("happy", "sad"), known_people=True)
    config = SimpleNamespace(base=base, dataset="folder", init_from_base=False, fusion="intermediate", face_path=None)
    model = common.build({part: getattr(base, part)}, part, corpus, config, items=3)
    reset = {} if part == "fusion" else {part: None, "fusion": None}
    assert asdict(model.calibration) == expected(base.calibration, **reset)


@pytest.mark.parametrize("part", ["face", "voice", "fusion"])
def test_what_is_fitted_goes_into_the_fields_of_its_network(part, tmp_path):
    model = factories.checkpoint(calibration=distinct(10.0), training=FACTS)
    labels = ("happy", "sad", "neutral")
    truth = np.arange(90) % 3
    probabilities = np.full((90, 3), 0.1) + 0.7 * np.eye(3)[np.where(np.arange(90) % 5 == 0, (truth + 1) % 3, truth)]
    common.calibrate_and_measure(model, tmp_path, part, probabilities, truth, labels)
    fitted = [getattr(model.calibration, name) for name in FIELDS[part]]
    assert fitted[0] == fitted[-1] and fitted[0] != HeadCalibration() and fitted[0].scale < 5
    others = [name for name in HEADS if name not in FIELDS[part]]
    assert all(getattr(model.calibration, name) == getattr(distinct(10.0), name) for name in others)


def test_the_calibration_error_weighs_emotions_alike_and_says_that_it_was_fitted_there(tmp_path):
    """Rare items that are always wrong count as much as frequent ones that are always right."""
    model = factories.checkpoint(training=FACTS)
    truth = np.repeat([0, 1], [90, 10])
    probabilities = np.where(np.arange(2) == 0, 0.9, 0.1) * np.ones((100, 1))
    common.calibrate_and_measure(model, tmp_path, "face", probabilities, truth, ("happy", "sad"))
    found = model.evaluation["validation-face"]
    assert found["calibration_error"]["before"] == pytest.approx(0.9 - 0.5, abs=0.01)  # by items it is 0
    assert "fitted to these items" in found["domain"]


def test_windows_of_one_recording_count_once(tmp_path):
    """Ninety windows are enough for a bias, the three recordings that they come from are not."""
    truth = np.arange(90) % 3
    probabilities = np.full((90, 3), 0.2) + [0.4, 0.0, 0.0]
    found = []
    for owners in (None, truth):
        model = factories.checkpoint(training=FACTS)
        labels = ("happy", "sad", "neutral")
        common.calibrate_and_measure(model, tmp_path, "fusion", probabilities, truth, labels, owners)
        measured = model.evaluation["validation-fusion"]
        found.append((measured["items"], any(model.calibration.fusion.bias), measured["spread"]["fusion"]))
    assert [one[:2] for one in found] == [(90, True), (3, False)]
    assert found[1][2] == pytest.approx(found[0][2] * 30**0.5, abs=0.01)


def test_a_few_items_that_are_all_right_make_nothing_certain(tmp_path, capsys):
    """The likelihood alone grows with the scale for ever."""
    truth = np.arange(12) % 3
    probabilities = np.full((12, 3), 0.1) + 0.7 * np.eye(3)[truth]
    model = factories.checkpoint(training=FACTS)
    common.calibrate_and_measure(model, tmp_path, "face", probabilities, truth, ("happy", "sad", "neutral"))
    assert 1 < model.calibration.face.scale < 3
    assert "only 12 validation items" in capsys.readouterr().out
    measured = model.evaluation["validation-face"]
    assert measured["results"]["face"] == 1.0
    low, high = measured["intervals"]["face"]
    assert low == pytest.approx(12 / (12 + 1.96**2), abs=1e-3) and high == 1.0  # Wilson's interval for 12 of 12
    assert card.text(model).startswith("---") and "# emorec weights trained on own data" in card.text(model)


def test_many_items_decide_the_scale_themselves():
    number = np.arange(3000)
    truth = number % 3
    said = np.where(number % 5 == 0, (truth + 1 + number // 5 % 2) % 3, truth)  # 4 of 5 are right
    probabilities = np.full((3000, 3), 0.001) + 0.997 * np.eye(3)[said]
    seven, emotions, _ = common.to_seven(probabilities, truth, ("happy", "sad", "neutral"))
    head = fit.fit_head(seven, emotions, biased=False, items=3000)
    assert fit.apply(head, seven).max(axis=1).mean() == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("right", [1.0, 0.5])
def test_a_few_videos_move_the_weights_of_late_fusion_little_and_many_decide_them(right):
    """Windows that are all right fit the largest weights best, however few they are."""
    before = Calibration(face_weight=0.85, voice_weight=1.25)

    def weights(videos, items):
        random, truth = np.random.default_rng(0), np.arange(videos) % 3
        said = (np.where(random.random(videos) < right, truth, (truth + 1) % 3) for _ in range(2))
        face, voice = (np.full((videos, 7), 0.05) + 0.65 * np.eye(7)[labels] for labels in said)
        found = fit.fit_late(before, samples(face, voice, truth), items=items)
        return np.array([found.face_weight, found.voice_weight])

    def moved(found):
        return np.abs(np.log(found / [0.85, 1.25])).max()

    assert moved(weights(10, 10)) < 0.75 * moved(weights(10, None))
    assert weights(2000, 2000) == pytest.approx(weights(2000, None), abs=0.051)
    if right == 1.0:
        assert (weights(10, None) == fit.WEIGHTS[-1]).all() and (weights(10, 10) < fit.WEIGHTS[-1]).all()


@pytest.mark.parametrize("count", [30, 300])
def test_pictures_make_no_network_surer_of_recordings_than_the_weights_that_it_started_from(count, tmp_path, capsys):
    """All pictures are right, which says nothing of recordings; and few pictures say little of other pictures."""
    labels = ("happy", "sad", "neutral")
    truth = np.arange(count) % 3
    probabilities = np.full((count, 3), 0.02) + 0.94 * np.eye(3)[truth]
    seven, _, _ = common.to_seven(np.full((count, 3), 0.2) + 0.4 * np.eye(3)[truth], truth, labels)
    base = Calibration(face=HeadCalibration(scale=1.1), still=HeadCalibration(scale=2.1))
    model = factories.checkpoint(calibration=base, training=FACTS)
    common.calibrate_and_measure(model, tmp_path, "face", probabilities, truth, labels, before=(seven, base))
    ours, _, _ = common.to_seven(probabilities, truth, labels)
    columns = seven[0] > 0.01

    def logits(head, found):
        return head.log_likelihood(found)[:, columns].std(axis=1).mean()

    assert logits(model.calibration.face, ours) == pytest.approx(logits(base.face, seven), rel=1e-3)
    alike = logits(model.calibration.still, ours) == pytest.approx(logits(base.still, seven), rel=1e-3)
    assert alike == (count < common.MIN_FOR_BIAS)
    assert logits(model.calibration.face, ours) < 0.6 * logits(model.calibration.still, ours)
    assert stills.DERIVED in capsys.readouterr().out
    assert stills.DERIVED in model.evaluation["validation-face"]["domain"]


def test_a_network_that_is_less_sure_than_the_start_is_left_so():
    flat, sharp = np.tile([0.4, 0.3, 0.3, 0, 0, 0, 0], (9, 1)), np.tile([0.98, 0.01, 0.01, 0, 0, 0, 0], (9, 1))
    head = HeadCalibration(scale=0.9)
    found = stills.calibrations(head, flat, EMOTIONS[:3], (sharp, Calibration()), few=True)
    assert found == ({"still": head, "face": head}, stills.DERIVED)


def known_to(count, sharpness, rows=200):
    """Probabilities (rows, 7) of a network that knows the first ``count`` emotions."""
    logits = np.random.default_rng(count).normal(0, sharpness, (rows, count))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.pad(shares, [(0, 0), (0, 7 - count)])


@pytest.mark.parametrize("count", [2, 4, 6])
def test_emotions_that_the_start_does_not_know_do_not_make_it_look_surer(count):
    base, head = Calibration(face=HeadCalibration(scale=1.1)), HeadCalibration(scale=2.5)
    before, after = known_to(count, 1.5), known_to(7, 3.0)
    found, told = stills.calibrations(head, after, EMOTIONS, (before, base), few=False)
    spreads = [
        head.log_likelihood(given)[:, :count].std(axis=1).mean()
        for head, given in ((found["face"], after), (base.face, before))
    ]
    assert spreads[0] == pytest.approx(spreads[1], rel=1e-3) and told == stills.DERIVED
    assert found["still"] == head


@pytest.mark.parametrize("before", [known_to(1, 1.0), np.full((200, 7), 1 / 7)], ids=["one emotion", "all alike"])
def test_a_start_that_tells_no_emotions_apart_gives_its_own_scale_at_most(before):
    base = Calibration(face=HeadCalibration(scale=1.1))
    after = known_to(7, 3.0)
    found, told = stills.calibrations(HeadCalibration(scale=2.5), after, EMOTIONS, (before, base), few=False)
    assert (found["still"].scale, found["face"].scale, told) == (2.5, 1.1, stills.NOT_DERIVED)
