"""Train fusion on a user's videos, on top of finished encoders: windows with a face, a voice, or both."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.face import detection
from emorec.inference import pooling
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train import calibration, distributed, loop, metrics, run_dir
from train.data import reading
from train.data.corpora import Corpus
from train.data.datasets import Item
from train.finetune import balance, common, trust, usable
from train.recipes import fusion as recipe
from train.recipes.samples import WINDOW_COLUMNS, Samples

SCHEDULE = SCRATCH_SCHEDULE = loop.Schedule(epochs=30, lr=1e-3, batch_size=64)


class Batches:
    """Every window once per epoch, some of them without their face or their voice (modality dropout)."""

    def __init__(self, samples: Samples, size: int, dropout: float):
        self.samples, self.size, self.dropout = samples, size, dropout

    def __len__(self) -> int:
        return -(-len(self.samples) // self.size)

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        order = generator.permutation(len(self.samples))
        order = np.concatenate([order, generator.choice(order, len(self) * self.size - len(order))])
        for rows in order.reshape(-1, self.size):
            part = self.samples.only(rows)
            inputs = recipe.drop_modalities([column(part) for column in recipe.COLUMNS], generator, self.dropout)
            yield (*inputs, torch.from_numpy(part.truth))


def train(corpus: Corpus, schedule: loop.Schedule, config: common.FinetuneConfig) -> Path:
    """Train on a Corpus of videos; returns the folder of the best checkpoint. Raises EmorecError.

    The encoders are the base's. If they were trained on the same people, they read these better than new ones, and the
    fusion may rely on them too much; the calibration is fitted on the validation people, who are new to all networks.
    With the fusion "late" no network is trained: only the calibration and the weights of both modalities are fitted.
    """
    folder = config.out / "fusion"
    run_dir.check_free(folder, config.resume)
    common.check_people(corpus, config, ("face", "voice", *(("fusion",) if config.init_from_base else ())))
    items, train_samples, _ = _samples(corpus.train, config, folder, "training")
    _, held_out, owners = _samples(corpus.valid, config, folder, "validation")
    # A label that is no emotion, as contempt, trains the encoders alone.
    learns = config.fusion != "late"
    usable.check_labels(items, [label for label in corpus.labels if emotion_of(label)], learns)
    torch.manual_seed(schedule.seed)
    base = config.base
    net = copy.deepcopy(base.fusion) if config.init_from_base else recipe.new_net(base.face, base.voice)
    nets = {"face": base.face, "voice": base.voice, "fusion": net.requires_grad_(True)}
    if not learns:
        best = _without_training(nets, corpus, config, len(items), held_out, owners)
    else:
        totals = np.bincount(train_samples.truth, minlength=len(EMOTIONS))
        best = common.train(
            "fusion",
            nets,
            Batches(train_samples, common.batch_size(schedule, items), config.modality_dropout),
            balanced_loss(balance.log_shares(totals)),
            lambda net: recipe.predict(net, held_out),
            held_out.truth,
            corpus,
            schedule,
            config,
            items,
            owners,
        )
    if distributed.rank() == 0:
        _calibrate(checkpoints.load(best), best, held_out, owners, config)
    distributed.barrier()
    return best


def _without_training(
    nets: dict[str, nn.Module],
    corpus: Corpus,
    config: common.FinetuneConfig,
    items: int,
    held_out: Samples,
    owners: np.ndarray,
) -> Path:
    """Write the run's checkpoint with the fusion network as it is; returns its folder."""
    folder = config.out / "fusion"
    settings = common.settings_of("fusion", corpus, config, items, len(np.unique(owners))) | {"fusion": "late"}
    run = run_dir.RunDir(folder, settings, config.resume, distributed.rank() == 0)
    run.open(0)
    if run.is_main:
        model = common.build(nets, "fusion", corpus, config, items)
        with run_dir.writing(folder):
            checkpoints.save(model, folder / "best")
        probabilities = recipe.predict(model.fusion, held_out)
        common.calibrate_and_measure(
            model,
            folder / "best",
            "fusion",
            probabilities,
            held_out.truth,
            EMOTIONS,
            owners,
            doubts=trust.of_validation(corpus, EMOTIONS, held_out.truth),
        )
    run.close()
    distributed.barrier()
    return folder / "best"


def balanced_loss(log_shares: torch.Tensor) -> Callable[[nn.Module, tuple[torch.Tensor, ...]], torch.Tensor]:
    """The loss for windows with the given log shares (7,) of the emotions: cross-entropy over the seven."""

    def loss_of(net: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        *inputs, truth = batch
        return F.cross_entropy(balance.adjust(net(*inputs), log_shares), truth, label_smoothing=recipe.SMOOTHING)

    return loss_of


def _calibrate(
    model: checkpoints.Checkpoint, folder: Path, held_out: Samples, owners: np.ndarray, config: common.FinetuneConfig
) -> None:
    """Fit both modalities' calibration and late fusion's weights on validation windows, and measure all five ways.

    ``owners`` (N,) are numbers of the videos of the windows. The confusions are those of ``config.fusion``.
    """
    # The weights stay near those that the run began with. A finished run that is resumed has its own in ``model``.
    began, chosen = config.base.calibration, config.fusion
    found = replace(model.calibration, face_weight=began.face_weight, voice_weight=began.voice_weight)
    for part, raw in (("face", held_out.face_probabilities), ("voice", held_out.voice_probabilities)):
        known = len(np.unique(owners[~np.isnan(raw[:, 0])]))
        if known:
            shares = getattr(found, part).shares
            biased = known >= common.MIN_FOR_BIAS
            head = calibration.fit_head(raw, held_out.truth, shares=shares, biased=biased, items=known)
            found = replace(found, **{part: head})
    items = len(np.unique(owners))
    model.calibration = calibration.fit_late(found, held_out, items=items)
    by_way = recipe.ways(held_out, recipe.predict(model.fusion, held_out), model.calibration)
    predicted = {name: metrics.predicted_labels(p) for name, p in by_way.items()}
    measured = metrics.add_intervals(metrics.accuracy(predicted, held_out.truth, items), items)
    measured |= metrics.confusion(predicted[chosen], held_out.truth, EMOTIONS, chosen)
    before = model.evaluation["validation-fusion"]
    errors = {"calibration_errors": {"intermediate": before.pop("calibration_error")}}
    model.evaluation["validation-fusion"] = before | metrics.round_floats(measured) | errors
    checkpoints.save_config(model, folder)


def _samples(
    items: Sequence[Item], config: common.FinetuneConfig, folder: Path, what: str
) -> tuple[list[Item], Samples, np.ndarray]:
    """The items that can be used, their windows as Samples, and the row of the item of each window (N,)."""
    items = [item for item in items if emotion_of(item.label)]
    model = config.base
    detector = detection.detector(pretrained.face_detector_file())
    seconds = config.video_len / pipeline.Settings().face_rate

    def read(item: Item) -> dict[str, np.ndarray]:
        seen = [*pipeline.extract(item.path, model, detector, cache=config.cache / "observations")][-1]
        start = np.arange(max(1, int(seen.duration / seconds))) * seconds
        end = np.append(start[1:], max(seen.duration, seconds))
        pooled = pooling.pool(seen, model, start, end)
        known = ~(np.isnan(pooled.face_probabilities[:, 0]) & np.isnan(pooled.voice_probabilities[:, 0]))
        if not known.any():
            raise EmorecError(f"No face and no voice was found in {item.path.name}.")
        return {name: getattr(pooled, name)[known] for name in WINDOW_COLUMNS}

    with distributed.first_alone():
        found, reasons = reading.read_each(items, read, f"{what} videos")
    items, rows = usable.drop_unreadable(items, found, reading.with_reasons(items, reasons), folder, what)
    lengths = [len(row["face_coverage"]) for row in rows]
    owners = np.repeat(np.arange(len(items)), lengths)
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])[owners]
    columns = {name: np.concatenate([row[name] for row in rows]) for name in WINDOW_COLUMNS}
    return items, Samples(**columns, truth=truth, fold=np.zeros(len(truth), int)), owners
