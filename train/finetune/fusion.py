"""Fusion trained on a user's videos: windows in which somebody is both seen and heard, over finished encoders."""

from dataclasses import replace

import numpy as np
import torch
from torch.nn import functional as F

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.face import detection
from emorec.inference import pooling
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from train import calibration, distributed, loop, metrics, run_dir
from train.data import ingest
from train.finetune import common
from train.recipes import fusion as recipe
from train.recipes.samples import WINDOW_COLUMNS, Samples

SCHEDULE = loop.Schedule(epochs=30, lr=1e-3, batch_size=64)


class Batches:
    """Every window once an epoch, some without their face or their voice."""

    def __init__(self, samples, size, dropout):
        self.samples, self.size, self.dropout = samples, size, dropout

    def __len__(self):
        return -(-len(self.samples) // self.size)

    def __call__(self, epoch, generator):
        order = generator.permutation(len(self.samples))
        order = np.concatenate([order, generator.choice(order, len(self) * self.size - len(order))])
        for rows in order.reshape(-1, self.size):
            part = self.samples.only(rows)
            inputs = recipe.dropped([column(part) for column in recipe.COLUMNS], generator, self.dropout)
            yield (*inputs, torch.from_numpy(part.truth))


def train(corpus, schedule, choices):
    """Train on a Corpus of videos; returns the folder of the best checkpoint. Raises EmorecError.

    The encoders are the base's. With the fusion "late" only the calibration and the trust in each modality are fitted.
    """
    folder = choices.out / "fusion"
    run_dir.check_free(folder, choices.resume)
    common.check_people(corpus, choices, ("face", "voice"))
    items, train_samples = _samples(corpus.train, choices, folder, "training")
    _, held = _samples(corpus.valid, choices, folder, "validation")
    common.check_labels(items)
    net = recipe.new_net(choices.base.face, choices.base.voice)
    nets = {"face": choices.base.face, "voice": choices.base.voice, "fusion": net}
    if choices.fusion == "late":
        schedule = replace(schedule, lr=0.0, epochs=1)
    size = common.batch_size(schedule, items)
    batches = Batches(train_samples, size, choices.modality_dropout)
    best = common.train(
        "fusion",
        nets,
        batches,
        loss_of,
        lambda net: recipe.predict(net, held),
        held.truth,
        corpus,
        schedule,
        choices,
        items,
    )
    if distributed.rank() == 0:
        _calibrate(checkpoints.load(best), best, held)
    distributed.barrier()
    return best


def loss_of(net, batch):
    """Cross-entropy of windows over the seven emotions."""
    *inputs, truth = batch
    return F.cross_entropy(net(*inputs), truth, label_smoothing=recipe.SMOOTHING)


def _calibrate(model, folder, held):
    """Fit both modalities' calibration and the trust between them on validation windows, and measure all five ways."""
    found = model.calibration
    for part, raw in (("face", held.face_probabilities), ("voice", held.voice_probabilities)):
        known = int((~np.isnan(raw[:, 0])).sum())
        if known:
            shares = getattr(found, part).shares
            head = calibration.fit_head(raw, held.truth, shares=shares, biased=known >= common.FEW)
            found = replace(found, **{part: head})
    found = calibration.fit_late(found, held)
    model.calibration = found
    judged = recipe.ways(held, recipe.predict(model.fusion, held), found)
    model.evaluation["validation-fusion"] |= metrics.rounded(
        metrics.accuracy({name: metrics.decided(p) for name, p in judged.items()}, held.truth)
    )
    checkpoints.save_config(model, folder)


def _samples(items, choices, folder, what):
    """The items that can be used and their windows as Samples."""
    items = [item for item in items if emotion_of(item.label)]
    model = choices.base
    detector = detection.detector(pretrained.face_detector_file())
    seconds = choices.video_len / pipeline.Settings().face_rate

    def read(item):
        seen = [*pipeline.extract(item.path, model, detector, cache=choices.cache / "observations")][-1]
        start = np.arange(max(1, int(seen.duration / seconds))) * seconds
        end = np.append(start[1:], max(seen.duration, seconds))
        pooled = pooling.pool(seen, model, start, end)
        known = ~(np.isnan(pooled.face_probabilities[:, 0]) & np.isnan(pooled.voice_probabilities[:, 0]))
        if not known.any():
            raise EmorecError(f"Nobody is seen or heard in {item.path.name}.")
        return {name: getattr(pooled, name)[known] for name in WINDOW_COLUMNS}

    with distributed.first_alone():
        found, reasons = ingest.each(items, read, f"{what} videos")
    items, rows = common.usable(items, found, ingest.wrong(items, reasons), folder, what)
    lengths = [len(row["face_coverage"]) for row in rows]
    truth = np.repeat([EMOTIONS.index(emotion_of(item.label)) for item in items], lengths)
    columns = {name: np.concatenate([row[name] for row in rows]) for name in WINDOW_COLUMNS}
    return items, Samples(**columns, truth=truth, fold=np.zeros(len(truth), int))
