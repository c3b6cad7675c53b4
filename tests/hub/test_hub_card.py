"""hub/card.py: everything in a checkpoint's configuration is where people and the Hub look for it."""

import io

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from emorec.models import checkpoint, pretrained
from hub import card, confusion
from support import factories
from support.card_facts import EVALUATION, TRAINING


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
        "| pictures | accuracy, face | 85.2% ± 0.6% | 1,234 |",
        "| clips | accuracy, late | 75.0% | 10 |",
        "Recall by label: sad 75%, happy 50%.",
        "![Confusion matrix of pictures](confusion-pictures.png)",
        "| sad | 3 | 1 |",
        "| pictures | 12.0% | 7.0% |",
        "| clips, late |  | 11.0% |",
        "| face | 1,234 | 5.6 M | 0.25 |",
        "happiness → happy",
        "contempt → left out",
        "calm → neutral",
        "grey crops of 16 by 16 pixels",
        "mono sound at 16 kHz, a vector every 0.256 s",
        "| Faces | face | 7 pictures | MIT |",
        "never met faces-01",
        "face: 1.2 h on two cores; voice: not recorded; fusion: 3 min on two cores, about 0.1 kWh.",
        "Finished on 2026-01-02.",
        "- It names expressions.",
        "must not decide, or help to decide, about a person",
        "Licence of these weights: CC BY-NC-SA 4.0",
    ],
)
def test_it_tells(text, expected):
    assert expected in text


def test_a_checkpoint_that_tells_little_has_a_card_too():
    text = card.text(factories.checkpoint())
    assert "Not measured yet." in text and "was not recorded" in text
    assert ModelCard(text).data.license == "other"


def test_its_pictures_are_written_beside_it(model, tmp_path):
    written = card.write(model, tmp_path)
    assert {path.name for path in written} == {"README.md", "confusion-pictures.png"} == set(names(tmp_path))
    assert (tmp_path / "README.md").read_text() == card.text(model)


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


def test_the_bundled_card_is_what_is_generated():
    model = checkpoint.load(pretrained.BUNDLED)
    assert (pretrained.BUNDLED / "README.md").read_text() == card.text(model)
    pictured = {card.picture_of(name) for name, found in model.evaluation.items() if "confusion" in found}
    assert {name for name in names(pretrained.BUNDLED) if name.endswith(".png")} == pictured
