"""Fine-tune the face or the voice network on shards, which are streamed from a folder or a bucket in every epoch.

Only the items of validation, and a buffer of those of training, are in memory. Each of several processes reads its own
shards. Voices are not sampled by the frequency of their label, as when all items are in memory; the loss compensates.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emorec.errors import EmorecError
from train import distributed, loop, run_dir
from train.data import shard_sets
from train.data.corpora import Corpus, digest_of
from train.data.datasets import PARTS
from train.data.shard_files import Example, read_shard
from train.data.shard_sets import ShardSet
from train.data.shard_stream import Cut, Reading, examples, shards_of_process
from train.finetune import balance, common, face, stills, usable, voice
from train.recipes import voice_batches

NO_VALIDATION = "Shards are not divided by person here; give those of validation by --val_dir."
NO_LABELS = "Labels are mapped when shards are written; leave --labels out."
WRONG_TASK = "Shards hold faces or voices; choose --task face or --task voice."
OTHER_TASK = "The shards {pattern} are for the task {found}, not for {task}."
OTHER_LABELS = "The shards of training and of validation have different labels; write both from the same data."
OTHER_SETTINGS = "The shards {what} were made for a network with other settings than this one; write them again."
BOTH = "The person {person!r} is both in the training and in the validation data; keep people apart."
TOO_FEW = "{shards} shards cannot be divided between {count} processes; write at least {count}."
UNEVEN = (
    "{shards} shards are not divided evenly between {count} processes, so some items are read twice an epoch; "
    "a multiple of {count} avoids that"
)
NO_ITEMS = "None of the training items in these shards has the label {label!r}; give more of the shards."


@dataclass(frozen=True, kw_only=True)
class StreamedCorpus(Corpus):
    """A corpus in shards; its lists of items are empty."""

    training: ShardSet
    validation: ShardSet

    @property
    def people(self) -> list[str]:
        return sorted(self.training.persons)

    @property
    def held_out(self) -> list[str]:
        return sorted(self.validation.persons)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.training.items, self.validation.items

    @property
    def counts(self) -> dict[str, int]:
        return {label: round(total) for label, total in zip(self.labels, self.training.totals, strict=True)}

    @property
    def digest(self) -> str:
        return digest_of([[shard.sha256 for shard in found.shards] for found in (self.training, self.validation)])


def load(task: str, train_dir: Any, val_dir: Any, labels: Any = None) -> StreamedCorpus:
    """The corpus of the shards that two patterns name. Raises EmorecError."""
    if task not in ("face", "voice"):
        raise EmorecError(WRONG_TASK)
    if labels:
        raise EmorecError(NO_LABELS)
    if not val_dir:
        raise EmorecError(NO_VALIDATION)
    training, validation = shard_sets.read(str(train_dir)), shard_sets.read(str(val_dir))
    for pattern, found in ((train_dir, training), (val_dir, validation)):
        if found.task != task:
            raise EmorecError(OTHER_TASK.format(pattern=pattern, found=found.task, task=task))
    if training.labels != validation.labels:
        raise EmorecError(OTHER_LABELS)
    if both := sorted({*training.persons} & {*validation.persons}):
        raise EmorecError(BOTH.format(person=both[0]))
    for label, total in zip(training.labels, training.totals, strict=True):
        if not total:
            raise EmorecError(NO_ITEMS.format(label=label))
    known = training.known_people and validation.known_people
    known = known and PARTS.isdisjoint((*training.persons, *validation.persons))  # shards of earlier versions say so
    return StreamedCorpus(
        train=[], valid=[], labels=training.labels, known_people=known, training=training, validation=validation
    )


class Batches:
    """Every item of the shards in each epoch, in full batches, of which each process yields its own part.

    A process that has fewer items than another one, and the last batch, get some of them again.
    """

    divided = True  # see loop.Batches

    def __init__(self, shards: ShardSet, size: int, cut: Cut, together: Any, seed: int, reading: Reading):
        self.shards, self.cut, self.together, self.seed, self.reading = shards, cut, together, seed, reading
        self.rows = size // distributed.count()
        per_process = -(-len(shards.shards) // distributed.count())
        largest = sorted((shard.items for shard in shards.shards), reverse=True)[:per_process]
        self._steps = -(-sum(largest) // self.rows)

    def __len__(self) -> int:
        return self._steps

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        stream = self._endless(epoch)
        for step in range(len(self)):
            chosen = [next(stream) for _ in range(self.rows)]
            with distributed.own_randomness(self.seed, epoch, step):
                features = self.together([example[:-1] for example in chosen])
            yield *features, torch.from_numpy(np.stack([example[-1] for example in chosen]))
        next(stream)  # reads the last shard to its end, which may turn out to be damaged

    def _endless(self, epoch: int) -> Iterator[Example]:
        """The items of this process in one epoch, then as many of them again as full batches need."""
        mine = shards_of_process(self.shards.shards, distributed.rank(), distributed.count(), (self.seed, epoch))
        last: deque[Example] = deque(maxlen=self.rows)
        count = 0
        for example in self._read(mine, epoch, 0):
            count += 1
            last.append(example)
            yield example
        missing = len(self) * self.rows - count
        again = 0
        while missing > len(last):  # another process has a shard more
            again += 1
            for example in self._read(mine, epoch, again):
                missing -= 1
                yield example
        while True:
            yield from last

    def _read(self, mine: list[shard_sets.Shard], epoch: int, again: int) -> Iterator[Example]:
        seed = (self.seed, epoch, distributed.rank(), again)
        return examples(mine, self.shards.task, self.cut, seed, self.reading)


def train(
    part: str, corpus: StreamedCorpus, schedule: loop.Schedule, config: common.FinetuneConfig, reading: Reading
) -> Path:
    """Train on shards; returns the folder of the best checkpoint. Raises EmorecError."""
    run_dir.check_free(config.out / part, config.resume)
    common.check_people(corpus, config, (part,) if config.init_from_base else ())
    shards, count = len(corpus.training.shards), distributed.count()
    if shards < count:
        raise EmorecError(TOO_FEW.format(shards=shards, count=count))
    if shards % count:
        common.report(UNEVEN.format(shards=shards, count=count))
    usable.report_counts(corpus.counts)
    shares = balance.log_shares(np.array(corpus.training.totals))
    if part == "face":
        net: Any = face.new_net(corpus.labels, schedule.seed, config)
        wanted: dict[str, Any] = {"size": net.config.size}
        frames = min(config.video_len, max(shard.longest for shard in corpus.training.shards))
        cut: Cut = partial(_cut_face, frames=frames)
        together, loss_of, predict = face.make_batch, face.balanced_loss(shares), face.predict
    else:
        net = voice.new_net(corpus.labels, schedule.seed, config)
        wanted = asdict(config.base.front_end)
        cut = partial(_cut_voice, hops=voice.hops_of(config))
        together, loss_of, predict = voice_batches.make_batch, voice.balanced_loss(shares), voice.predict
    for what, found in (("of training", corpus.training), ("of validation", corpus.validation)):
        if any(found.settings.get(name) != value for name, value in wanted.items()):
            raise EmorecError(OTHER_SETTINGS.format(what=what))
    size = common.batch_size(schedule, range(corpus.training.items))
    batches = Batches(corpus.training, size, cut, together, schedule.seed, reading)
    held_out = [example for shard in corpus.validation.shards for example in read_shard(shard, part)]
    clips = [(example[0], example[1]) for example in held_out]
    truth = np.array([int(example[-1].argmax()) for example in held_out])
    items = range(corpus.training.items)
    return common.train(
        part,
        {part: net},
        batches,
        loss_of,
        lambda net: predict(net, clips),
        truth,
        corpus,
        schedule,
        config,
        items,
        pictures=part == "face" and stills.are_pictures(clips),
    )


def _cut_face(example: Example, generator: np.random.Generator, frames: int) -> Example:
    crops, quality, target = example
    return *face.window(crops, quality, generator, frames), target


def _cut_voice(example: Example, generator: np.random.Generator, hops: int) -> Example:
    log_mel, speech, target = example
    return *voice_batches.window(log_mel, speech, generator, hops), target
