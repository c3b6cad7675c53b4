"""Test pictures of FER+ that are also among its training pictures: found by their pixels, and measured apart."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.numpy

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train import metrics
from train.data import datasets, duplicates
from train.data.datasets import Item
from train.evaluation import predictions, protocols

LABELS = len(datasets.FERPLUS_LABELS)


def picture(file: Path, pixels: np.ndarray) -> Item:
    cv2.imwrite(str(file), pixels)
    return Item(file, "ferplus", "neutral", "ferplus-test")


def test_pictures_with_the_same_pixels_are_found_in_other_files(tmp_path):
    shown, other = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    items = [
        picture(tmp_path / "copy.bmp", shown),
        picture(tmp_path / "other.png", other),
        picture(tmp_path / "reshaped.png", shown.reshape(24, 96)),
    ]
    training = [picture(tmp_path / "training.png", shown)]
    assert duplicates.have_same_pixels(items, training).tolist() == [True, False, False]
    with pytest.raises(EmorecError, match="training.jpg cannot be read"):
        duplicates.have_same_pixels(items, [Item(tmp_path / "training.jpg", "ferplus", "", "")])


def measure(folder: Path, copy: np.ndarray) -> dict:
    """The protocol for 70 pictures, of which the network reads the first 35 right."""
    truth = np.tile(np.arange(7), 10)
    said = np.where(np.arange(70) < 35, truth, (truth + 1) % 7)
    eight = np.where(np.arange(LABELS) == said[:, None], 0.93, 0.01).astype(np.float16)
    arrays = {"eight": eight, "label": truth, "agree": np.ones(70, np.int16), "copy": copy.astype(np.int16)}
    safetensors.numpy.save_file(arrays, folder / "ferplus-test.safetensors")
    setting = predictions.Setting(data=None, runs=None, cache=folder, predictions=folder)
    return protocols.ferplus(checkpoints.load(pretrained.BUNDLED), setting)


def test_results_without_copies_of_training_pictures_stand_beside_the_others(tmp_path):
    found = measure(tmp_path, np.arange(70) < 28)
    without = protocols.WITHOUT_COPIES
    assert found["results"] == {"face": 0.5, without: pytest.approx(7 / 42)} and found["items"] == 70
    assert found["spread"][without] == pytest.approx(metrics.standard_error(7 / 42, 42))
    low, high = found["intervals"][without]
    assert low < 7 / 42 < high < 0.5 and "28 of these have the pixels of a training picture" in found["domain"]
    errors = found["calibration_errors"]
    assert errors[without]["after"] > errors["face"]["after"] == found["calibration_error"]["after"]
    assert sum(one["items"] for one in found["reliability"][without]) == 42
    assert found["recall"].keys() == set(datasets.FERPLUS_LABELS[: len(EMOTIONS)])


def test_without_copies_there_is_one_result(tmp_path):
    found = measure(tmp_path, np.zeros(70))
    assert found["results"] == {"face": 0.5} and "copies" not in str(found) and "pixels" not in found["domain"]


def test_the_published_result_without_copies_is_of_the_pictures_that_training_never_had():
    found = checkpoints.load(pretrained.BUNDLED).evaluation["ferplus"]
    assert found["results"][protocols.WITHOUT_COPIES] == pytest.approx(0.8562, abs=1e-4)
    assert found["results"]["face"] == pytest.approx(0.8578, abs=1e-4) and "244 of these" in found["domain"]
