"""The options of ``python train/run.py``: each accepted with underscores and with hyphens."""

import argparse
from pathlib import Path

from train.data import datasets, layouts

DESCRIPTION = """Train the networks and put a checkpoint together.

With --dataset it learns from your own data (or one public corpus) and writes OUT/checkpoint, which
`python -m emorec analyze --model_path OUT/checkpoint` uses. Without, it runs the whole recipe of the bundled weights
over a folder that holds FERPlus, RAVDESS, nEMO, ASED, JavaneseAudio and JavaneseAV.
`torchrun --nproc_per_node N train/run.py ...` shares the work between N processes."""

TASKS = ("face", "voice", "listener", "fusion", "all")
DEVICES = ("auto", "cpu", "cuda")
FUSIONS = ("late", "intermediate")


def parser():
    """The ArgumentParser."""
    made = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = made.add_argument_group("what to train, and on what")
    _add(
        group,
        "--task",
        choices=TASKS,
        default="all",
        help=(
            "part to train (default all: face, voice, then fusion; listener, a trunk of the voice network, belongs to "
            "voice in the recipe for the public corpora)"
        ),
    )
    _add(
        group,
        "--dataset",
        choices=sorted(layouts.READERS),
        help=(
            "layout of the data: a public corpus, folder (LABEL/item or LABEL/PERSON/item) or csv (path,label,person)"
        ),
    )
    _add(group, "--train_dir", type=Path, required=True, help="folder (or CSV file) to learn from")
    _add(group, "--val_dir", type=Path, help="folder to validate on (default: a fifth of the people, kept apart)")
    _add(group, "--labels", type=Path, help='JSON file that maps your labels to ours, {"joy": "happy", "bored": null}')
    _add(
        group,
        "--folds",
        type=_folds,
        default=tuple(range(datasets.FOLDS)),
        help=("folds of people to hold out, as 0,1,2; with --dataset the first of them"),
    )

    group = made.add_argument_group("where to start from")
    _add(
        group,
        "--init",
        help=("checkpoint folder to fine-tune (default: new networks; for fusion the bundled encoders)"),
    )
    _add(
        group,
        "--face_path",
        "--efficientface_path",
        type=Path,
        help=("weights to start the face network from: safetensors, or a plain PyTorch state dict"),
    )

    group = made.add_argument_group("how to learn")
    _add(group, "--epochs", type=_whole(1), help="passes over the data")
    _add(group, "--batch_size", type=_whole(1), help="items a step, over all processes together")
    _add(group, "--lr", type=_real(0, 10), help="highest learning rate of the one-cycle schedule")
    _add(group, "--weight_decay", type=_real(0, 10))
    _add(group, "--seed", type=_whole(0), help="of every random choice (default 0)")
    _add(group, "--video_len", type=_whole(1), default=15, help="frames of a video in one training window (default 15)")
    _add(
        group,
        "--audio_win",
        type=_whole(16),
        default=192,
        help=("spectrogram bins of 16 ms in one training window, in whole steps of 16 (default 192, 3.07 s)"),
    )
    _add(
        group,
        "--fusion",
        choices=FUSIONS,
        default="intermediate",
        help=("late fits only calibration and trust; intermediate (default) trains the fusion network too"),
    )
    _add(
        group,
        "--modality_dropout",
        type=_real(0, 0.5),
        default=0.15,
        help=("share of fusion windows that lose their face, and as many their voice (default 0.15)"),
    )

    group = made.add_argument_group("running")
    _add(group, "--device", choices=DEVICES, default="auto")
    _add(group, "--threads", type=_whole(1), help="CPU threads to train with")
    _add(group, "--resume", action="store_true", help="go on with the run in OUT from its last saved epoch")

    group = made.add_argument_group("what is written")
    _add(group, "--out", type=Path, help="folder of the runs (default runs, or runs/DATASET)")
    _add(group, "--save_every", type=_whole(1), default=1, help="epochs between two saves (default 1)")
    _add(group, "--push_to_hub", metavar="REPO", help="push OUT/checkpoint to this model repo in the end")
    return made


def _add(group, name, *others, **settings):
    names = [spelt for one in (name, *others) for spelt in dict.fromkeys((one, "--" + one[2:].replace("_", "-")))]
    group.add_argument(*names, dest=name[2:], **settings)


def _whole(least):
    def number(text):
        if not text.lstrip("-").isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {least} on")
        return int(text)

    return number


def _real(low, high):
    def number(text):
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {low} to {high}")
        return value

    return number


def _folds(text):
    parts = text.split(",")
    if not all(part.isdigit() and int(part) < datasets.FOLDS for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not a list of folds from 0 to {datasets.FOLDS - 1}, as 0,1,2")
    return tuple(int(part) for part in parts)
