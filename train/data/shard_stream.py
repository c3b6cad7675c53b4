"""One process's part of an epoch over shards: its own shards, read by its workers, and shuffled in a buffer."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emorec.errors import EmorecError
from train.data.shard_files import Example, read_shard
from train.data.shard_sets import Shard

# Cuts an item to what a batch needs of it, before it is kept in the buffer.
Cut = Callable[[Example, np.random.Generator], Example]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How shards are read: ``workers`` processes beside this one (0: in this one), each with a ``buffer`` (items)."""

    workers: int = 0
    buffer: int = 1000


def shards_of_process(shards: Iterable[Shard], part: int, parts: int, seed: tuple[int, ...]) -> list[Shard]:
    """The shards of one of ``parts`` processes in an epoch.

    All processes give the same seed, so each shard belongs to one of them, in another order in every epoch.
    """
    ordered = list(shards)
    order = np.random.default_rng(seed).permutation(len(ordered))
    return [ordered[row] for row in order][part::parts]


def examples(shards: list[Shard], task: str, cut: Cut, seed: tuple[int, ...], reading: Reading) -> Iterator[Example]:
    """Every item of the shards once, cut, in random order. Raises EmorecError if a shard cannot be read."""
    from torch.utils.data import DataLoader
    from webdataset.filters import shuffle
    from webdataset.pipeline import DataPipeline
    from webdataset.shardlists import split_by_worker

    number = int(np.random.default_rng(seed).integers(2**31))
    stages: list[Any] = [_Source(tuple(shards)), split_by_worker, _Read(task, cut, seed)]
    if reading.buffer > 1:
        mixer = random.Random(number)
        stages.append(shuffle(reading.buffer, initial=reading.buffer, rng=mixer))
    pipeline: Any = DataPipeline(*stages, _pass_errors)
    workers = min(reading.workers, len(shards))
    # Workers are spawned, not forked: a fork would share the locks of this process and its connections to the store.
    how: dict[str, Any] = {"multiprocessing_context": "spawn"} if workers else {}
    loader = DataLoader(pipeline, batch_size=None, num_workers=workers, collate_fn=_unchanged, **how)
    for example in loader:
        if isinstance(example, EmorecError):
            raise example
        yield example


@dataclass(frozen=True)
class _Source:
    """The first stage of the pipeline: shards."""

    shards: tuple[Shard, ...]

    def __call__(self) -> Iterator[Shard]:
        return iter(self.shards)


@dataclass(frozen=True)
class _Read:
    """A stage: shards -> their items, cut."""

    task: str
    cut: Cut
    seed: tuple[int, ...]

    def __call__(self, shards: Iterable[Shard]) -> Iterator[Example]:
        for shard in shards:
            generator = np.random.default_rng([*self.seed, *shard.url.encode()])
            for example in read_shard(shard, self.task):
                yield self.cut(example, generator)


def _pass_errors(data: Iterable[Example]) -> Iterator[Example | EmorecError]:
    """The last stage: pass an EmorecError on as an item; if a worker raised it, its text would get a traceback."""
    try:
        yield from data
    except EmorecError as error:
        yield error


def _unchanged(example: Any) -> Any:
    return example
