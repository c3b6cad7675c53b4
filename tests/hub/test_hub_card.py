"""hub/card.py: everything in a checkpoint's configuration is where people and the Hub look for it."""

import io

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from emorec.models import checkpoint, pretrained, provenance
from emorec.models.calibration import Calibration, HeadCalibration
from hub import card, confusion, reliability
from support import factories
from support.card_facts import EVALUATION, TRAINING
from train import calibration


@pytest.fixture(scope="module")
def model():
    return factories.checkpoint(training=TRAINING, evaluation=EVALUATION)


@pytest.fixture(scope="module")
def text(model):
    return card.text(model, "org/name@v1")


def test_the_hub_reads_its_metadata(text):
    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag) == ("emorec", "video-classification")
    assert data.license == "cc-by-nc-sa-4.0"
    assert "emotion-recognition" in data.tags
    found = {
        (result.task_type, result.dataset_type, result.metric_type, result.metric_name, result.metric_value)
        for result in data.eval_results
    }
    assert found == {
        ("image-classification", "pictures", "accuracy", "accuracy (face)", 0.852),
        ("audio-classification", "voices", "recall", "unweighted average recall (voice)", 0.5),
        ("video-classification", "clips", "accuracy", "accuracy (face)", 0.25),
        ("video-classification", "clips", "accuracy", "accuracy (late)", 0.75),
    }
    assert data.model_name == "org/name"


@pytest.mark.parametrize(
    "expected",
    [
        "model_path='org/name@v1'",
        "EMOREC_MODEL=org/name@v1 make app",
        "| pictures | accuracy, face | 85.2% (83.0 to 87.1) | 1,234 |",
        "| clips | accuracy, late | 75.0% | 10 |",
        "with 1,000 draws of items in `pictures`.",
        "| protocol | measured | | items of the protocol |",
        "was measured on a part of the items of its protocol.",
        "![Reliability diagrams of pictures](reliability-pictures.png)",
        "Other pictures of it trained the network.",
        "1 of 2 reach it; the largest error is 11.0% (clips, late).",
        "| clips | late | 11.0% | no |  |",
        "| clips | face | 8.0% | yes | 5.0% |",
        "Recall by label: sad 75%, happy 50%.",
        "![Confusion matrix of pictures](confusion-pictures.png)",
        "| sad | 3 | 1 |",
        "| pictures, face | 12.0% | 7.0% |",
        "| clips, late |  | 11.0% |",
        "| face | 1,234 | 5.6 M | 0.25 |",
        "happiness → happy",
        "contempt → left out",
        "calm → neutral",
        "grey crops of 16 by 16 pixels",
        "mono sound at 16 kHz, a vector every 0.256 s",
        "| Faces | face | 7 pictures | MIT |",
        "not trained on faces-01, but these people validated the training",
        "face: 1.2 h on two cores; voice: not recorded; fusion: 3 min on two cores, about 0.1 kWh.",
        "Finished on 2026-01-02.",
        "- It names expressions.",
        "must not decide, or help to decide, about a person",
        "Licence of these weights: CC BY-NC-SA 4.0",
    ],
)
def test_it_tells(text, expected):
    assert expected in text


def test_only_a_fold_that_is_held_out_is_said_to_be_new_to_the_networks():
    fold = card.text(factories.checkpoint(training=TRAINING | {"held_out_fold": 0}))
    tuned = card.text(factories.checkpoint(training=TRAINING | {"held_out_fold": None}))
    assert "never met faces-01" in fold and "validated" not in fold
    assert "never met" not in tuned and "Measure the weights on other people." in tuned


def test_a_checkpoint_that_tells_little_has_a_card_too():
    text = card.text(factories.checkpoint())
    assert "Not measured yet." in text and "was not recorded" in text
    assert ModelCard(text).data.license == "other"


TRAINED = {
    "validation-face": {
        "what": "Validation items",
        "metric": "accuracy",
        "items": 6,
        "windows": 21,
        "results": {"face": 1.0, "late": 0.5},
        "intervals": {"face": [0.61, 1.0], "late": [0.2, 0.8]},
        "interval_by": {"face": "wilson", "late": "wilson"},
        "labels": ["sad", "happy"],
        "recall": {"sad": 1.0},
        "confusion": [[21, 0], [0, 0]],
        "confusion_of": "late",
        "calibration_error": {"before": 0.12, "after": 0.07},
    }
}


def test_directly_after_a_training_it_says_who_measured_what_and_how_to_use_the_folder():
    text = card.text(factories.checkpoint(evaluation=TRAINED))
    assert "Its training measured the results below, on the items that chose the weights." in text
    assert "evaluate.py" not in text and "diagrams above" not in text and "bootstrap" not in text
    assert "model_path='FOLDER/OF/THIS/FILE')" in text
    assert (
        "In brackets is the 95 % interval of Wilson's score, which holds for few items too, in `validation-face`."
        in text
    )
    assert "accuracy on 6 items in 21 windows, each of which counts." in text
    assert "Recall by label (late): sad 100%." in text and "(late; rows: truth)" in text
    assert "model_path='org/name'" in card.text(factories.checkpoint(evaluation=TRAINED), "org/name")
    both = card.text(factories.checkpoint(evaluation=TRAINED | EVALUATION))
    assert "below, except those of `validation-face`, which its training measured." in both and "diagrams above" in both
    assert "of items in `pictures`." in both and "It is that of Wilson's score" in both
    bundled = card.text(factories.checkpoint(evaluation=EVALUATION))
    assert "`train/evaluate.py` measured the results below." in bundled and "model_path" not in bundled


def test_it_names_only_the_steps_that_the_calibration_has_and_whom_it_was_fitted_on():
    def told(training=None, **head):
        calibration = Calibration(voice=HeadCalibration(scale=1.5, **head))
        return card.text(
            factories.checkpoint(evaluation=TRAINED, calibration=calibration, training=TRAINING | (training or {}))
        )

    assert "an even prior: it is scaled, fitted on people held out" in told(strength=-0.0)
    assert "an even prior: it is scaled and shifted, fitted on people" in told(bias=(0.1,) * 7)
    assert "the shares of the emotions in its training data are divided out, and it is scaled, f" in told(strength=0.5)
    # The items of people who have no names were divided, so a person may be on both sides.
    assert "it is scaled, fitted on items held out of training" in told({"held_out": []})
    # So they were of one part, as face, where the people of another one are known.
    unknown = provenance.UNKNOWN.format(part="face")
    assert "it is scaled, fitted on items held out of training" in told({"limits": [unknown]})


def test_a_short_training_took_some_time():
    def spent(hours):
        entry = {"part": "face", "hours": hours, "device": "1 CPU thread"}
        return card.text(factories.checkpoint(training={"compute": [entry]}))

    assert "face: less than 1 min on 1 CPU thread" in spent(0.01)
    assert "face: 2 min on 1 CPU thread" in spent(0.03)


def test_the_intervals_of_each_result_are_told_apart():
    """Of the bundled corpora one has speakers without names."""
    text = card.text(checkpoint.load(pretrained.BUNDLED))
    assert "people in `everyday` (speechocean, even prior; speechocean, everyday prior; korean, even prior; " in text
    assert (
        "of recordings in `everyday` (barista, even prior; barista, everyday prior) and of items in `ferplus`" in text
    )


def test_its_pictures_are_written_beside_it(model, tmp_path):
    written = card.write(model, tmp_path)
    pictures = {"confusion-pictures.png", "reliability-pictures.png"}
    assert {path.name for path in written} == {"README.md"} | pictures == set(names(tmp_path))
    assert (tmp_path / "README.md").read_text() == card.text(model)


def test_what_is_out_of_domain_comes_first(model, text):
    """In the tables of results and among the sections, though the configuration has it last."""
    assert list(model.evaluation) == ["pictures", "voices", "clips"]
    headings = ["## Results", "### Out of domain", "### In domain", "### Not stated", "## Each protocol"]
    places = [text.index(f"\n{heading}") for heading in headings]
    assert places == sorted(places)
    out, inside, unstated = (text[first:last] for first, last in zip(places[1:4], places[2:], strict=True))
    assert "| clips | accuracy, face |" in out and "| clips | accuracy, late |" in out
    assert "| pictures | accuracy" in inside and "| voices |" in unstated
    assert "| pictures |" not in out and "| clips |" not in inside + unstated
    assert text.index("### clips") < text.index("### pictures") < text.index("### voices")
    assert "trained on any recording or picture of the same corpus" in text[: places[1]]


def test_the_bundled_card_has_out_of_domain_first():
    text = card.text(checkpoint.load(pretrained.BUNDLED))
    assert text.index("### Out of domain") < text.index("| everyday |") < text.index("### In domain")
    assert text.index("### In domain") < text.index("| ferplus |") < text.index("### everyday")
    assert text.index("### everyday") < text.index("### web-faces") < text.index("### ferplus")
    assert "Expected calibration error out of domain, under an even prior and with every emotion weighing alike" in text
    assert "| everyday | voice, everyday prior |" in text
    assert "Numbers that name no prior hold under an even one; those over eight emotions" in text
    assert "every number above" not in text and "surely" not in text


def test_a_protocol_that_states_no_domain_is_in_one_table():
    bare = {"set": {"what": "A set", "metric": "accuracy", "items": 9, "results": {"face": 0.5}}}
    text = card.text(factories.checkpoint(evaluation=bare))
    assert "| set | accuracy, face | 50.0% | 9 |" in text and "omain" not in text and "bootstrap" not in text


def names(folder):
    return [path.name for path in folder.iterdir()]


def test_the_picture_shows_what_was_counted():
    """Two cells are dark, because all of their rows is in them."""

    def darkness(counts):
        picture = Image.open(io.BytesIO(confusion.png(["sad", "happy"], counts, "")))
        colours = np.asarray(picture.convert("RGB")).astype(int)
        return np.sum(colours[..., 2] > colours[..., 0] + 60), picture.size

    dark_cells, size = darkness([[5, 0], [0, 5]])
    none, same = darkness([[0, 0], [0, 0]])
    cell = (confusion.CELL * confusion.SCALE) ** 2
    assert size == same and none < 0.1 * cell
    assert 1.5 * cell < dark_cells <= 2 * cell


def test_a_diagram_shows_how_often_each_confidence_was_right():
    """The bars are as high as the share that is right; more heads make a larger picture."""

    def bars(*shares):
        one = [
            {"bin": bin, "items": 9, "share": 0.5, "confidence": (bin + 0.5) / reliability.BINS, "right": right}
            for bin, right in zip((7, 14), shares, strict=True)
        ]
        pictures = [Image.open(io.BytesIO(reliability.png(heads, ""))) for heads in ({"a": one}, {"a": one, "b": one})]
        colours = np.asarray(pictures[0].convert("RGB")).astype(int)
        return np.sum(colours[..., 2] > colours[..., 0] + 40), [picture.size for picture in pictures]

    full, (alone, both) = bars(1.0, 1.0)
    half, _ = bars(0.5, 0.5)
    assert both[0] > 1.8 * alone[0] and both[1] == alone[1]
    one_bar = (reliability.SIDE * reliability.SCALE) ** 2 / reliability.BINS
    assert 1.5 * one_bar < full < 2.1 * one_bar and 0.4 < half / full < 0.6
    assert reliability.BINS == calibration.BINS


def test_the_diagram_of_a_head_out_of_domain_comes_first(tmp_path, monkeypatch):
    drawn, bins = [], EVALUATION["pictures"]["reliability"]["face"]
    monkeypatch.setattr(reliability, "png", lambda heads, title: drawn.append(list(heads)) or b"")
    found = EVALUATION["clips"] | {"reliability": {"mean": bins, "late": bins, "voice": bins, "face": bins}}
    card.write(factories.checkpoint(evaluation={"clips": found}), tmp_path)
    assert drawn == [["late", "face", "mean", "voice"]]


def test_the_error_of_a_diagram_is_its_mean_gap():
    bins = EVALUATION["pictures"]["reliability"]["face"]
    assert reliability.error(bins) == pytest.approx(EVALUATION["pictures"]["calibration_error"]["after"])


def test_the_bundled_card_is_what_is_generated():
    model = checkpoint.load(pretrained.BUNDLED)
    assert (pretrained.BUNDLED / "README.md").read_text() == card.text(model)
    pictured = {card.picture_of(name) for name, found in model.evaluation.items() if "confusion" in found}
    pictured |= {card.diagram_of(name) for name, found in model.evaluation.items() if "reliability" in found}
    assert {name for name in names(pretrained.BUNDLED) if name.endswith(".png")} == pictured
