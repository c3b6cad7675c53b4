"""Train the bundled face detector: a small network learns from YuNet's answers.

python -m train.recipes.detector --data DATA --negatives PICTURES --teacher YUNET.onnx --output FILE --cache DIR
"""

import argparse
import os
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import safetensors.torch
import torch

from emorec import files
from emorec.face import detector
from emorec.face.detection import SCORE_THRESHOLD
from emorec.face.detector_net import DetectorNet
from train import loop
from train.data.detection_data import load_packed
from train.data.detection_mosaic import Mosaics
from train.recipes import detector_evaluation as detection
from train.recipes.detection_loss import detection_loss

SCHEDULE = loop.Schedule(epochs=20, lr=4e-3, batch_size=16, weight_decay=0.02, warm_up=0.08, ema_epochs=0.7)
ITEMS = 4000  # training pictures drawn in what is called an epoch here
LOOKED_AT = 40  # pictures of each kind that are searched after an epoch
# Share of YuNet's number of false positives that the bundled detector may have. Nearly all of YuNet's lie in mosaics,
# those of the bundled detector also in frames and in pictures without a face, where they would become a person.
ALLOWED_SHARE = 0.5


class Validation:
    """How a network does on people held out for choosing, beside YuNet."""

    def __init__(self, teacher: detection.Finder, searched: dict[str, list[detection.Case]]):
        self._searched = searched
        theirs = {name: detection.search(teacher, cases) for name, cases in searched.items()}
        self.allowed = sum(found.false_positives(SCORE_THRESHOLD) for found in theirs.values())
        self.theirs = detection.summary(theirs, SCORE_THRESHOLD)

    def __call__(self, net: DetectorNet) -> dict[str, float]:
        """Numbers for the log: recall by kind at as many false positives as YuNet has."""
        threshold, found = self.equal(net.folded())
        row = detection.summary(found, threshold)
        return {
            "recall": row["mean recall of kinds"],
            "threshold": row["threshold"],
            "landmarks": row["landmarks, median"],
        } | {f"recall {name}": value for name, value in row["recall"].items()}

    def equal(self, weights: dict[str, torch.Tensor], share: float = 1.0) -> tuple[float, dict[str, detection.Found]]:
        """The score at which weights have a share of YuNet's false positives, and what they find."""
        graph = detector.graph({name: value.numpy() for name, value in weights.items()})
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        finder = detection.own_finder(session)
        found = {name: detection.search(finder, cases) for name, cases in self._searched.items()}
        return detection.equal_threshold(found, int(share * self.allowed)), found


def shift_threshold(weights: dict[str, torch.Tensor], threshold: float) -> dict[str, torch.Tensor]:
    """The weights with logits moved so that what scored ``threshold`` scores SCORE_THRESHOLD."""
    by = np.log(SCORE_THRESHOLD / (1 - SCORE_THRESHOLD)) - np.log(threshold / (1 - threshold))
    moved = {name: value.clone() for name, value in weights.items()}
    for name, value in moved.items():
        if name.startswith("read.") and name.endswith(".bias"):
            value[0] += float(by)
    return moved


def loss_of(net: DetectorNet, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The loss of a batch of ``Mosaics``."""
    pictures, faces, kind = batch
    outputs = net(pictures.float().contiguous(memory_format=torch.channels_last))
    return detection_loss(outputs, faces, kind)


def main(arguments=None):
    """Train, find the threshold on the held-out people for choosing, and write the weights."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--negatives", type=Path, help="a folder of pictures without faces")
    parser.add_argument("--teacher", type=Path, required=True, help="YuNet's file")
    parser.add_argument("--output", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--cache", type=Path, required=True, help="a folder for the packed pictures and the run")
    parser.add_argument("--epochs", type=int, default=SCHEDULE.epochs)
    parser.add_argument("--items", type=int, default=ITEMS, help="pictures an epoch")
    parser.add_argument("--lr", type=float, default=SCHEDULE.lr)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default="run", help="name of the run's folder in the cache")
    parser.add_argument("--init", type=Path, help="a run's folder whose averaged weights to start from")
    parser.add_argument("--frozen", nargs="*", default=[], help="layers that keep the weights they start with")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the cache")
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    pictures = load_packed(options.data, options.negatives, options.teacher, options.cache)
    searched = detection.cases(pictures, "valid")
    few = {name: cases[:: max(1, len(cases) // LOOKED_AT)] for name, cases in searched.items()}
    teacher = detection.teacher_finder(options.teacher)
    validation = Validation(teacher, few)
    print("YuNet", validation.theirs, flush=True)
    torch.manual_seed(options.seed)
    net = DetectorNet()
    if options.init:
        loop.load_averaged(options.init, net)
    for name in options.frozen:
        net.convolutions[name].requires_grad_(False)
    schedule = loop.Schedule(
        epochs=options.epochs,
        lr=options.lr,
        batch_size=SCHEDULE.batch_size,
        weight_decay=SCHEDULE.weight_decay,
        warm_up=SCHEDULE.warm_up,
        ema_epochs=SCHEDULE.ema_epochs,
        seed=options.seed,
    )
    batches = Mosaics(pictures, schedule.batch_size, options.items)
    folder = options.cache / options.run
    net = loop.fit(net, batches, loss_of, schedule, folder, validation, resume=options.resume, title="detector")
    weights = net.folded()
    threshold, _ = Validation(teacher, searched).equal(weights, ALLOWED_SHARE)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    files.write(options.output, safetensors.torch.save(shift_threshold(weights, threshold)))
    print(
        f"{options.output}: {os.path.getsize(options.output):,} bytes, "
        f"threshold {threshold:.3f} became {SCORE_THRESHOLD}"
    )


if __name__ == "__main__":
    main()
