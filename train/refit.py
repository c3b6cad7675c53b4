"""What lies on top of finished encoders: the voice's last layer, the fusion network and the calibration.

    python train/refit.py CHECKPOINT --data DATA --runs RUNS

fits them again for a checkpoint, in some minutes, without training an encoder. RUNS holds the voice networks of the
folds whose people the checkpoint met (train/folds for the bundled one) and gets their last layers.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from train import run_dir
from train.data import datasets
from train.evaluation import predictions, protocols, unseen
from train.recipes import bundled_provenance, fusion, voice_head


def build(face_net, voice_nets, own_fold, setting):
    """A Checkpoint of a face network and of the voice network of the fold ``own_fold``, with everything on top.

    ``voice_nets`` are those of all folds, each of which never heard the fold's people; their last layers are kept in
    ``setting.runs``.
    """
    for fold, net in voice_nets.items():
        voice_head.train(net, setting.data, setting.runs, setting.cache, fold)
    fused = {}

    def cross_fit(folds):
        if not fused:
            nets = {fold: voice_nets[fold] for fold in folds}
            fused["nets"], *fused["rest"] = fusion.cross_fit(setting.data, face_net, nets, setting.cache)
        return fused["rest"]

    cross_fit(unseen.audio_visual_folds())
    everybody = unseen.collected(setting, face_net, lambda folds: {fold: voice_nets[fold] for fold in folds}, cross_fit)
    return checkpoints.Checkpoint(
        face=face_net,
        voice=voice_nets[own_fold],
        fusion=fused["nets"][own_fold],
        calibration=unseen.fit_calibration(everybody.without(fold=own_fold)),
    )


def refit(folder, setting):
    """Fit again what lies on top of the encoders of a checkpoint folder, and write it there; its old results go."""
    model = checkpoints.load(folder)
    fold = model.training["held_out_fold"]
    nets = {fold: protocols.fold_voice(model, setting.runs, fold) for fold in range(datasets.FOLDS)}
    found = build(model.face, nets, fold, setting)
    found.training = model.training | bundled_provenance.metadata_of(setting.data)
    with run_dir.writing(folder):
        checkpoints.save(found, folder)
    return found


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path, help="folder of a checkpoint, which is written to")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds FERPlus, RAVDESS, JavaneseAV, ...")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the other folds' voice networks")
    parser.add_argument("--cache", type=Path, help="folder of packed data (default RUNS/cache)")
    parser.add_argument("--predictions", type=Path, help="folder that gets what was said of people never met")
    given = parser.parse_args(arguments)
    cache = given.cache or given.runs / "cache"
    setting = predictions.Setting(given.data, given.runs, cache, predictions=given.predictions)
    try:
        refit(given.checkpoint, setting)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    print(f"wrote {given.checkpoint}; measure it with train/evaluate.py")


if __name__ == "__main__":
    main()
