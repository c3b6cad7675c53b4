"""A finished checkpoint with other faces: what depends on them is fitted, the voice stays as it is."""

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from emorec.models import checkpoint, pretrained
from emorec.models.calibration import HeadCalibration
from support.paths import ROOT
from train import refit
from train.evaluation import predictions, unseen
from train.recipes import bundled_provenance, fusion

PREDICTIONS = ROOT / "train" / "folds" / "predictions"


def test_only_what_depends_on_the_face_changes(tmp_path, monkeypatch):
    """Clips whose faces say nothing change the calibration of faces; nothing of the voice is touched."""
    folder, stored = tmp_path / "model", tmp_path / "predictions"
    shutil.copytree(pretrained.BUNDLED, folder)
    shutil.copytree(PREDICTIONS, stored)
    before = checkpoint.load(folder)
    setting = predictions.Setting(data=None, runs=ROOT / "train" / "folds", cache=tmp_path, predictions=stored)
    clips = predictions.clips(setting, None)
    real = predictions.as_samples(clips | {"face": np.full_like(clips["face"], 1 / 7)})
    nets = dict.fromkeys(unseen.audio_visual_folds(), before.fusion)
    monkeypatch.setattr(fusion, "cross_fit", lambda *given: (nets, real, clips["fused"]))
    monkeypatch.setattr(refit.protocols, "fold_voice", lambda model, runs, fold: before.voice)
    monkeypatch.setattr(bundled_provenance, "metadata_of", lambda data, augmented: {"limits": ["new"]})
    faces = SimpleNamespace(
        **{name: predictions.load_or_collect(name, setting, None) for name in ("ferplus-valid", "webfaces-train")}
    )
    monkeypatch.setattr(predictions, "ferplus", lambda *given: vars(faces)["ferplus-valid"])
    monkeypatch.setattr(predictions, "webfaces", lambda *given: vars(faces)["webfaces-train"])
    # With data, clips are collected again, and what the voices say is read from the folder.
    setting = predictions.Setting(data=tmp_path, runs=ROOT / "train" / "folds", cache=tmp_path, predictions=stored)
    monkeypatch.setattr(predictions, "clip_people", lambda items, folds: clips["person"])
    monkeypatch.setattr(predictions.datasets, "javanese", lambda folder: [])

    refit.refit_face(folder, setting)
    after = checkpoint.load(folder)
    assert after.calibration.face != before.calibration.face
    assert after.calibration.voice.scale == pytest.approx(before.calibration.voice.scale, abs=2e-3)
    assert after.fingerprint == before.fingerprint
    assert after.training["limits"] == ["new"] and after.evaluation == {}


def test_without_the_voices_predictions_it_says_so(tmp_path, capsys):
    given = [str(tmp_path), "--data", str(tmp_path), "--runs", str(tmp_path), "--only-face"]
    with pytest.raises(SystemExit) as stopped:
        refit.main(given)
    assert stopped.value.code == 2 and "--predictions" in capsys.readouterr().err


def test_the_calibration_alone_is_fitted_without_the_data(tmp_path, capsys):
    folder = tmp_path / "model"
    shutil.copytree(pretrained.BUNDLED, folder)
    before = checkpoint.load(folder)
    wanted = before.calibration.still
    checkpoint.save(replace(before, calibration=replace(before.calibration, still=HeadCalibration())), folder)
    refit.main([str(folder), "--predictions", str(PREDICTIONS), "--only-calibration"])
    after = checkpoint.load(folder)
    assert after.calibration.still.scale == pytest.approx(wanted.scale, abs=2e-3)
    assert after.fingerprint == before.fingerprint and after.evaluation == {}
    with pytest.raises(SystemExit):
        refit.main([str(folder), "--only-calibration"])
    assert "--predictions" in capsys.readouterr().err
