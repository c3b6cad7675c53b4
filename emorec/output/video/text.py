"""Text in pictures, in the font of Pillow or, for letters that this lacks, in the fonts that vl-convert finds."""

from __future__ import annotations

import html
import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MISSING = "\uffff"  # no font has this character
WIDEST = 1.5  # width of a letter as a share of the height, at most

Colour = tuple[int, int, int]


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Pillow's font at a height of ``size`` pixels; it has English letters only."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # as long as Pillow is built with FreeType, as its wheels are
    return found


@lru_cache(maxsize=256)
def mask(words: str, size: int) -> Image.Image:
    """A grey image of the words, white on black, as wide as the words and about 1.4 times ``size`` (px) high."""
    height = 2 * round(0.7 * size)
    if _has(words):
        image = Image.new("L", (max(1, round(font(size).getlength(words))), height))
        ImageDraw.Draw(image).text((0, height / 2), words, 255, font(size), anchor="lm")
        return image
    import vl_convert  # slow to import, and most words do not need it

    widest = round(WIDEST * size * len(words)) + 1
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{widest}" height="{height}"><rect width="100%" height="100%"/>'
        f'<text x="0" y="{height / 2 + 0.35 * size}" font-family="sans-serif" font-size="{size}" fill="#fff">'
        f"{html.escape(words)}</text></svg>"
    )
    image = Image.open(io.BytesIO(vl_convert.svg_to_png(svg))).convert("L")
    ink = image.getbbox()
    return image.crop((0, 0, ink[2] + 1 if ink else 1, height))


def width(words: str, size: int) -> int:
    """The width of words (px)."""
    return mask(words, size).width


def chip(words: str, size: int, colour: Colour, most: int) -> np.ndarray:
    """Words on a coloured background, uint8 RGB ``(H, W, 3)`` with even sides, at most ``most`` px wide (even)."""
    margin = max(2, size // 4)
    drawn = mask(words, size)
    wide = min(drawn.width + 2 * margin, most)
    image = Image.new("RGB", (wide + wide % 2, drawn.height), colour)
    image.paste(ink(colour), (margin, 0), drawn)
    return np.asarray(image)


def ink(background: Colour) -> Colour:
    """Black or white, whichever is readable on the background."""
    red, green, blue = background
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)


@lru_cache(maxsize=256)
def _has(words: str) -> bool:
    """Whether Pillow's font has every letter."""
    return all(letter.isspace() or _glyph(letter) != _glyph(MISSING) for letter in words)


def _glyph(letter: str) -> bytes:
    image = Image.new("L", (32, 32))
    ImageDraw.Draw(image).text((8, 8), letter, 255, font(16))
    return image.tobytes()
