"""Draws the annotated pictures, one after the other: hidden faces, boxes, names, emotions, and the strip below."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from emorec.extraction.features import Features
from emorec.face.matching import is_cut, shrink
from emorec.inference.result import Timeline
from emorec.media.playback import Colours, Picture
from emorec.output.video import text
from emorec.output.video.boxes import Boxes
from emorec.output.video.canvas import Canvas, Palette, Patch
from emorec.output.video.labels import Label, Labels
from emorec.output.video.strip import Strip, colour_of, text_size

OVERVIEW = (32, 18)  # px; the size in which pictures are compared to find cuts
LINE = 1 / 150  # width of a box's line as a share of the picture's height
PLAIN = (40, 40, 40)  # background of a name without a sure emotion
EDGE = (0, 0, 0)  # line around the box, so that it is visible on any picture
OUTLINE = (230, 230, 230)  # box without a sure emotion


class Drawing:
    """Draws on the pictures of a recording, in the order of time.

    ``size`` is width and height (px) of the pictures, ``start`` and ``end`` (s) are the ends of the strip; with
    ``blur`` every face is hidden. ``planes`` of ``canvas`` hold what was drawn last.
    """

    def __init__(
        self,
        features: Features,
        timeline: Timeline,
        labels: Labels,
        size: tuple[int, int],
        colours: Colours,
        start: float,
        end: float,
        blur: bool,
    ):
        width, self._height = size
        self._boxes, self._labels, self._blur = Boxes(features.arrays), labels, blur
        self._palette = Palette.of(colours, self._height)
        self._strip = Strip(timeline, labels, width, self._height, start, end)
        self.canvas = Canvas(width, self._height + self._strip.height)
        self._strip.draw(self.canvas, self._palette, self._height)
        self._text_size = text_size(self._height)
        self._line = 2 * max(1, round(LINE * self._height / 2))
        self._overview: np.ndarray | None = None
        self._cut = -np.inf
        self._chip = lru_cache(maxsize=256)(self._make_chip)

    def draw(self, picture: Picture, time: float) -> np.ndarray:
        """The planes of the canvas for a picture that is shown at ``time`` (s), its own time or later."""
        canvas, height = self.canvas, self._height
        self._find_cut(picture)
        canvas.put_picture(picture.planes)
        scale = np.array([canvas.width, height, canvas.width, height])
        if self._blur:
            for box in self._boxes.hidden(picture.time):
                canvas.mosaic(*(box * scale), bottom=height)
        for person, box in self._boxes.shown(picture.time, self._cut):
            self._draw_face(box * scale, self._labels.at(time, person))
        self._strip.move(time)
        return canvas.planes

    def _find_cut(self, picture: Picture) -> None:
        overview = shrink(picture.planes[: self._height], OVERVIEW) * np.float32(255 / 219)
        if self._overview is not None and is_cut(self._overview, overview):
            self._cut = picture.time
        self._overview = overview

    def _draw_face(self, box: np.ndarray, label: Label) -> None:
        left, top, right, bottom = (2 * round(edge / 2) for edge in (*box[:2], *(box[:2] + box[2:])))
        if right <= 0 or bottom <= 0 or left >= self.canvas.width or top >= self._height:
            return
        colour = colour_of(label.emotion) if label.sure else OUTLINE
        line = self._palette.colour(colour)
        around = left - 2, top - 2, right - left + 4, bottom - top + 4
        self.canvas.frame(*around, 2, self._palette.colour(EDGE), self._height)
        self.canvas.frame(left, top, right - left, bottom - top, self._line, line, self._height)
        chip = self._chip(label.name, words_of(label), colour_of(label.emotion) if label.sure else PLAIN)
        high, wide = chip.y.shape
        above = top - high if top >= high else min(bottom, self._height - high)
        if above >= 0:
            self.canvas.paste(chip, min(max(left, 0), self.canvas.width - wide), above)

    def _make_chip(self, name: str, words: str, background: tuple[int, int, int]) -> Patch:
        shown = f"{name}: {words}" if words else name
        most = self.canvas.width - self.canvas.width % 2
        return self._palette.patch(text.chip(shown, self._text_size, background, most))


def words_of(label: Label) -> str:
    """The emotion of a label in words: "happy 72%", "unsure", or "" without evidence."""
    if not label.emotion:
        return ""
    return f"{label.emotion} {label.confidence:.0%}" if label.sure else "unsure"
