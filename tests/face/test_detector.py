"""The bundled face detector: its two descriptions agree, its boxes are decoded as they were trained."""

import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from emorec.face import detector
from emorec.face.detector_net import CHANNELS, STRIDES, DetectorNet, decode
from support.paths import ROOT

OVERLAP = 0.3


@pytest.fixture(scope="module")
def net():
    """An untrained network whose batch norms have statistics of their own, and whose cells differ in their scores."""
    torch.manual_seed(3)
    net = DetectorNet().train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.rand(2, 3, 64, 96) * 255)
        for stride in STRIDES:
            net.convolutions[f"read_{stride}"][0].bias[0] = 0.0
    return net.eval()


@pytest.fixture(scope="module")
def file(net, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "face_detector.safetensors"
    safetensors.torch.save_file(net.folded(), file)
    return file


@pytest.mark.parametrize("size", [(64, 96), (192, 320), (32, 32)])
def test_onnxruntime_computes_what_was_trained(net, file, size):
    planes = np.random.default_rng(0).uniform(0, 255, (1, 3, *size)).astype(np.float32)
    with torch.inference_mode():
        expected = net(torch.from_numpy(planes))
    for stride, own, wanted in zip(STRIDES, detector.load(file).run(None, {"picture": planes}), expected, strict=True):
        assert own.shape == (1, CHANNELS, size[0] // stride, size[1] // stride)
        np.testing.assert_allclose(own, wanted.numpy(), rtol=1e-3, atol=1e-4)


def test_rows_are_the_boxes_and_landmarks_that_training_decodes(net, file):
    planes = np.random.default_rng(1).uniform(0, 255, (1, 3, 64, 96)).astype(np.float32)
    rows = detector.detect(detector.load(file), planes, min_score=0.001, max_overlap=1.0)
    with torch.inference_mode():
        logits, boxes, points, places = decode(net(torch.from_numpy(planes)))
    order = torch.argsort(-logits[0], stable=True)
    assert len(rows) == len(places) == (64 * 96) * (1 / 64 + 1 / 256 + 1 / 1024)
    boxes, points = boxes[0][order].numpy(), points[0][order].numpy()
    np.testing.assert_allclose(rows[:, 14], torch.sigmoid(logits[0][order]).numpy(), rtol=1e-3)
    np.testing.assert_allclose(rows[:, :2], boxes[:, :2], rtol=1e-2, atol=0.05)
    np.testing.assert_allclose(rows[:, :2] + rows[:, 2:4], boxes[:, 2:], rtol=1e-2, atol=0.05)
    np.testing.assert_allclose(rows[:, 4:14], points.reshape(-1, 10), rtol=1e-2, atol=0.05)


def test_a_higher_least_score_only_leaves_rows_out(file):
    planes = np.random.default_rng(2).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    session = detector.load(file)
    every = detector.detect(session, planes, 0.001, 1.0)
    middle = float(np.median(every[:, 14]))
    some = detector.detect(session, planes, middle, 1.0)
    assert 0 < len(some) < len(every) and (some[:, 14] >= middle - 1e-6).all()
    np.testing.assert_allclose(some, every[: len(some)], rtol=1e-5)


def row(left, top, side, score):
    return [left, top, side, side, *[0] * 10, score]


def test_of_faces_that_overlap_only_the_best_is_kept():
    rows = np.array([row(10, 10, 20, 0.9), row(12, 10, 20, 0.8), row(60, 10, 20, 0.7), row(10, 22, 20, 0.65)])
    # The last box shares 160 of 640 pixels with the first: a quarter, which is not too much.
    assert rows[detector.suppress_overlaps(rows[:, :4], OVERLAP), 14].tolist() == [0.9, 0.7, 0.65]
    assert rows[detector.suppress_overlaps(rows[:, :4], 0.2), 14].tolist() == [0.9, 0.7]
    assert len(detector.suppress_overlaps(np.zeros((0, 4), np.float32), OVERLAP)) == 0


def test_other_files_are_refused(net, tmp_path):
    text = tmp_path / "text.safetensors"
    text.write_bytes(b"no weights")
    with pytest.raises(ValueError, match="safetensors"):
        detector.load(text)
    other = tmp_path / "other.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, other)
    with pytest.raises(ValueError, match="face detector"):
        detector.load(other)
    wrong = tmp_path / "wrong.safetensors"
    weights = net.folded()
    weights["stem.weight"] = weights["stem.weight"][:, :1].contiguous()
    safetensors.torch.save_file(weights, wrong)
    with pytest.raises(ValueError, match="face detector"):
        detector.load(wrong)
    with pytest.raises(OSError):
        detector.load(tmp_path / "missing.safetensors")


def test_the_network_is_small(net):
    assert sum(value.numel() for value in net.folded().values()) <= 150_000


# Imports each in a copy of this process, so that torch is loaded once for all of them.
IMPORTS = """
import os, sys
import torch
for modules in sys.argv[1:]:
    folder = os.path.abspath(modules)
    os.mkdir(folder)
    if not (copy := os.fork()):
        for name in ("HOME", "TMPDIR", "TEMP", "TMP", "LOCALAPPDATA"):
            os.environ[name] = folder
        assert "onnxruntime" not in sys.modules
        for module in modules.split(", "):
            __import__(module)
        os._exit(0)
    if os.waitpid(copy, 0)[1]:
        sys.exit(f"{modules} cannot be imported")
"""


def test_onnxruntime_keeps_no_reports_about_its_use(tmp_path):
    # It collects what it sends in a data base in the cache folder, and makes that when it is imported.
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment.pop("XDG_CACHE_HOME", None)
    environment["PYTHONPATH"] = str(ROOT)
    modules = ["emorec.face.yunet", "emorec.face.detector", "train, onnxruntime"]
    subprocess.run([sys.executable, "-c", IMPORTS, *modules], cwd=tmp_path, env=environment, check=True)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == sorted(modules)
    assert not list(tmp_path.glob("*/*"))
