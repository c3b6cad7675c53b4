"""``python -m train.shards DATA DEST``: write training data as shards, for trainings that stream them from a bucket."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emorec.batch import storage
from emorec.errors import EmorecError, require
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train.data import corpora, ingest, layouts, shard_files, shard_sets
from train.data.corpora import Corpus
from train.data.datasets import Item
from train.data.shard_files import Example
from train.finetune import face

DESCRIPTION = "Write training data as shards, which train/run.py streams from a folder or a bucket."
TASKS = ("face", "voice")
PARTS = ("train", "valid")
WROTE = "wrote {items} items in {shards} shards: {pattern}"
LEFT_OUT = "{count} items cannot be used and are left out; the first: {reason}"
NO_PLACE = "Shards cannot be written to {dest}; give a folder, or a URL that begins with s3://, gs:// or hf://."
TOO_FEW = "{shards} shards of {part} need as many items with a label, and there are {count}; give more data."
NONE = "None of the {count} items of {part} can be used; the first: {reason}"


def parser() -> argparse.ArgumentParser:
    """The ArgumentParser."""
    made = argparse.ArgumentParser(prog="python -m train.shards", description=DESCRIPTION)
    made.add_argument("data", type=Path, metavar="DATA", help="folder (or CSV file) of the data")
    made.add_argument("dest", metavar="DEST", help="folder of the shards: a path, or a URL such as s3://bucket/folder")
    made.add_argument("--task", choices=TASKS, required=True, help="what to learn from the data")
    made.add_argument("--dataset", choices=sorted(layouts.READERS), default="folder", help="layout (default folder)")
    made.add_argument("--val_dir", "--val-dir", type=Path, help="validation data (default: a fifth of the people)")
    made.add_argument("--labels", type=Path, help="JSON file that maps labels to emotions")
    made.add_argument("--items", type=int, default=1000, help="items of a shard at most (default 1000)")
    made.add_argument("--shards", type=int, default=1, metavar="N", help="write a multiple of N shards (default 1)")
    made.add_argument("--seed", type=int, default=0, help="seed of the order and of the held-out people (default 0)")
    made.add_argument("--cache", type=Path, help="folder to keep what is extracted, for a later try")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the shards of training and of validation, and say with which patterns to train on them."""
    parsing = parser()
    options = parsing.parse_args(arguments)
    if options.items < 1 or options.shards < 1 or options.seed < 0:
        parsing.error("--items and --shards are 1 or more, and --seed is 0 or more")
    try:
        require(shard_sets.EXTRA, "webdataset", "fsspec")
        dest = shard_sets.as_url(options.dest.rstrip("/"))
        if not storage.is_object(dest):
            raise EmorecError(NO_PLACE.format(dest=storage.without_user(dest)))
        corpus = corpora.load(
            options.dataset, options.task, options.data, options.val_dir, options.labels, seed=options.seed
        )
        for part in PARTS:
            shard_files.check_absent(f"{dest}/{options.task}-{part}.json")
        written = {part: write(corpus, part, dest, options) for part in PARTS}
        # Only now, because without the index of either part nothing can be trained, and a new try needs their place.
        for part, found in written.items():
            shard_files.write_index(f"{dest}/{options.task}-{part}.json", found)
            pattern = f"{dest}/{options.task}-{part}-*.tar"
            print(WROTE.format(items=found.items, shards=len(found.shards), pattern=pattern), flush=True)
    except EmorecError as error:
        parsing.exit(2, f"{error}\n")


def write(corpus: Corpus, part: str, dest: str, options: argparse.Namespace) -> shard_sets.ShardSet:
    """Write the shards of one part of PARTS, without their index. Raises EmorecError.

    Items are put into shards at random, so that each shard is a fair sample. Only one shard's items are in memory.
    """
    items = corpus.train if part == "train" else [item for item in corpus.valid if item.label]
    items = [items[row] for row in np.random.default_rng(options.seed).permutation(len(items))]
    targets, labelled = face.targets_of(items, corpus.labels)
    base = checkpoints.load(pretrained.resolve(pretrained.BUNDLED).folder)
    rows = [int(row) for row in np.flatnonzero(labelled)]
    multiple = options.shards if part == "train" else 1
    if len(rows) < multiple:
        raise EmorecError(TOO_FEW.format(count=len(rows), shards=multiple, part=part))
    sizes = shard_files.shard_sizes(len(rows), options.items, multiple)
    name = f"{options.task}-{part}"
    shards, reasons = [], []
    for number, size in enumerate(sizes):
        mine, rows = rows[:size], rows[size:]
        found = _extract([items[row] for row in mine], targets[mine], base, options, reasons)
        shards.append(shard_files.write_shard(f"{dest}/{name}-{number:04}.tar", options.task, found))
    shards = [shard for shard in shards if shard.items]
    if not shards:
        raise EmorecError(NONE.format(count=len(items), part=part, reason=reasons[0]))
    if reasons:
        print(LEFT_OUT.format(count=len(reasons), reason=reasons[0]), flush=True)
    return shard_sets.ShardSet(
        task=options.task,
        settings={"size": base.face.config.size} if options.task == "face" else asdict(base.front_end),
        labels=corpus.labels,
        known_people=corpus.known_people,
        persons=tuple(corpus.people if part == "train" else corpus.held_out),
        shards=tuple(shards),
    )


def _extract(
    items: list[Item], targets: np.ndarray, base: checkpoints.Checkpoint, options: Any, reasons: list[str]
) -> Iterator[Example]:
    """The examples of the items that can be used; why the others cannot is added to ``reasons``."""
    with tempfile.TemporaryDirectory(prefix="emorec-shards-") as folder:
        cache = options.cache or Path(folder)
        if options.task == "face":
            read, wrong = ingest.extract_faces(items, base.face.config.size, cache)
        else:
            read, wrong = ingest.extract_log_mels(items, base.front_end, cache)
        reasons.extend(reason for _, reason in wrong)
        for example, target in zip(read, targets, strict=True):
            if example is not None:
                yield *example, target


if __name__ == "__main__":
    main()
