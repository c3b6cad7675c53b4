"""Fit everything on top of finished encoders: the voice's last layer, the fusion network and the calibration.

    python train/refit.py CHECKPOINT --data DATA --runs RUNS

fits them again for a checkpoint, in some minutes, without training an encoder. RUNS holds the voice networks of the
other folds (train/folds for the bundled checkpoint); their last layers are written there.

    python train/refit.py CHECKPOINT --data DATA --runs RUNS --predictions PREDICTIONS --only-face

fits only what depends on the face network and the face detector: the fusion network and the calibration. What the voice
networks say is read from PREDICTIONS.

    python train/refit.py CHECKPOINT --predictions PREDICTIONS --only-calibration

fits only the calibration, to the predictions in PREDICTIONS, in seconds and without the data.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models.networks import FaceNet, VoiceNet
from train import run_dir
from train.data import datasets
from train.evaluation import predictions, protocols, unseen
from train.recipes import bundled_provenance, fusion, voice_baseline, voice_head


def build(
    face_net: FaceNet, voice_nets: dict[int, VoiceNet], own_fold: int, setting: predictions.Setting
) -> checkpoints.Checkpoint:
    """A Checkpoint of a face network and of the voice network of the fold ``own_fold``, with everything on top.

    ``voice_nets`` are those of all folds, each trained without the fold's people; their last layers are written to
    ``setting.runs``. Raises EmorecError without that folder.
    """
    if setting.runs is None:
        raise EmorecError("Name the folder of the voice networks by --runs.")
    data, runs, relative = setting.data_folder, setting.runs, {}
    for fold, net in voice_nets.items():
        voice_head.train(net, data, runs, setting.cache, fold, setting.augmented)
        relative[fold] = voice_baseline.train(net, data, runs, setting.cache, fold)
    fused: dict[str, Any] = {}

    def cross_fit(folds: Iterable[int]) -> tuple:
        if not fused:
            nets = {fold: voice_nets[fold] for fold in folds}
            fused["nets"], *rest = fusion.cross_fit(data, face_net, nets, setting.cache)
            fused["rest"] = tuple(rest)
        return fused["rest"]

    cross_fit(unseen.audio_visual_folds())
    voice_nets = {fold: voice_baseline.place(net, relative[fold]) for fold, net in voice_nets.items()}
    unseen_people = unseen.collect(
        setting,
        face_net,
        lambda folds: {fold: voice_nets[fold] for fold in folds},
        cross_fit,
        lambda net, fold: voice_baseline.load_layer(net, runs, fold),
    )
    return checkpoints.Checkpoint(
        face=face_net,
        voice=voice_nets[own_fold],
        fusion=fused["nets"][own_fold],
        calibration=unseen.fit_calibration(unseen_people.without(fold=own_fold)),
    )


def refit(folder: Path, setting: predictions.Setting) -> checkpoints.Checkpoint:
    """Fit everything on top of the encoders of a checkpoint folder and write it there, without the old results."""
    model = checkpoints.load(folder)
    fold = model.training["held_out_fold"]
    nets = {fold: protocols.fold_voice(model, setting.runs, fold) for fold in range(datasets.FOLDS)}
    found = build(model.face, nets, fold, setting)
    found.training = model.training | bundled_provenance.metadata_of(setting.data_folder, setting.augmented)
    with run_dir.writing(folder):
        checkpoints.save(found, folder)
    return found


def refit_face(folder: Path, setting: predictions.Setting) -> checkpoints.Checkpoint:
    """Fit what depends on the faces of a checkpoint folder and write it there, without the old results.

    The voice network and its layers stay; what they say of held-out people is read from ``setting.predictions``.
    """
    model = checkpoints.load(folder)
    own_fold = model.training["held_out_fold"]
    nets = {fold: protocols.fold_voice(model, setting.runs, fold) for fold in unseen.audio_visual_folds()}
    augmented = model.training.get(voice_head.AUGMENTED_ROWS, 0)  # the voice's layers stay as they are
    fusion_nets, *clips = fusion.cross_fit(setting.data_folder, model.face, nets, setting.cache)
    unseen_people = unseen.collect(
        replace(setting, kept=("voices", "speakers")),
        model.face,
        lambda folds: nets,
        lambda folds: tuple(clips),
        protocols.relative_layer(setting),
    )
    found = replace(
        model,
        fusion=fusion_nets[own_fold],
        calibration=unseen.fit_calibration(unseen_people.without(fold=own_fold)),
        training=model.training | bundled_provenance.metadata_of(setting.data_folder, augmented),
        evaluation={},
    )
    with run_dir.writing(folder):
        checkpoints.save(found, folder)
    return found


def refit_calibration(folder: Path, setting: predictions.Setting) -> checkpoints.Checkpoint:
    """Fit the calibration of a checkpoint folder to stored predictions and write it there, without the old results."""
    model = checkpoints.load(folder)
    nothing = replace(setting, data=None)
    unseen_people = unseen.collect(nothing, model.face, lambda folds: {}, layer_of=protocols.relative_layer(nothing))
    calibration = unseen.fit_calibration(unseen_people.without(fold=model.training["held_out_fold"]))
    found = replace(model, calibration=calibration, evaluation={})
    with run_dir.writing(folder):
        checkpoints.save(found, folder)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Fit everything on top of finished encoders.")
    parser.add_argument("checkpoint", type=Path, help="folder of a checkpoint, which is written to")
    parser.add_argument("--data", type=Path, help="folder that holds FERPlus, RAVDESS, JavaneseAV, ...")
    parser.add_argument("--runs", type=Path, help="folder of the other folds' voice networks")
    parser.add_argument("--cache", type=Path, help="folder of packed data (default RUNS/cache)")
    parser.add_argument("--predictions", type=Path, help="folder for the predictions of held-out people")
    parser.add_argument(
        "--only-face", "--only_face", action="store_true", help="fit only what depends on faces; needs --predictions"
    )
    parser.add_argument(
        "--only-calibration",
        "--only_calibration",
        action="store_true",
        help="fit only the calibration, to stored predictions; needs --predictions, not --data and --runs",
    )
    parser.add_argument(
        "--augmented",
        type=int,
        default=voice_head.AUGMENTED,
        help="recordings of all corpora that the voice's last layer is fitted to once more, with another microphone, "
        f"room and noise; 0 for none (default {voice_head.AUGMENTED}; train/RECIPES.md says what they gain)",
    )
    given = parser.parse_args(arguments)
    if given.augmented < 0:
        parser.error(f"--augmented is a number of recordings, 0 or more, not {given.augmented}")
    if given.only_face and not given.predictions:
        parser.error("with --only-face, give the folder of what the voice networks say by --predictions")
    if given.only_calibration and not given.predictions:
        parser.error("with --only-calibration, give the folder of stored predictions by --predictions")
    if not given.only_calibration and not (given.data and given.runs):
        parser.error("give the folder of the data by --data and that of the other folds' voice networks by --runs")
    cache = given.cache or (given.runs or Path("runs")) / "cache"
    fit = refit_calibration if given.only_calibration else refit_face if given.only_face else refit
    setting = predictions.Setting(
        data=given.data, runs=given.runs, cache=cache, predictions=given.predictions, augmented=given.augmented
    )
    try:
        fit(given.checkpoint, setting)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    print(f"wrote {given.checkpoint}; measure it with train/evaluate.py")


if __name__ == "__main__":
    main()
