"""Distillation of the voice network's second trunk from published speech encoders.

The emotion trunk overfits its few speakers. This trunk is trained to predict, for each hop, the features of two
encoders of thousands of voices (distillation; Hinton et al., 2015), without any emotion label, and then also the output
of a linear layer on top of them, which is fitted to RAVDESS's labels (people outside the fold). A linear layer on its
own features is enough for emotions (train/recipes/merging.py), and hardly overfits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.voice.features import VoiceFrontEnd
from train import loop
from train.data import augment, datasets, pack
from train.recipes import regression, teachers, voice, voice_batches
from train.recipes.student import Student, loss_of, masked_error, pool, squared_errors
from train.recipes.workspace import Workspace

SCHEDULE = loop.Schedule(epochs=10, lr=3e-3, batch_size=32, weight_decay=0.02, warm_up=0.1, ema_epochs=2.0)
CLASSIFIER_SCHEDULE = loop.Schedule(epochs=3, lr=1e-3, batch_size=32, weight_decay=0.02, ema_epochs=2.0, seed=1)
HOPS = 12  # 3.07 s
# Every recording is also used slower and faster (a seed and factors each), as if there were more speakers.
SPEEDS = (None, (93, (0.8, 0.84, 0.88, 0.92)), (126, (1.08, 1.12, 1.16, 1.2, 1.25)))
SHARES = {"ravdess": 0.4, "ased": 0.28, "nemo": 0.2, "javanese": 0.12}  # of the samples; ASED has most speakers
CLASSIFIER_SHARES = {"ravdess": 0.5, "ased": 0.225, "nemo": 0.175, "javanese": 0.1}
ITEMS = 15_000  # samples per epoch
CLASSIFIER_DECAY = 0.15  # weight decay of the linear layer on the teachers' features, see regression.fit
DROPOUT = 0.2  # of the classifier's input


class DistillationBatches:
    """Random windows of clips around their speech, with the teachers' features of each hop as targets."""

    def __init__(
        self, clips: Sequence[voice_batches.Clip], targets: list[np.ndarray], weights: np.ndarray, batch_size: int
    ):
        self.clips, self.targets, self.batch_size = clips, targets, batch_size
        self.weights = weights / weights.sum()

    def __len__(self) -> int:
        return ITEMS // self.batch_size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        rows = generator.choice(len(self.clips), size=len(self) * self.batch_size, p=self.weights)
        for part in rows.reshape(-1, self.batch_size):
            windows = [
                voice_batches.window(*self.clips[int(row)], generator, HOPS, self.targets[int(row)]) for row in part
            ]
            columns = zip(*windows, strict=True)
            log_mel, speech, targets = (torch.from_numpy(np.stack(column)).float() for column in columns)
            yield augment.rooms(log_mel), speech, targets


@dataclass(frozen=True, kw_only=True)
class DistillationData:
    """Every recording at every speed, the teachers' features, and the people inside and outside the training set."""

    items: list
    copies: list  # for each speed, the clip of each item
    targets: list  # for each speed, (hops, targets) of each item
    inside: np.ndarray
    outside: np.ndarray  # of RAVDESS alone

    @classmethod
    def load(cls, data: Path, cache: Path, fold: int) -> DistillationData:
        """The data with the people of ``fold`` outside. Raises EmorecError if the teachers' packages are missing."""
        items = datasets.voices(data)
        folds, ravdess = datasets.folds_of(items), np.array([item.corpus == "ravdess" for item in items])
        return cls(
            items=items,
            copies=[pack.voice_clips(items, VoiceFrontEnd(), cache, speeds) for speeds in SPEEDS],
            targets=standardise([targets_of(items, cache, speeds) for speeds in SPEEDS]),
            inside=np.flatnonzero(folds != fold),
            outside=np.flatnonzero((folds == fold) & ravdess),
        )

    def batches(self, shares: dict[str, float], batch_size: int) -> DistillationBatches:
        """Batches of the people inside, with the corpora in the given shares."""
        corpora = np.array([self.items[row].corpus for row in self.inside])
        weights = np.array([shares[corpus] / (corpora == corpus).sum() for corpus in corpora])
        clips = [clips[row] for clips in self.copies for row in self.inside]
        targets = [targets[row] for targets in self.targets for row in self.inside]
        return DistillationBatches(clips, targets, np.tile(weights, len(SPEEDS)), batch_size)

    def explained_variance(self, student: Student) -> dict[str, float]:
        """The share of the targets' variance that a student explains for people outside; {} if there are none."""
        if not len(self.outside):
            return {}
        errors = [squared_errors(student, self.copies[0][row], self.targets[0][row]) for row in self.outside]
        return {"explained": round(1 - float(np.mean(np.concatenate(errors))), 4)}

    def fit_teacher_classifier(self) -> nn.Linear:
        """A linear layer from a recording's pooled teacher features to RAVDESS's labels, fitted on people inside."""
        labels = voice.targets_of(self.items)[:, 1]
        rows = [row for row in self.inside if labels[row] != voice.ABSENT]
        pooled = [
            pool(*(torch.from_numpy(part).float().unsqueeze(0) for part in (targets[row], clips[row][1])))[0].numpy()
            for targets, clips in zip(self.targets, self.copies, strict=True)
            for row in rows
        ]
        truth = np.tile(labels[rows], len(SPEEDS)).astype(np.int64)
        features = np.array(pooled, np.float32).reshape(len(truth), 2 * self.targets[0][0].shape[1])
        labels = len(datasets.RAVDESS_LABELS)
        return regression.fit(features, truth, np.ones(len(truth)), labels, CLASSIFIER_DECAY)

    def settings(self) -> dict:
        """What describes a run beside its schedule, see ``loop.fit``."""
        persons = sorted({self.items[row].person for row in self.inside})
        return {"task": "listener", "items": len(self.inside), "persons": persons}  # its name in stored runs


def train(
    workspace: Workspace,
    fold: int,
    schedule: loop.Schedule = SCHEDULE,
) -> Student:
    """Train a student on all people outside ``fold``, in RUNS/listener-FOLD.

    Logs the explained variance for the fold's people in RAVDESS. Raises EmorecError if the teachers' packages are
    missing.
    """
    found = DistillationData.load(workspace.data, workspace.cache, fold)
    student = Student(teachers.FEATURES)
    batches, evaluate = found.batches(SHARES, schedule.batch_size), found.explained_variance
    return workspace.fit(student, batches, loss_of, schedule, run_of(fold), evaluate, found.settings())


def refine(
    workspace: Workspace,
    fold: int,
    schedule: loop.Schedule = CLASSIFIER_SCHEDULE,
) -> Student:
    """Train the finished student of ``fold`` further, in RUNS/listener-FOLD-judging, with a second target.

    From its features of a window it now also predicts what a linear layer on the teachers' features predicts.
    """
    found = DistillationData.load(workspace.data, workspace.cache, fold)
    student = loop.load_averaged(workspace.runs / run_of(fold), Student(teachers.FEATURES))
    teacher = found.fit_teacher_classifier().to(workspace.device)

    def refine_loss(net: Student, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        log_mel, speech, targets = batch
        features = net(log_mel)
        soft_labels = teacher(pool(targets, speech)).softmax(1)
        logits = net.classifier(F.dropout(pool(features, speech), DROPOUT, net.training))
        return masked_error(net.regressor(features), targets, speech) + F.cross_entropy(logits.float(), soft_labels)

    batches, evaluate = found.batches(CLASSIFIER_SHARES, schedule.batch_size), found.explained_variance
    return workspace.fit(student, batches, refine_loss, schedule, refined_run_of(fold), evaluate, found.settings())


def load_trunk(runs: Path, fold: int) -> nn.Module:
    """The finished distilled trunk of ``fold``."""
    return loop.load_averaged(runs / refined_run_of(fold), Student(teachers.FEATURES)).trunk


def run_of(fold: int) -> str:
    """The name of the folder of ``train``."""
    return f"listener-{fold}"


def refined_run_of(fold: int) -> str:
    """The name of the folder of ``refine``."""
    return f"listener-{fold}-judging"


def targets_of(items: list, cache: Path, speeds: tuple | None = None) -> list[np.ndarray]:
    """The teachers' features of every recording: float16 (hops, targets) each."""
    front_end = VoiceFrontEnd()

    def compute() -> dict[str, np.ndarray]:
        found = [teachers.features(samples, front_end.hop) for samples in pack.read_samples(items, front_end, speeds)]
        return {"words": np.concatenate(found), "hops": np.array([len(one) for one in found])}

    packed = pack.load_or_make(cache, "words", items, pack.settings_of(front_end, speeds), compute)
    return np.split(packed["words"], np.cumsum(packed["hops"])[:-1])


def standardise(copies: list[list[np.ndarray]]) -> list[list[np.ndarray]]:
    """Targets with mean 0 and unit deviation over the first of the copies of all recordings.

    The people of the fold count too, for about 3 % of the hops; no label is used.
    """
    everything = np.concatenate(copies[0]).astype(np.float32)
    mean, spread = everything.mean(0), everything.std(0) + 1e-3
    return [[((targets - mean) / spread).astype(np.float16) for targets in copy] for copy in copies]
