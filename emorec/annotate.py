"""Still pictures with the faces marked, or hidden behind a mosaic."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emorec.emotions import COLOURS
from emorec.image import FaceResult

LINE = 300  # the longer side of the picture in widths of a line
TEXT = 50  # the longer side of the picture in heights of a text
SMALLEST_TEXT = 11  # pixels
BLOCKS = 7  # of a mosaic, along the longer side of a face
MARGIN = 0.15  # of a face, by which the mosaic is larger on each side: hair and chin tell who it is
QUALITY = 92  # of JPEG's 100

Area = tuple[int, int, int, int]  # left, top, right, bottom in pixels


def draw_faces(
    image: np.ndarray, faces: Sequence[FaceResult], blur: bool = False, doubtful: Sequence[Sequence[float]] = ()
) -> np.ndarray:
    """A copy of an RGB image (H, W, 3) uint8 with a box, a number, the emotion and the confidence for each face.

    ``blur`` hides the faces behind a mosaic, and also ``doubtful`` boxes (left, top, width, height, fractions of the
    picture), which may be faces.
    """
    picture = Image.fromarray(image).copy()
    areas = [_area(face.box, picture.size) for face in faces]
    if blur:
        for area in (*areas, *(_area(box, picture.size) for box in doubtful)):
            _hide(picture, area)
    for number, (face, area) in enumerate(zip(faces, areas, strict=True), 1):
        _mark(picture, area, f"{number} {face.dominant} {face.confidence:.0%}", COLOURS[face.dominant])
    return np.asarray(picture)


def jpeg(image: np.ndarray) -> bytes:
    """An RGB image (H, W, 3) uint8 as JPEG in its own size."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def _area(box: Sequence[float], size: tuple[int, int]) -> Area:
    """A box (left, top, width, height, fractions of the picture) in pixels, at least one wide and high."""
    (left, top, width, height), (columns, rows) = box, size
    low_x, low_y = min(int(left * columns), columns - 1), min(int(top * rows), rows - 1)
    high_x, high_y = round((left + width) * columns), round((top + height) * rows)
    return low_x, low_y, max(min(high_x, columns), low_x + 1), max(min(high_y, rows), low_y + 1)


def _hide(picture: Image.Image, area: Area) -> None:
    """Replace an area, and a margin around it, by blocks of its mean colours."""
    left, top, right, bottom = area
    more_x, more_y = round((right - left) * MARGIN), round((bottom - top) * MARGIN)
    wide = max(left - more_x, 0), max(top - more_y, 0)
    part = picture.crop((*wide, min(right + more_x, picture.width), min(bottom + more_y, picture.height)))
    scale = BLOCKS / max(part.size)
    blocks = part.resize([max(1, round(side * scale)) for side in part.size], Image.Resampling.BOX)
    picture.paste(blocks.resize(part.size, Image.Resampling.NEAREST), wide)


def _mark(picture: Image.Image, area: Area, text: str, colour: str) -> None:
    """Draw a box, and a text on its colour above it; below its upper edge if there is no space above."""
    draw, longer = ImageDraw.Draw(picture), max(picture.size)
    line = max(2, round(longer / LINE))
    font = ImageFont.load_default(max(SMALLEST_TEXT, longer / TEXT))
    draw.rectangle(area, outline=colour, width=line)
    _, _, width, height = (round(edge) for edge in draw.textbbox((0, 0), text, font))
    pad = line
    left = max(0, min(area[0], picture.width - width - 2 * pad))
    top = area[1] - height - 2 * pad
    top = area[1] if top < 0 else top
    draw.rectangle((left, top, left + width + 2 * pad, top + height + 2 * pad), fill=colour)
    draw.text((left + pad, top + pad), text, _ink(colour), font)


def _ink(colour: str) -> str:
    """Black or white, whichever is easier to read on a colour (#rrggbb), by its relative luminance (WCAG 2)."""
    levels = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    return "black" if (luminance + 0.05) / 0.05 > 1.05 / (luminance + 0.05) else "white"
