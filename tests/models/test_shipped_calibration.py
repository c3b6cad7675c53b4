"""The shipped weights against what networks said of people they never met: every number is the one that is published.

The predictions are kept beside the code, so nothing here needs the data.
"""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from emorec.emotions import EMOTIONS
from emorec.inference import baseline as baselines
from emorec.inference.voice_pooling import RELATIVE
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from hub import card_results, reliability
from support.paths import ROOT
from train import calibration as calibrate
from train import evaluate, metrics
from train.data import datasets
from train.evaluation import predictions, protocols, speakers, unseen, voice_predictions
from train.recipes import bundled_provenance, fusion, voice_baseline

PREDICTIONS = ROOT / "train" / "folds" / "predictions"
PUBLISHED = ("everyday", "web-faces", "ferplus", "ravdess-voice", "ravdess-late", "javanese-av", "speakers", "robust")
SETTING = predictions.Setting(data=None, runs=None, cache=Path("unused"), predictions=PREDICTIONS)
HEADS = ("face", "still", "voice", "fusion", "relative")
MAX_NEUTRAL_SHARE = 0.25  # share of clear expressions that may be called neutral: calm is not bought with deafness


@pytest.fixture(scope="module")
def model():
    return checkpoints.load(pretrained.BUNDLED)


@pytest.fixture(scope="module")
def unseen_people(model):
    return protocols.unseen_predictions(model, SETTING)


def test_every_protocol_on_the_card_has_its_predictions(model):
    assert set(model.evaluation) == set(PUBLISHED)
    assert sum(file.stat().st_size for file in PREDICTIONS.iterdir()) < 1_500_000


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_number_on_the_card_is_what_the_stored_predictions_give(model, name):
    published = {key: value for key, value in model.evaluation[name].items() if key not in ("cost", "previous")}
    assert metrics.round_floats(evaluate.PROTOCOLS[name](model, SETTING)) == published


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_result_has_an_interval_that_contains_it(model, name):
    found = model.evaluation[name]
    assert found["results"] and found["intervals"].keys() == found["results"].keys()
    for way, (low, high) in found["intervals"].items():
        assert low <= found["results"][way] <= high and 0 < high - low < 0.4, way
    assert found["resampled"] == ("items" if name in ("ferplus", "robust") else "people")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_bins_of_every_diagram_give_the_published_error(model, name):
    found = model.evaluation[name]
    assert found["reliability"] and found["reliability"].keys() == card_results.heads(found).keys()
    for head, error in card_results.heads(found).items():
        bins = found["reliability"][head]
        assert reliability.error(bins) == pytest.approx(error["after"], abs=2e-4), head
        assert sum(one["share"] for one in bins) == pytest.approx(1, abs=1e-3) and len(bins) > 5


def test_what_is_out_of_domain_is_named_as_results_or_heads(model):
    for found in model.evaluation.values():
        assert set(found["out_of_domain"]) <= found["results"].keys() | found["reliability"].keys() and found["domain"]
    every = {name: set(found["results"]) & set(found["out_of_domain"]) for name, found in model.evaluation.items()}
    assert every["everyday"] == set(model.evaluation["everyday"]["results"])
    assert every["web-faces"] == {"face", "face, everyday prior"}
    assert every["ferplus"] == every["ravdess-voice"] == every["ravdess-late"] == set()
    assert every["javanese-av"] == {"face"} and len(every["speakers"]) == 10


def test_the_calibration_is_the_one_fitted_on_people_never_seen(model, unseen_people):
    fitted = unseen.fit_calibration(unseen_people.without(fold=bundled_provenance.FOLD))
    for head in HEADS:
        ours, found = asdict(getattr(model.calibration, head)), asdict(getattr(fitted, head))
        assert all(found[name] == pytest.approx(ours[name], abs=2e-3) for name in ours), head
    assert (fitted.face_weight, fitted.voice_weight) == (model.calibration.face_weight, model.calibration.voice_weight)


def errors(head, probabilities, truth, groups=None):
    """Loss and calibration error before and after a head's calibration, as if every emotion were equally common."""
    rows = ~np.isnan(probabilities[:, 0])
    probabilities, truth = probabilities[rows], truth[rows]
    even = calibrate.even_weights(truth, None if groups is None else groups[rows])
    after = calibrate.apply(head, probabilities)
    return [
        (calibrate.nll(p, truth, even), calibrate.expected_calibration_error(p, truth, even))
        for p in (probabilities, after)
    ]


def test_calibration_lowers_the_error_of_every_head(model, unseen_people):
    clips, (voice, labels, _, corpora) = unseen_people.clips, unseen_people.voices
    found = model.calibration
    both = [
        np.concatenate(pair) for pair in zip((clips.face_probabilities, clips.truth), unseen_people.faces, strict=True)
    ]
    groups = np.repeat(["clips", "press"], [len(clips), len(unseen_people.faces[1])])
    measured = {
        "voice": errors(found.voice, voice, labels, corpora),
        "still": errors(found.still, *unseen_people.stills),
        "face": errors(found.face, *both, groups),
        "fusion": errors(found.fusion, unseen_people.fused, clips.truth),
    }
    for head, ((loss, error), (calibrated_loss, calibrated_error)) in measured.items():
        assert calibrated_loss < loss, head
        if head != "fusion":  # whose 168 clips are too few for this; the published error is of its six emotions
            assert calibrated_error < error, head
    published = model.evaluation["javanese-av"]["calibration_errors"]["intermediate"]
    assert published["after"] < published["before"]


def test_each_number_of_the_calibration_belongs_to_its_own_head(model, unseen_people):
    """Another head's numbers in its place do worse: a swap, as once happened, does not go unnoticed."""
    clips, found = unseen_people.clips, model.calibration
    voice, labels, _, corpora = unseen_people.voices
    own = errors(found.voice, voice, labels, corpora)[1][0]
    others = ("still", "fusion", "face")
    assert all(errors(getattr(found, other), voice, labels, corpora)[1][0] > own for other in others)
    own = errors(found.still, *unseen_people.stills)[1][0]
    assert all(errors(getattr(found, other), *unseen_people.stills)[1][0] > own for other in ("voice", "fusion"))
    assert found.voice.bias != (0.0,) * 7 and found.face.strength > 0.3
    assert len(clips) > 100


@pytest.mark.parametrize("name", ["javanese-av", "ravdess-late"])
def test_late_fusion_is_no_worse_than_the_plain_mean_out_of_fold(model, name):
    found = evaluate.PROTOCOLS[name](model, SETTING)
    assert found["results"]["late"] >= found["results"]["mean"]
    assert found["loss"]["late"] <= found["loss"]["mean"]


def test_calm_speech_of_corpora_never_heard_is_hardly_ever_surely_negative(model):
    stored_priors = model.evaluation["everyday"]["priors"]
    for corpus in datasets.ORDINARY:
        assert (
            stored_priors["everyday"][corpus]["surely_negative"] < 0.05
            and stored_priors["everyday"][corpus]["neutral"] > 0.75
        )
        assert stored_priors["even"][corpus]["surely_negative"] < stored_priors["even"][corpus]["neutral"]


def test_calm_is_not_bought_with_deafness(model):
    for name in ("ravdess-voice", "ferplus"):
        called = model.evaluation[name]["called_neutral"]
        assert called["everyday"] <= MAX_NEUTRAL_SHARE and called["even"] < 0.1


def test_the_sharpest_clips_keep_their_emotion_under_the_everyday_prior(model, unseen_people):
    """Not only are they not neutral: most of them still have their own name."""
    stored = voice_predictions.voices(SETTING, None)
    strong = (stored["strong"] > 0) & (stored["truth"] != EMOTIONS.index("neutral"))
    predicted = calibrate.apply(model.calibration.voice, stored["seven"][strong], metrics.EVERYDAY).argmax(1)
    assert metrics.recall(predicted, stored["truth"][strong]) > 0.5


def test_without_the_voices_calibration_late_fusion_is_worse(model, unseen_people):
    """The very fault that was once shipped: the voice's numbers lost, its probabilities taken as they come."""
    clips, truth = unseen_people.clips, unseen_people.clips.truth
    lost = replace(model.calibration, voice=type(model.calibration.voice)())
    losses = [
        calibrate.nll(fusion.ways(clips, unseen_people.fused, calibration)["late"], truth)
        for calibration in (model.calibration, lost)
    ]
    assert losses[0] < losses[1]


def test_a_voice_is_better_understood_relative_to_its_speaker(model):
    found = model.evaluation["speakers"]["results"]
    for corpus, gain in (("ravdess", 0.05), ("javanese", 0.1), ("korean", 0.05)):
        assert found[f"{corpus}, mixed, relative"] > found[f"{corpus}, mixed"] + gain
    # What it costs where one emotion lasts throughout.
    assert found["ravdess, one emotion, relative"] > found["ravdess, one emotion"] - 0.05
    assert found["javanese, one emotion, relative"] > found["javanese, one emotion"] - 0.2


def test_calm_speech_is_no_more_often_surely_negative_relative_to_its_speaker(model):
    for corpora in model.evaluation["speakers"]["priors"].values():
        for corpus in ("korean", "speechocean"):
            alone, relative = (corpora[f"{corpus} (whole recordings{way})"] for way in ("", ", relative"))
            assert relative["surely_negative"] <= alone["surely_negative"]
            assert relative["neutral"] > alone["neutral"] - 0.04


def test_without_doubt_a_speaker_of_one_emotion_would_be_called_neutral(model, monkeypatch):
    """The guard is what keeps an angry speaker angry."""
    monkeypatch.setattr(baselines, "DOUBT", (100.0, 101.0))
    found = speakers.speakers(model, SETTING)["results"]
    kept = model.evaluation["speakers"]["results"]
    assert found["ravdess, one emotion, relative"] < kept["ravdess, one emotion, relative"] - 0.1
    assert found["ravdess, mixed, relative"] == pytest.approx(kept["ravdess, mixed, relative"], abs=0.01)


def test_the_head_relative_is_the_one_fitted_without_the_folds_people(model):
    stored = safetensors.torch.load_file(voice_baseline.layer_file(PREDICTIONS.parent, bundled_provenance.FOLD))
    for name, tensor in stored.items():
        assert torch.equal(tensor, model.voice.state_dict()[f"heads.{RELATIVE}.{name}"])
