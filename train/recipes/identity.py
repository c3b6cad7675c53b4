"""Train the bundled identity network: a small network learns a published face encoder's features.

python -m train.recipes.identity --data DATA --teacher FACERES.onnx --output FILE --cache DIR
"""

import argparse
import os
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from emorec.models import bundled
from emorec.models.identity import DIMENSIONS, SIZE, IdentityNet
from train import loop
from train.data import augment
from train.data.identity_faces import SHARE, SIDE, Packed, load_packed
from train.data.pack import face_detector
from train.metrics import area_under_curve

SCHEDULE = loop.Schedule(epochs=18, lr=3e-3, batch_size=64, weight_decay=0.05, warm_up=0.1, ema_epochs=0.5)
PERSON_SHARE = 0.5  # how far a face's target is moved to the mean of its person
RELATION = 10.0  # weight of the error of cosines within a batch, beside that of the targets
COMPRESSED = 0.3  # share of the faces that are compressed as JPEG
SMALL = 0.3  # share of the faces that are shrunk and enlarged again, as small faces are
SMALLEST = 16  # pixels that the side of such a face is shrunk to


class Targets:
    """What the network is to answer: the encoder's features, without their mean, in the axes of most variance."""

    def __init__(self, faces: Packed):
        features = faces.features.astype(np.float32)
        self.mean = features.mean(axis=0)
        _, _, axes = np.linalg.svd(_unit(features - self.mean), full_matrices=False)
        self.axes = axes[:DIMENSIONS].T

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Targets (N, DIMENSIONS) of unit length of features (N, 1024)."""
        return _unit(_unit(features.astype(np.float32) - self.mean) @ self.axes)

    def of_faces(self, faces: Packed) -> np.ndarray:
        """The targets of faces, those of people with several pictures moved to the mean of the person."""
        targets = self(faces.features)
        for person in np.unique(faces.persons[faces.persons != ""]):
            rows = faces.persons == person
            targets[rows] = (1 - PERSON_SHARE) * targets[rows] + PERSON_SHARE * targets[rows].mean(axis=0)
        return _unit(targets)


class Batches:
    """Augmented faces and their targets; every face once an epoch."""

    def __init__(self, faces: Packed, targets: np.ndarray, size: int):
        self._crops, self._targets, self._size = faces.crops, torch.from_numpy(targets), size

    def __len__(self) -> int:
        return len(self._crops) // self._size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        order = generator.permutation(len(self._crops))[: len(self) * self._size]
        for rows in order.reshape(-1, self._size):
            crops = np.stack([augment_face(self._crops[row], generator) for row in rows])
            yield torch.from_numpy(crops).unsqueeze(1).float() / 255, self._targets[torch.from_numpy(rows)]


def augment_face(crop: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """A packed face uint8 (SIDE, SIDE) moved, lit, blurred and compressed as in videos: uint8 (SIZE, SIZE)."""
    angle, zoom = generator.normal(0, 0.07), np.exp(generator.normal(0, 0.06))
    flip = -1.0 if generator.random() < 0.5 else 1.0
    cosine, sine = zoom * np.cos(angle) * SIZE / (SHARE * SIDE), zoom * np.sin(angle) * SIZE / (SHARE * SIDE)
    turn = np.array([[cosine * flip, -sine], [sine * flip, cosine]])
    shift = (SIZE - 1) / 2 + generator.normal(0, 0.025, 2) * SIZE - turn @ np.full(2, (SIDE - 1) / 2)
    matrix = np.column_stack([turn, shift])
    face = cv2.warpAffine(crop, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    if generator.random() < SMALL:
        side = int(generator.integers(SMALLEST, SIZE))
        face = cv2.resize(cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA), (SIZE, SIZE))
    # A light from one side, another exposure and contrast.
    slope = np.linspace(-1, 1, SIZE, dtype=np.float32) * np.float32(generator.normal(0, 0.15))
    lit = (face / np.float32(255)) ** np.float32(np.exp(generator.normal(0, 0.3)))
    lit = lit * (1 + (slope[None] if generator.random() < 0.6 else slope[:, None]))
    lit = (lit - 0.5) * np.float32(np.exp(generator.normal(0, 0.2))) + 0.5 + np.float32(generator.normal(0, 0.08))
    if generator.random() < 0.2:
        lit = lit + generator.normal(0, 0.03, lit.shape).astype(np.float32)
    face = (lit.clip(0, 1) * 255).astype(np.uint8)
    if generator.random() < COMPRESSED:
        quality = int(generator.integers(15, 70))
        packed_face = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        face = np.asarray(cv2.imdecode(packed_face, cv2.IMREAD_GRAYSCALE))
    return face


def central_crops(crops: np.ndarray) -> np.ndarray:
    """Packed faces uint8 (N, SIDE, SIDE) as the network sees them in a recording: uint8 (N, SIZE, SIZE)."""
    low = (SIDE - round(SHARE * SIDE)) // 2
    inner = crops[:, low : SIDE - low, low : SIDE - low]
    return np.stack([cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for crop in inner])


def loss_of(net: IdentityNet, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """One minus the cosine to the target, and the squared error of the cosines between the faces of a batch."""
    crops, targets = batch
    embeddings = net(augment.erase(crops, share=0.2, max_side=0.4)).float()
    distance = (1 - (embeddings * targets).sum(dim=1)).mean()
    return distance + RELATION * F.mse_loss(embeddings @ embeddings.T, targets @ targets.T)


class Validation:
    """How well the network tells people apart who are held out for choosing."""

    def __init__(self, faces: Packed):
        self._crops, self._persons = torch.from_numpy(central_crops(faces.crops)), faces.persons

    def __call__(self, net: IdentityNet) -> dict[str, float]:
        """Numbers for the log: area under the curve over all pairs, and recall of same pairs at 1 % false ones."""
        with torch.inference_mode():
            parts = [net(part.unsqueeze(1).float() / 255) for part in self._crops.split(128)]
        same, other = pair_cosines(torch.cat(parts).numpy(), self._persons)
        return {
            "auc": round(area_under_curve(same, other), 4),
            "found": round(float((same > np.quantile(other, 0.99)).mean()), 3),
        }


def pair_cosines(embeddings: np.ndarray, persons: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of all pairs of the same person and of all pairs of different ones."""
    rows, columns = np.triu_indices(len(persons), 1)
    cosines = (embeddings @ embeddings.T)[rows, columns]
    same = persons[rows] == persons[columns]
    return cosines[same], cosines[~same]


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)


def main(arguments: list[str] | None = None) -> None:
    """Train and write the weights as float16."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of the corpora")
    parser.add_argument("--teacher", type=Path, required=True, help="the published face encoder's ONNX file")
    parser.add_argument("--output", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--cache", type=Path, required=True, help="a folder for the packed faces and the run")
    parser.add_argument("--epochs", type=int, default=SCHEDULE.epochs)
    parser.add_argument("--lr", type=float, default=SCHEDULE.lr)
    parser.add_argument("--init", type=Path, help="a safetensors file of weights to start from")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", default="run", help="name of the run's folder in the cache")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the cache")
    asked = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    faces = load_packed(asked.data, face_detector(), asked.teacher, asked.cache)
    train = faces.of_split("train")
    targets = Targets(train)
    torch.manual_seed(asked.seed)
    net = IdentityNet()
    if asked.init:
        net = bundled.read(net, asked.init, "identity").train().requires_grad_(True)
    schedule = loop.Schedule(
        epochs=asked.epochs,
        lr=asked.lr,
        batch_size=SCHEDULE.batch_size,
        weight_decay=SCHEDULE.weight_decay,
        warm_up=SCHEDULE.warm_up,
        ema_epochs=SCHEDULE.ema_epochs,
        seed=asked.seed,
    )
    batches, validation = (
        Batches(train, targets.of_faces(train), schedule.batch_size),
        Validation(faces.of_split("valid")),
    )
    folder = asked.cache / asked.run
    net = loop.fit(net, batches, loss_of, schedule, folder, validation, resume=asked.resume, title="identity")
    bundled.write(net, asked.output)
    print(f"{asked.output}: {os.path.getsize(asked.output):,} bytes, {validation(net)}")


if __name__ == "__main__":
    main()
