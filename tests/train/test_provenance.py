"""What a fine-tuned checkpoint says of its data, licence and limits: train/finetune/provenance.py."""

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
    return {part: provenance.of_run(part, CORPUS, "folder", 2, base, init_from_base) for part in ("face", "voice")}


def test_both_networks_bring_the_sources_and_the_licence_that_they_start_from(base):
    joined = provenance.joined(runs_of(base, True), base)
    named = {(source["name"], source["use"]) for source in joined["sources"]}
    assert {("folder", "face"), ("folder", "voice")} < named
    of_encoders = {(s["name"], s["use"]) for s in base["sources"] if "face" in s["use"] or "voice" in s["use"]}
    assert len(of_encoders) > 8 and of_encoders < named
    assert joined["licence"] == base["licence"] == "cc-by-nc-sa-4.0"


def test_new_networks_bring_neither(base):
    joined = provenance.joined(runs_of(base, False), base)
    assert {source["name"] for source in joined["sources"]} == {"folder"} and joined["licence"] == "other"


def test_a_part_that_is_kept_brings_its_licence(base):
    joined = provenance.joined({"face": runs_of(base, False)["face"]}, base)
    assert joined["licence"] == base["licence"]
    assert {"folder", "RAVDESS"} < {source["name"] for source in joined["sources"]}
    assert "FER+" not in {source["name"] for source in joined["sources"]}


def test_the_limits_of_a_fusion_say_what_was_trained(base):
    """After new encoders, whose runs say that nobody trained a fusion for them."""
    untrained = provenance.LIMITS["untrained"]
    encoders = provenance.joined(runs_of(base, True), base)
    assert untrained in encoders["limits"]

    def limits(late, init_from_base=False):
        return provenance.of_run("fusion", CORPUS, "folder", 2, encoders, init_from_base, late)["limits"]

    trained, fitted = limits(late=False), limits(late=True)
    assert untrained not in trained and "The fusion network was trained on one data set (folder, 2 items)" in trained[0]
    assert untrained in fitted and "only the calibration and the weights of face and voice were fitted" in fitted[0]
    assert not any("fusion network was" in limit for limit in fitted)
    assert "The fusion network was fine-tuned" in limits(late=False, init_from_base=True)[0]
