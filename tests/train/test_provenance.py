"""What a fine-tuned checkpoint says of its data, licence and limits: train/finetune/provenance.py."""

from dataclasses import replace

import pytest

from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train.data.corpora import Corpus
from train.data.datasets import Item
from train.finetune import provenance

CORPUS = Corpus(
    train=[Item(None, "folder", label, "anna") for label in ("happy", "sad")],
    valid=[Item(None, "folder", label, "bert") for label in ("happy", "sad")],
    labels=("happy", "sad"),
    known_people=True,
)


@pytest.fixture(scope="module")
def base():
    """The training metadata of the bundled weights."""
    return checkpoints.load(pretrained.BUNDLED).training


def runs_of(base, init_from_base):
    return {
        part: provenance.training_of_run(part, CORPUS, "folder", 2, base, init_from_base) for part in ("face", "voice")
    }


def test_both_networks_bring_the_sources_and_the_licence_that_they_start_from(base):
    joined = provenance.join_runs(runs_of(base, True), base)
    named = {(source["name"], source["use"]) for source in joined["sources"]}
    assert {("folder", "face"), ("folder", "voice")} < named
    of_encoders = {(s["name"], s["use"]) for s in base["sources"] if "face" in s["use"] or "voice" in s["use"]}
    of_calibration = {each for each in of_encoders if each[1].startswith("calibration")}
    assert of_calibration and not of_calibration & named  # it is fitted again
    of_encoders -= of_calibration
    assert len(of_encoders) > 8 and of_encoders < named
    assert joined["licence"] == base["licence"] == "cc-by-nc-sa-4.0"


def test_new_networks_bring_neither(base):
    joined = provenance.join_runs(runs_of(base, False), base)
    assert {source["name"] for source in joined["sources"]} == {"folder"} and joined["licence"] == "other"


def test_a_part_that_is_kept_brings_its_licence(base):
    joined = provenance.join_runs({"face": runs_of(base, False)["face"]}, base)
    assert joined["licence"] == base["licence"]
    assert {"folder", "RAVDESS"} < {source["name"] for source in joined["sources"]}
    assert "FER+" not in {source["name"] for source in joined["sources"]}


def test_the_limits_of_a_fusion_say_what_was_trained(base):
    """After new encoders, whose runs say that nobody trained a fusion for them."""
    untrained = provenance.LIMITS["untrained"]
    encoders = provenance.join_runs(runs_of(base, True), base)
    assert untrained in encoders["limits"]

    def limits(late, init_from_base=False):
        return provenance.training_of_run("fusion", CORPUS, "folder", 2, encoders, init_from_base, late)["limits"]

    trained, fitted = limits(late=False), limits(late=True)
    assert untrained not in trained and "The fusion network was trained on one data set (folder, 2 items)" in trained[0]
    assert untrained in fitted and "only the calibration and the weights of face and voice were fitted" in fitted[0]
    assert not any("fusion network was" in limit for limit in fitted)
    assert "The fusion network was fine-tuned" in limits(late=False, init_from_base=True)[0]


def test_people_who_validated_the_start_are_not_forgotten(base):
    """A second training from it neither trains on them nor validates on them, and they are still not new to it."""
    first = provenance.join_runs({"voice": runs_of(base, True)["voice"]}, base)
    assert first["held_out"] == ["bert"], "the people of the bundled weights' fold validated nothing"
    valid = [Item(None, "folder", label, "carl") for label in ("happy", "sad")]
    second = provenance.training_of_run("voice", replace(CORPUS, valid=valid), "folder", 2, first, True)
    assert second["held_out"] == provenance.join_runs({"voice": second}, first)["held_out"] == ["bert", "carl"]
    older = {key: value for key, value in first.items() if key != "validated"}
    assert provenance.training_of_run("face", replace(CORPUS, valid=valid), "folder", 2, older, False)["held_out"] == [
        "bert",
        "carl",
    ]
    afresh = provenance.training_of_run("voice", replace(CORPUS, valid=valid), "folder", 2, first, False)
    assert provenance.join_runs({"voice": afresh}, first)["held_out"] == ["carl"], "that network is gone"
    trained = [Item(None, "folder", label, "bert") for label in ("happy", "sad")]
    assert provenance.training_of_run("voice", replace(CORPUS, train=trained, valid=valid), "folder", 2, first, True)[
        "held_out"
    ] == ["carl"]


def test_the_limits_of_a_network_that_is_gone_are_gone_too(base):
    bundled = {part: [x for x in base["limits"] if provenance.part_of(x) == part] for part in ("face", "voice")}
    assert len(bundled["voice"]) == 2 and len(bundled["face"]) == 1
    tuned = provenance.join_runs(runs_of(base, True), base)["limits"]
    assert {*base["limits"]} < {*tuned}
    scratch = provenance.join_runs(runs_of(base, False), base)["limits"]
    assert not {*scratch} & {*bundled["face"], *bundled["voice"]} and base["limits"][-1] in scratch
    mixed = {"face": runs_of(base, True)["face"], "voice": runs_of(base, False)["voice"]}
    mixed = provenance.join_runs(mixed, base)["limits"]
    assert {*bundled["face"]} < {*mixed} and not {*bundled["voice"]} & {*mixed}
    again = provenance.training_of_run(
        "voice", CORPUS, "folder", 7, provenance.join_runs(runs_of(base, True), base), False
    )
    assert not any("voice network was fine-tuned" in limit for limit in again["limits"])
    assert any("face network was fine-tuned" in limit for limit in again["limits"])


def test_a_voice_network_says_that_it_has_no_layer_for_the_usual_voice(base):
    runs = runs_of(base, True)
    assert provenance.LIMITS["relative"] in provenance.join_runs(runs, base)["limits"]
    assert provenance.LIMITS["relative"] not in provenance.join_runs({"face": runs["face"]}, base)["limits"]
