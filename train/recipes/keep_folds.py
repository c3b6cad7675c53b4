"""Store the voice networks of the other folds in train/folds, so that every published table can be measured again.

    python train/recipes/keep_folds.py RUNS

writes train/folds/voice-K-joined for each fold whose people the bundled weights were trained on.
`python train/evaluate.py CHECKPOINT --runs train/folds --cache runs/cache` then needs no training first.
"""

import argparse
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from emorec.errors import EmorecError
from train import run_dir
from train.data import datasets
from train.recipes import voice, voice_baseline, voice_head
from train.recipes.bundled_provenance import FOLD

FOLDER = Path(__file__).parents[1] / "folds"


def keep(runs, folder=FOLDER):
    """Copy each fold's network from ``runs`` to ``folder``: weights in half precision, and its run's config."""
    for fold in range(datasets.FOLDS):
        if fold == FOLD:
            continue  # that one is in the bundled checkpoint
        name = voice.finished_run(Path(runs), fold)
        target = Path(folder) / name
        # Numbers that count, such as a batch norm's steps, stay whole.
        halves = voice.load_trained(Path(runs), fold).half()
        staged = target.with_name(f"{name}.new")  # what is there is only replaced by what is complete
        shutil.rmtree(staged, ignore_errors=True)
        run_dir.save_run(staged, halves, run_dir.settings_of(Path(runs) / name))
        shutil.rmtree(target, ignore_errors=True)
        staged.rename(target)
        if voice_head.head_file(runs, fold).exists():
            shutil.copy(voice_head.head_file(runs, fold), voice_head.head_file(folder, fold))
        if voice_baseline.layer_file(runs, fold).exists():
            shutil.copy(voice_baseline.layer_file(runs, fold), voice_baseline.layer_file(folder, fold))
        print(f"kept {target}")


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Store the voice networks of the other folds in train/folds.")
    parser.add_argument("runs", type=Path, help="folder of the training runs")
    given = parser.parse_args(arguments)
    try:
        keep(given.runs)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
