"""Drawing on pictures in the format of the encoder (YUV 4:2:0): brightness, and colour differences of half the size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from emorec.media.playback import Colours

# Shares of red and blue in the brightness, by the code point of the matrix (ITU-T H.273, table 4).
SHARES = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
SD_SHARES = (0.299, 0.114)
HD_LINES = 720  # height (px) from which on players expect the matrix of BT.709 if none is named

BLOCKS = 6  # of a mosaic across the longer side of a region; the alignment to the grid may add two
BLOCK_SIDES = tuple(sorted({2 * round(2 ** (1 + step / 3)) for step in range(34)}))  # px, a third of an octave apart

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Patch:
    """A piece of a picture with even sides: brightness ``y`` (H, W), colour differences ``u`` and ``v`` (H/2, W/2)."""

    y: np.ndarray
    u: np.ndarray
    v: np.ndarray


@dataclass(frozen=True)
class Palette:
    """Turns RGB into the brightness and colour differences of a recording."""

    red: float
    blue: float

    @classmethod
    def of(cls, colours: Colours, height: int) -> Palette:
        """The palette of a recording's ``colours``; ``height`` (px) decides if no matrix is named."""
        default = SHARES[1] if colours[2] not in (5, 6) and height >= HD_LINES else SD_SHARES
        return cls(*SHARES.get(colours[2], default))

    def patch(self, image: np.ndarray) -> Patch:
        """An RGB image, uint8 ``(H, W, 3)`` with even sides, as a patch."""
        rgb = image.astype(np.float32) / 255
        grey = rgb @ np.array([self.red, 1 - self.red - self.blue, self.blue], np.float32)
        halves = [(rgb[..., 2] - grey) / (2 - 2 * self.blue), (rgb[..., 0] - grey) / (2 - 2 * self.red)]
        height, width = grey.shape
        small = [half.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)) for half in halves]
        y, u, v = 16 + 219 * grey, *(128 + 224 * half for half in small)
        return Patch(*(np.round(plane).astype(np.uint8) for plane in (y, u, v)))

    def colour(self, rgb: Colour) -> tuple[int, int, int]:
        """The three values of one colour."""
        patch = self.patch(np.full((2, 2, 3), rgb, np.uint8))
        return int(patch.y[0, 0]), int(patch.u[0, 0]), int(patch.v[0, 0])


class Canvas:
    """A picture of ``width`` and ``height`` (px, even) in one buffer; colours are rounded to even places and sizes."""

    def __init__(self, width: int, height: int):
        self.width, self.height = width, height
        self.planes = np.zeros((height * 3 // 2, width), np.uint8)
        self.y = self.planes[:height]
        self.u, self.v = self.planes[height:].reshape(2, height // 2, width // 2)

    def put_picture(self, planes: np.ndarray) -> None:
        """Show a picture of the same width (``playback.Picture.planes``) at the top."""
        rows, width = planes.shape
        height = rows * 2 // 3
        self.y[:height] = planes[:height]
        u, v = planes[height:].reshape(2, height // 2, width // 2)
        self.u[: height // 2], self.v[: height // 2] = u, v

    def fill(self, left: int, top: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle (px) with a colour from ``Palette.colour``."""
        rows, columns = slice(max(top, 0), max(top + height, 0)), slice(max(left, 0), max(left + width, 0))
        halves = _half(rows), _half(columns)
        self.y[rows, columns] = colour[0]
        self.u[halves], self.v[halves] = colour[1:]

    def paste(self, patch: Patch, left: int, top: int) -> None:
        """Put a patch at an even place (px); all of it must be inside the canvas."""
        height, width = patch.y.shape
        self.y[top : top + height, left : left + width] = patch.y
        left, top, width, height = left // 2, top // 2, width // 2, height // 2
        self.u[top : top + height, left : left + width] = patch.u
        self.v[top : top + height, left : left + width] = patch.v

    def frame(self, left: int, top: int, width: int, height: int, line: int, colour: Colour, bottom: int) -> None:
        """Draw the outline of a rectangle, ``line`` px wide, without the part below the row ``bottom``."""
        low = min(top + height, bottom)
        self.fill(left, top, width, min(line, bottom - top), colour)
        self.fill(left, max(low - line, top), width, line, colour)
        self.fill(left, top, line, low - top, colour)
        self.fill(left + width - line, top, line, low - top, colour)

    def mosaic(self, left: float, top: float, width: float, height: float, bottom: int) -> None:
        """Hide a region (px) behind blocks of one colour each, without the part below the row ``bottom``.

        Blocks lie on a grid that is fixed to the picture, so that those of a still face stay the same.
        """
        side = _block_side(max(width, height) / BLOCKS)
        x0, y0 = (max(int(edge // side) * side, 0) for edge in (left, top))
        x1, y1 = (int(-(-edge // side)) * side for edge in (left + width, top + height))
        x1, y1 = min(x1, self.width), min(y1, bottom)
        if x0 >= x1 or y0 >= y1:
            return
        _average(self.y[y0:y1, x0:x1], side)
        for plane in (self.u, self.v):
            _average(plane[y0 // 2 : y1 // 2, x0 // 2 : x1 // 2], side // 2)


def _half(pixels: slice) -> slice:
    return slice(pixels.start // 2, pixels.stop // 2)


@lru_cache(maxsize=64)
def _block_side(least: float) -> int:
    """The side of blocks (px, even) that is at least this."""
    return next((side for side in BLOCK_SIDES if side >= least), BLOCK_SIDES[-1])


def _average(plane: np.ndarray, side: int) -> None:
    """Replace blocks of ``side`` pixels by their mean, in place; the last ones may be cut off."""
    rows, columns = np.arange(0, plane.shape[0], side), np.arange(0, plane.shape[1], side)
    sums = np.add.reduceat(np.add.reduceat(plane, rows, axis=0, dtype=np.uint32), columns, axis=1)
    high, wide = np.diff(rows, append=plane.shape[0]), np.diff(columns, append=plane.shape[1])
    means = (sums / np.outer(high, wide)).astype(np.uint8)
    plane[:] = np.repeat(np.repeat(means, high, axis=0), wide, axis=1)
