"""Words in pictures, in the font that Pillow ships."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MISSING = "\uffff"  # no font has it

Colour = tuple[int, int, int]


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at a height of ``size`` pixels."""
    found = ImageFont.load_default(size)
    assert isinstance(found, ImageFont.FreeTypeFont)  # as long as Pillow is built with FreeType, as its wheels are
    return found


def width(words: str, size: int) -> int:
    """How wide words are (px)."""
    return round(font(size).getlength(words))


@lru_cache(maxsize=256)
def can_draw(words: str) -> bool:
    """Whether the font has every character; it has those of Latin letters."""
    missing = bytes(font(16).getmask(MISSING))
    return all(character.isspace() or bytes(font(16).getmask(character)) != missing for character in words)


def chip(words: str, size: int, colour: Colour, most: int) -> np.ndarray:
    """Words on a coloured ground, uint8 RGB ``(H, W, 3)`` with even sides, at most ``most`` px wide."""
    margin = max(2, size // 4)
    wide = min(width(words, size) + 2 * margin, most)
    image = Image.new("RGB", (wide + wide % 2, 2 * round(0.7 * size)), colour)
    ImageDraw.Draw(image).text((margin, image.height / 2), words, ink(colour), font(size), anchor="lm")
    return np.asarray(image)


def ink(ground: Colour) -> Colour:
    """Black or white, whichever can be read on a ground."""
    red, green, blue = ground
    return (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else (255, 255, 255)
