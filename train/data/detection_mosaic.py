"""Training pictures for the face detector: packed pictures in new sizes, places and lights, alone or as mosaics."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from train.data.detection_corruption import corrupt
from train.data.detection_data import MIRRORED, Packed

SHARES = {"web": 0.3, "crops": 0.15, "colour": 0.27, "javanese": 0.12, "media": 0.04, "without": 0.2}
GRIDS = (2, 2, 3, 3, 4, 5, 6, 8)  # pictures along each side of a mosaic
MOSAIC_SHARE = 0.4  # of the training pictures that are mosaics
SIDES = (192, 256, 256, 320)  # pixels; a batch has pictures of one of these sides
MIN_FACE = 9.0  # pixels; smaller faces are left out of the loss
# A single face is drawn, log-uniformly, between this size (pixels) and this share of the side.
MIN_SINGLE_FACE, MAX_SINGLE_FACE = 10.0, 1.1
LARGE_SHARE, LARGE = 0.25, (0.35, 1.1)  # of the faces alone, with a side drawn evenly between these shares of the side
SMALL_SHARE, SMALL = 0.2, (MIN_FACE, 22.0)  # of the others, with a side drawn evenly between these (pixels)
CORNER_SHARE = 0.2  # of the pictures that are not mosaics: whole in a corner on black, as they are when run
USES = 3  # of each training picture, mirrored or not: drawing one takes as long as learning from it
POOL = 320  # pictures of each size that are kept for that
VISIBLE = 0.6  # share of a face's box inside the picture from which on it has to be found ...
HINTED = 0.15  # ... and from which on it may be
MAX_ROTATION = 25.0  # degrees
MAX_FACES = 80  # of one training picture


@dataclass(frozen=True)
class Drawn:
    """A batch: pictures uint8 (N, 3, S, S); faces (N, F, 14) as left, top, right, bottom, landmarks in pixels.

    ``kind`` (N, F) int64 says which rows are filled: 0 none, 1 a face, 2 one to be left out.
    """

    pictures: torch.Tensor
    faces: torch.Tensor
    kind: torch.Tensor


class Mosaics:
    """Batches of training pictures, endlessly new ones, for ``train.loop.fit``."""

    def __init__(
        self, packed: Packed, batch_size: int, items: int, sides: tuple[int, ...] = SIDES, split: str = "train"
    ):
        self._packed, self._batch_size, self._items, self._sides = packed, batch_size, items, sides
        self._numbers = {source: packed.numbers_of(split, (source,)) for source in SHARES}
        self._numbers = {source: numbers for source, numbers in self._numbers.items() if len(numbers)}
        shares = np.array([SHARES[source] for source in self._numbers])
        self._shares = shares / shares.sum()
        empty = packed.numbers_of(split)
        self._empty = empty[[not len(packed.faces(number)[0]) for number in empty]]

    def __len__(self) -> int:
        return self._items // self._batch_size

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterator[tuple[torch.Tensor, ...]]:
        pools = {side: [] for side in self._sides}
        for _ in range(len(self)):
            side = int(generator.choice(self._sides))
            drawn = self.batch(side, generator, pools[side])
            yield drawn.pictures, drawn.faces, drawn.kind

    def batch(self, side: int, random: np.random.Generator, pool: list | None = None) -> Drawn:
        """One batch of pictures with a side (pixels), new ones or some from ``pool``, which keeps the new ones."""
        pool = [] if pool is None else pool
        if len(pool) < 2 * self._batch_size or random.random() < 1 / USES:
            items = [self.draw(side, random) for _ in range(self._batch_size)]
            pool.extend(items)
            while len(pool) > POOL:
                pool.pop(int(random.integers(len(pool) - len(items))))
        else:
            items = [pool[number] for number in random.choice(len(pool), self._batch_size, replace=False)]
        return _stack([mirror(*item) if random.random() < 0.5 else item for item in items])

    def draw(self, side: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One picture uint8 (S, S, 3), its faces (N, 15) in pixels, and which of them are left out."""
        if random.random() < MOSAIC_SHARE:
            canvas, rows, left_out = self.mosaic(side, random)
        elif random.random() < CORNER_SHARE:
            canvas, rows, left_out = self._in_corner(side, random)
        else:
            canvas, rows, left_out = self._alone(side, random)
        return corrupt(canvas, random, rows), rows, left_out

    def _pick(self, random):
        source = random.choice(list(self._numbers), p=self._shares)
        return int(random.choice(self._numbers[source]))

    def _background(self, side, random):
        if random.random() < 0.4 or not len(self._empty):
            colour = random.integers(0, 256, 3) if random.random() < 0.6 else np.zeros(3)
            return np.ascontiguousarray(np.broadcast_to(colour.astype(np.uint8), (side, side, 3)))
        image = self._packed.image(int(random.choice(self._empty)))
        scale = side / min(image.shape[:2]) * random.uniform(1.0, 1.5)
        shift = [random.uniform(min(0.0, side - length * scale), 0.0) for length in image.shape[1::-1]]
        canvas = np.zeros((side, side, 3), np.uint8)
        paste(canvas, image, np.array([[scale, 0, shift[0]], [0, scale, shift[1]]]))
        return canvas

    def _in_corner(self, side, random):
        canvas = np.zeros((side, side, 3), np.uint8)
        number = self._pick(random)
        image = self._packed.image(number)
        height, width = image.shape[:2]
        scale = side / max(height, width) * (1.0 if random.random() < 0.3 else random.uniform(0.5, 1.0))
        matrix = np.array([[scale, 0, 0], [0, scale, 0]])
        paste(canvas, image, matrix)
        return canvas, *transform_faces(
            *self._packed.faces(number), matrix, np.array([scale, scale]), False, canvas.shape
        )

    def _alone(self, side, random):
        canvas = self._background(side, random)
        number = self._pick(random)
        image = self._packed.image(number)
        rows, left_out = self._packed.faces(number)
        height, width = image.shape[:2]
        sure = rows[~left_out]
        if len(sure):
            face = sure[random.integers(len(sure))]
            if random.random() < LARGE_SHARE:
                wanted = random.uniform(*LARGE) * side
            elif random.random() < SMALL_SHARE:
                wanted = random.uniform(*SMALL)
            else:
                wanted = np.exp(random.uniform(np.log(MIN_SINGLE_FACE), np.log(MAX_SINGLE_FACE * side)))
            scale = wanted / np.sqrt(face[2] * face[3])
            pivot = face[:2] + face[2:4] / 2
        else:
            scale = side / max(height, width) * np.exp(random.uniform(np.log(0.5), np.log(2.0)))
            pivot = np.array([width / 2, height / 2])
        middle = random.uniform(0.1, 0.9, 2) * side
        if random.random() < 0.3:  # as far as that goes, the picture covers all of the canvas
            low = side - (np.array([width, height]) - pivot) * scale
            high = pivot * scale
            middle = np.where(low < high, np.clip(middle, low, high), middle)
        return canvas, *self._placed(canvas, image, rows, left_out, scale, pivot, middle, random)

    def mosaic(self, side: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Many pictures in one, uint8 (S, S, 3), its faces (N, 15) in pixels, and which of them are left out."""
        canvas = self._background(side, random)
        count = random.choice(GRIDS)
        wide = count if random.random() < 0.7 else max(1, count - 1)
        gap = random.integers(0, 6) if random.random() < 0.5 else 0
        width, height = side // wide, side // count
        found = []
        for row in range(count):
            for column in range(wide):
                left, top = column * width, row * height
                part = canvas[top : top + height - gap, left : left + width - gap]
                number = self._pick(random)
                image = self._packed.image(number)
                rows, left_out = self._packed.faces(number)
                scale = max(part.shape[1] / image.shape[1], part.shape[0] / image.shape[0])
                scale *= np.exp(random.uniform(np.log(0.7), np.log(1.3)))
                pivot = np.array(image.shape[1::-1]) / 2
                if len(rows) and random.random() < 0.8:
                    face = rows[random.integers(len(rows))]
                    pivot = face[:2] + face[2:4] / 2
                middle = np.array(part.shape[1::-1]) * random.uniform(0.35, 0.65, 2)
                rows, left_out = self._placed(part, image, rows, left_out, scale, pivot, middle, random)
                rows = rows.copy()
                rows[:, :14] += np.tile([left, top], 7) * np.array([1, 1, 0, 0] + [1] * 10)
                found.append((rows, left_out))
        rows, left_out = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return canvas, rows, left_out

    def _placed(self, canvas, image, rows, left_out, scale, pivot, middle, random):
        """Paste a picture, perhaps turned and mirrored, so that its point ``pivot`` lies at ``middle``."""
        turn = np.deg2rad(np.clip(random.normal(0, MAX_ROTATION / 2.5), -MAX_ROTATION, MAX_ROTATION))
        stretch = np.exp(random.normal(0, 0.04))
        mirrored = random.random() < 0.5
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * scale
        factors = np.array([stretch * (-1 if mirrored else 1), 1 / stretch])
        matrix = matrix * factors
        matrix = np.column_stack([matrix, middle - matrix @ pivot])
        paste(canvas, image, matrix)
        return transform_faces(rows, left_out, matrix, np.abs(factors) * scale, mirrored, canvas.shape)


def mirror(picture: np.ndarray, rows: np.ndarray, left_out: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A picture (S, S, 3) and its faces (N, 15), left and right exchanged."""
    width = picture.shape[1]
    rows = rows.copy()
    rows[:, 0] = width - rows[:, 0] - rows[:, 2]
    points = rows[:, 4:14].reshape(-1, 5, 2)[:, MIRRORED]
    points[..., 0] = width - points[..., 0]
    rows[:, 4:14] = points.reshape(-1, 10)
    return picture[:, ::-1], rows, left_out


def _stack(items):
    """A batch of pictures (S, S, 3), faces (N, 15) in them and which of those are left out."""
    pictures, faces, kinds = [], [], []
    for picture, rows, left_out in items:
        corners = np.concatenate([rows[:, :2], rows[:, :2] + rows[:, 2:4], rows[:, 4:14]], axis=1)[:MAX_FACES]
        padding = MAX_FACES - len(corners)
        faces.append(np.pad(corners, ((0, padding), (0, 0))))
        kinds.append(np.pad(1 + left_out[:MAX_FACES].astype(np.int64), (0, padding)))
        pictures.append(picture.transpose(2, 0, 1))
    most = max(1, int((np.array(kinds) > 0).sum(axis=1).max()))
    return Drawn(
        torch.from_numpy(np.stack(pictures)),
        torch.from_numpy(np.stack(faces)[:, :most].astype(np.float32)),
        torch.from_numpy(np.stack(kinds)[:, :most]),
    )


def paste(canvas: np.ndarray, image: np.ndarray, matrix: np.ndarray) -> None:
    """Draw a picture into a canvas, both uint8 (H, W, 3), through a 2x3 matrix; what lies outside it stays."""
    scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
    if scale < 0.75:  # shrinking by sampling alone would alias
        size = [max(1, round(length * scale)) for length in image.shape[1::-1]]
        factors = np.array(image.shape[1::-1]) / size
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        matrix = np.column_stack([matrix[:, :2] * factors, matrix[:, 2]])
    # Coordinates are of edges here, of pixels' centres in warpAffine.
    matrix = np.column_stack([matrix[:, :2], matrix[:, 2] + matrix[:, :2] @ [0.5, 0.5] - 0.5])
    size = canvas.shape[1::-1]
    cv2.warpAffine(image, matrix, size, dst=canvas, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT)


def transform_faces(rows, left_out, matrix, scales, mirrored, shape):
    """Faces (N, 15) and which are left out, as they lie in a canvas of a shape after a picture was pasted into it."""
    rows = rows.copy()
    middle = (rows[:, :2] + rows[:, 2:4] / 2) @ matrix[:, :2].T + matrix[:, 2]
    rows[:, 2:4] *= scales
    rows[:, :2] = middle - rows[:, 2:4] / 2
    points = rows[:, 4:14].reshape(-1, 5, 2) @ matrix[:, :2].T + matrix[:, 2]
    rows[:, 4:14] = (points[:, MIRRORED] if mirrored else points).reshape(-1, 10)
    low, high = np.maximum(rows[:, :2], 0), np.minimum(rows[:, :2] + rows[:, 2:4], shape[1::-1])
    visible = np.clip(high - low, 0, None).prod(axis=1) / rows[:, 2:4].prod(axis=1)
    small = np.sqrt(rows[:, 2:4].prod(axis=1)) < MIN_FACE
    kept = visible >= HINTED
    return rows[kept], (left_out | (visible < VISIBLE) | small)[kept]
