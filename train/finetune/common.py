"""Fine-tuning on a user's own data: what the recipes for faces, voices and fusion share.

A run's ``last/`` and ``best/`` are whole checkpoints: the parts that the run does not train come from the base model.
``best`` has the highest unweighted average recall on the validation people, on whom its calibration is also fitted.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models.calibration import Calibration, HeadCalibration
from emorec.models.provenance import VALIDATION
from train import calibration as calibrate
from train import distributed, loop, metrics, run_dir
from train.data.corpora import Corpus
from train.finetune import assembly, balance, provenance, stills, trust

report = distributed.report

MIN_FOR_BIAS = 50  # validation items; with fewer the calibration has no bias, which would fit noise
FEW = (
    "{part}: only {items} validation items, so the accuracy and the calibration are rough; give at least {least}, of "
    "several people."
)
FITTED = "The calibration was fitted to these items too, so its error is lower here than on others."


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """How to train, beside the schedule.

    ``base`` is the Checkpoint that provides the parts that are not trained and, with ``init_from_base``, the initial
    weights of the trained part. ``video_len`` is the number of frames of a video in a training window, ``audio_win``
    the number of log-mel frames.
    """

    out: Path
    cache: Path
    base: checkpoints.Checkpoint
    init_from_base: bool = True
    face_path: Path | None = None
    video_len: int = 15
    audio_win: int = 192
    fusion: str = "intermediate"
    modality_dropout: float = 0.15
    device: str = "cpu"
    resume: bool = False
    dataset: str = "folder"


def train(
    part: str,
    nets: dict[str, Any],
    batches: loop.Batches,
    loss_of: Callable[..., torch.Tensor],
    predict: Callable[[Any], np.ndarray],
    truth: np.ndarray,
    corpus: Corpus,
    schedule: loop.Schedule,
    config: FinetuneConfig,
    items: Sequence[Any],
    owners: np.ndarray | None = None,
    pictures: bool = False,
) -> Path:
    """Train ``nets[part]``; returns the folder of the best checkpoint, calibrated and measured on validation items.

    ``nets`` are the networks of the checkpoint by name, without those that come from the base. predict(net) gives the
    probabilities (N, labels) of the validation items, ``truth`` (N,) are the indices of their labels, ``items`` those
    of training. ``owners`` (N,) are numbers of the recordings that the validation items are windows of. ``pictures``
    says that those of a face network are still pictures.
    """
    folder = config.out / part
    labels = EMOTIONS if part == "fusion" else corpus.labels

    def evaluate(net: nn.Module) -> dict[str, float]:
        found = metrics.shares(predict(net).argmax(1), truth)
        return {"recall": found["recall"], "accuracy": found["accuracy"]}  # the first one selects the best epoch

    def save(net: nn.Module, where: Path) -> None:
        checkpoints.save(build(nets | {part: net}, part, corpus, config, len(items)), where)

    count = len(truth) if owners is None else len(np.unique(owners))
    settings = settings_of(part, corpus, config, len(items), count)
    device, resume = config.device, config.resume
    loop.fit(nets[part], batches, loss_of, schedule, folder, evaluate, device, resume, part, settings, save)
    if distributed.rank() == 0:
        best = checkpoints.load(folder / "best")
        found, before = predict(getattr(best, part)), None
        doubts = trust.of_validation(corpus, labels, truth)
        if config.init_from_base or pictures:
            theirs = _seven_of_base(part, predict, config)
            before = (theirs, config.base.calibration) if pictures else None
            if config.init_from_base:
                head = getattr(config.base.calibration, "still" if pictures else part)
                seven, emotions, rows = to_seven(found, truth, labels)
                doubts += trust.of_training(corpus, labels, theirs[rows], head, seven, emotions)
        calibrate_and_measure(best, folder / "best", part, found, truth, labels, owners, before, doubts)
    distributed.barrier()
    return folder / "best"


def _seven_of_base(part: str, predict: Callable[[Any], np.ndarray], config: FinetuneConfig) -> np.ndarray:
    """Probabilities (N, 7) of the validation items by the base's network, without its calibration."""
    base = config.base
    labels = {"face": base.face.config.labels, "voice": base.voice.config.heads["emotions"], "fusion": EMOTIONS}[part]
    net = copy.deepcopy(getattr(base, part)).to(config.device)
    return fold(predict(net).astype(np.float64), labels)


def settings_of(part: str, corpus: Corpus, config: FinetuneConfig, items: int, validation_items: int) -> dict[str, Any]:
    """The settings that describe a run beside its schedule; a resumed run must have the same."""
    return {
        "task": part,
        "dataset": config.dataset,
        "labels": list(corpus.labels),
        "items": items,
        "validation_items": validation_items,
        run_dir.WHICH_ITEMS: corpus.digest,
        "persons": corpus.people,
        "held_out": corpus.held_out,
        "starts_from": config.base.fingerprint[:16] if config.init_from_base or part == "fusion" else None,
        "face_path": start_of(part, config),
        "video_len": config.video_len,
        "audio_win": config.audio_win,
        "modality_dropout": config.modality_dropout if part == "fusion" else None,
    }


def build(
    nets: dict[str, Any], part: str, corpus: Corpus, config: FinetuneConfig, items: int
) -> checkpoints.Checkpoint:
    """The checkpoint that a run saves: its networks, not calibrated yet, with the metadata of their training."""
    base, calibration = config.base, config.base.calibration
    if part != "fusion":
        heads = dict.fromkeys(heads_of(part), HeadCalibration())
        calibration = replace(calibration, fusion=HeadCalibration(), **heads)
    late = part == "fusion" and config.fusion == "late"
    training = provenance.training_of_run(
        part, corpus, config.dataset, items, base.training, config.init_from_base, late, start_of(part, config)
    )
    return checkpoints.Checkpoint(
        **assembly.networks(nets, base), front_end=base.front_end, calibration=calibration, training=training
    )


def start_of(part: str, config: FinetuneConfig) -> str | None:
    """The name of the file of weights that a part starts from, if there is one."""
    return config.face_path.name if config.face_path and part == "face" else None


def calibrate_and_measure(
    model: checkpoints.Checkpoint,
    folder: Path,
    part: str,
    probabilities: np.ndarray,
    truth: np.ndarray,
    labels: Sequence[str],
    owners: np.ndarray | None = None,
    before: tuple[np.ndarray, Calibration] | None = None,
    doubts: Sequence[str] = (),
) -> None:
    """Calibrate one part of a checkpoint on validation items, measure it there, and write both to its config.json.

    ``owners`` (N,) are as in ``train``: windows of one recording are alike, so recordings are counted, not windows.
    ``before``, for still pictures, is as in ``stills.calibrations``, with a row of each item. ``doubts`` are sentences
    of ``trust`` for the log and the card.
    """
    owners = np.arange(len(truth)) if owners is None else owners
    items = len(np.unique(owners))
    if items < MIN_FOR_BIAS:
        report(FEW.format(part=part, items=items, least=MIN_FOR_BIAS))
    seven, emotions, rows = to_seven(probabilities, truth, labels)
    head = HeadCalibration()
    heads = dict.fromkeys(heads_of(part), head)
    for sentence in doubts:
        report(f"{part}: {sentence}")
    domain = " ".join([*doubts, FITTED])
    if len(seven):
        own = len(np.unique(owners[rows]))
        shares, biased = balance.label_shares(labels), own >= MIN_FOR_BIAS
        head = calibrate.fit_head(seven, emotions, shares=shares, biased=biased, items=own)
        heads = dict.fromkeys(heads, head)
        if before:
            heads, told = stills.calibrations(head, seven, labels, (before[0][rows], before[1]), own < MIN_FOR_BIAS)
            head = heads["still"]
            domain = f"{domain} {told}"
            report(f"{part}: {told}")
    model.calibration = replace(model.calibration, **heads)
    predicted = probabilities.argmax(1)
    model.evaluation = {
        f"{VALIDATION}{part}": metrics.round_floats(
            {
                "what": f"The validation items of the {part} network's training, which chose its weights",
                "domain": domain,
                "metric": "accuracy",
                "items": items,
                **({"windows": len(truth)} if len(truth) != items else {}),
                **metrics.add_intervals(metrics.accuracy({part: predicted}, truth, items), items),
                **metrics.confusion(predicted, truth, labels),
                "calibration_error": metrics.calibration_errors(
                    seven, calibrate.apply(head, seven), emotions, calibrate.even_weights(emotions)
                ),
            }
        )
    }
    checkpoints.save_config(model, folder)


def heads_of(part: str) -> tuple[str, ...]:
    """The fields of a Calibration that belong to one network; a face network also has that of still pictures."""
    return assembly.CALIBRATIONS.get(part, (part,))


def to_seven(
    probabilities: np.ndarray, truth: np.ndarray, labels: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (M, 7) and indices (M,) of emotions, for the items whose label is one of the seven emotions, and
    which these are (N,)."""
    native = [emotion_of(label) for label in labels]
    rows = np.array([native[label] is not None for label in truth], bool)
    emotions = np.array([EMOTIONS.index(native[label] or "") for label in truth[rows]], int)
    return fold(probabilities[rows].astype(np.float64), labels), emotions, rows


def check_people(corpus: Corpus, config: FinetuneConfig, used: Sequence[str]) -> None:
    """Raise EmorecError if one of the base's parts that the run builds on was trained on a validation person."""
    if known := provenance.people_trained_on(config.base.training, used, corpus):
        raise EmorecError(
            f"The person {known[0]!r} is in the validation data and was trained on by the model that this run starts "
            "from; validate on other people, or start from another model by --init."
        )


def batch_size(schedule: loop.Schedule, items: Sequence) -> int:
    """The schedule's batch size, or the number of items if that is smaller; a multiple of the number of processes."""
    size = min(schedule.batch_size, len(items) // distributed.count() * distributed.count())
    if schedule.batch_size % distributed.count() or not size:
        raise EmorecError(
            f"A batch of {min(schedule.batch_size, len(items))} cannot be shared evenly by {distributed.count()} "
            f"processes; choose a --batch_size that is a multiple of {distributed.count()}."
        )
    return size
