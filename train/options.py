"""The options of ``python train/run.py``: each accepted with underscores and with hyphens."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from train.data import datasets, layouts, shard_sets

DESCRIPTION = """Train the networks and write a checkpoint.

With --dataset the bundled networks are fine-tuned on your own data (or one public corpus), and OUT/checkpoint is
written, which `python -m emorec analyze FILE --model_path OUT/checkpoint` uses. Without --dataset the whole recipe of
the bundled weights runs on a folder that holds FERPlus, RAVDESS, nEMO, ASED, JavaneseAudio and JavaneseAV.
`torchrun --nproc_per_node N train/run.py ...` divides the work between N processes;
docs/SCALE.md has the command for several machines."""

TASKS = ("face", "voice", "distill", "fusion", "all")
TASK_ALIASES = {"listener": "distill"}  # names of earlier versions
DEVICES = ("auto", "cpu", "cuda")
FUSIONS = ("late", "intermediate")
SHARDS = "shards"


def parser() -> argparse.ArgumentParser:
    """The ArgumentParser."""
    made = argparse.ArgumentParser(description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    group = made.add_argument_group("what to train, and on what")
    _add(
        group,
        "--task",
        type=lambda name: TASK_ALIASES.get(name, name),
        choices=TASKS,
        default="all",
        help=(
            "part to train (default all: face, voice, then fusion; distill, the distilled trunk of the voice network, "
            "is a step of voice in the recipe for the public corpora)"
        ),
    )
    _add(
        group,
        "--dataset",
        choices=[*sorted(layouts.READERS), SHARDS],
        help=(
            "layout of the data: a public corpus, folder (LABEL/item or LABEL/PERSON/item), csv (path,label,person), "
            "or shards, which python -m train.shards writes"
        ),
    )
    _add(
        group,
        "--train_dir",
        type=place,
        required=True,
        help="folder (or CSV file) of the training data, or a pattern of shards: s3://bucket/face-train-{0000..0009}.tar",
    )
    _add(group, "--val_dir", type=place, help="the same for the validation data (default: a fifth of the people)")
    _add(
        group,
        "--labels",
        type=Path,
        help='JSON file that maps labels to emotions, {"joy": "happy", "bored": null}',
    )
    _add(
        group,
        "--folds",
        type=_folds,
        default=tuple(range(datasets.FOLDS)),
        help="folds of people to hold out, such as 0,1,2; with --dataset only the first one",
    )

    group = made.add_argument_group("initial weights (with --dataset)")
    _add(
        group,
        "--init",
        help="checkpoint to fine-tune: a folder, or org/name on the Hub (default: the bundled weights)",
    )
    _add(
        group,
        "--from_scratch",
        action="store_true",
        help="train new networks; only the parts that are not trained come from --init or the bundled weights",
    )
    _add(
        group,
        "--face_path",
        "--efficientface_path",
        type=Path,
        help="initial weights of a new face network: safetensors, or a plain PyTorch state dict",
    )

    group = made.add_argument_group("how to train")
    _add(group, "--epochs", type=_whole(1), help="passes over the data")
    _add(group, "--batch_size", type=_whole(1), help="items per step, over all processes together")
    _add(
        group,
        "--lr",
        type=_real(0, 10),
        help="highest learning rate of the one-cycle schedule",
    )
    _add(group, "--weight_decay", type=_real(0, 10))
    _add(group, "--seed", type=_whole(0), help="seed of all random choices (default 0)")
    _add(group, "--video_len", type=_whole(1), default=15, help="frames of a video in one training window (default 15)")
    _add(
        group,
        "--audio_win",
        type=_whole(16),
        default=192,
        help="spectrogram frames of 16 ms in one training window, rounded up to a multiple of 16 (default 192, 3.07 s)",
    )
    _add(
        group,
        "--fusion",
        choices=FUSIONS,
        default="intermediate",
        help="late: only fit calibration and the weights of face and voice; intermediate (default): train a network",
    )
    _add(
        group,
        "--modality_dropout",
        type=_real(0, 0.5),
        default=0.15,
        help="share of fusion windows without their face, and as many without their voice (default 0.15)",
    )

    group = made.add_argument_group("running")
    _add(group, "--device", choices=DEVICES, default="auto")
    _add(
        group,
        "--read_workers",
        type=_whole(0),
        default=0,
        help="processes that read shards, for each process that trains (default 0: it reads them itself)",
    )
    _add(
        group,
        "--shuffle",
        type=_whole(1),
        default=1000,
        help="items of shards that are mixed in memory, in every process that reads (default 1000)",
    )
    _add(group, "--threads", type=_whole(1), help="CPU threads to train with")
    _add(group, "--resume", action="store_true", help="continue the run in OUT from its last saved epoch")

    group = made.add_argument_group("what is written")
    _add(group, "--out", type=Path, help="folder of the runs (default runs, or runs/DATASET)")
    _add(group, "--save_every", type=_whole(1), default=1, help="epochs between two saves (default 1)")
    _add(group, "--push_to_hub", metavar="REPO", help="push OUT/checkpoint to this model repository at the end")
    _add(group, "--private", action="store_true", help="with --push_to_hub: make the repository private, if it is new")
    return made


def place(text: str) -> Path | str:
    """A folder or a file as a Path, a pattern of shards as it is."""
    return text if shard_sets.is_pattern(text) else Path(text)


def _add(group: Any, name: str, *others: str, **settings: Any) -> None:
    names = [form for one in (name, *others) for form in dict.fromkeys((one, "--" + one[2:].replace("_", "-")))]
    group.add_argument(*names, dest=name[2:], **settings)


def _whole(low: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.lstrip("-").isdigit() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number of at least {low}")
        return int(text)

    return number


def _real(low: float, high: float) -> Callable[[str], float]:
    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a number from {low} to {high}")
        return value

    return number


def _folds(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdigit() and int(part) < datasets.FOLDS for part in parts):
        raise argparse.ArgumentTypeError(f"{text} is not a list of folds from 0 to {datasets.FOLDS - 1}, such as 0,1,2")
    return tuple(int(part) for part in parts)
