"""The timeline under the picture: a lane of colours for each person, the time, and a playhead."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from emorec.emotions import COLOURS
from emorec.inference.result import Timeline
from emorec.output.chart_data import clock
from emorec.output.video import text
from emorec.output.video.canvas import Canvas, Palette
from emorec.output.video.labels import Labels, Rows

GROUND = (24, 24, 24)
NOTHING = (60, 60, 60)  # time without evidence
UNSURE = (190, 190, 190)  # stripes that alternate with NOTHING
INK = (235, 235, 235)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
STRIPE = 4  # px
MAX_LANES = 4  # of the persons who are longest on screen
TEXT = 0.042  # height of the text as a share of the height of the picture
LANE, LEAST_LANE = 0.05, 10  # height of a lane as a share of the height of the picture, and its least height (px)
LEAST_TEXT = 9  # px
NAMES = 0.2  # share of the width that the persons' names may take


def colour_of(emotion: str) -> tuple[int, int, int]:
    """The colour of an emotion as red, green and blue."""
    code = COLOURS[emotion]
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


def text_size(height: int) -> int:
    """The height (px) of the words in a picture of that height."""
    return max(LEAST_TEXT, round(TEXT * height))


class Strip:
    """The strip for a picture of ``width`` and ``height`` (px), from ``start`` to ``end`` (s).

    ``image`` is RGB, uint8 ``(H, W, 3)``, with an even height; only the playhead and the time change later.
    """

    def __init__(self, timeline: Timeline, labels: Labels, width: int, height: int, start: float, end: float):
        self._start, self._end = start, max(end, start + 1e-6)
        lanes = [one for one in timeline.people if len(one)][:MAX_LANES] or [timeline]
        self._size = text_size(height)
        self._lane = max(LEAST_LANE, 2 * round(LANE * height / 2))
        self._gap = max(2, 2 * round(self._size / 6))
        self._text_height = 2 * round(0.7 * self._size)
        self._top = self._text_height + 2 * self._gap  # of the lanes
        lanes_height = len(lanes) * (self._lane + self._gap)
        image = Image.new("RGB", (width, self._top + lanes_height + self._gap), GROUND)
        margin = min(self._gap * 2, 2 * (width // 6))  # leaves room for lanes in a very narrow picture
        self._left, self._right = margin, width - margin
        if len(lanes) > 1:
            self._draw_names(image, [labels.name(int(one.person[0])) for one in lanes])
        for number, lane in enumerate(lanes):
            top = self._top + number * (self._lane + self._gap)
            image.paste(Image.fromarray(self._colours(Rows(lane))), (self._left, top))
        self._draw_legend(image, lanes)
        self.image = np.asarray(image)
        self._shown = ""
        self._column = -1

    @property
    def height(self) -> int:
        """The height of the strip (px)."""
        return self.image.shape[0]

    def draw(self, canvas: Canvas, palette: Palette, top: int) -> None:
        """Draw everything that does not change later, at the row ``top`` of a canvas. Call it before ``move``."""
        self._canvas, self._palette, self._at = canvas, palette, top
        self._base = palette.patch(self.image)
        canvas.paste(self._base, 0, top)

    def move(self, time: float) -> None:
        """Move the playhead, and the time beside it, to ``time`` (s)."""
        if (words := f"{clock(int(time))} / {clock(int(self._end))}") != self._shown:
            self._shown = words
            self._canvas.paste(
                self._palette.patch(text.chip(words, self._size, GROUND, self._canvas.width)), 0, self._at + self._gap
            )
        share = (time - self._start) / (self._end - self._start)
        column = self._left + 2 * round(min(max(share, 0.0), 1.0) * (self._right - self._left - 2) / 2)
        if column == self._column:
            return
        if self._column >= 0:
            self._restore(self._column - 2, 6)
        self._column = column
        top, height = self._at + self._top - self._gap, self.height - self._top + self._gap
        self._canvas.fill(column - 2, top, 6, height, self._palette.colour(BLACK))
        self._canvas.fill(column, top, 2, height, self._palette.colour(WHITE))

    def _restore(self, left: int, width: int) -> None:
        """Draw the columns below the time again, without the playhead."""
        canvas, base, top = self._canvas, self._base, self._top - self._gap
        columns, rows = slice(left, left + width), slice(self._at + top, self._at + self.height)
        canvas.y[rows, columns] = base.y[top:, columns]
        columns, rows = slice(left // 2, (left + width) // 2), slice(rows.start // 2, rows.stop // 2)
        canvas.u[rows, columns] = base.u[top // 2 :, columns]
        canvas.v[rows, columns] = base.v[top // 2 :, columns]

    def _colours(self, rows: Rows) -> np.ndarray:
        """One lane, uint8 RGB (H, W, 3): each column has the colour of the time in its middle."""
        width = self._right - self._left
        times = self._start + (np.arange(width) + 0.5) / width * (self._end - self._start)
        found = [rows.at(time) for time in times]
        lane = np.empty((self._lane, width, 3), np.uint8)
        lane[:] = [colour_of(row.emotion) if row and row.emotion else NOTHING for row in found]
        unsure = np.array([bool(row and row.emotion and not row.sure) for row in found])
        stripes = (np.arange(self._lane)[:, None] + np.arange(width)) // STRIPE % 2 == 0
        lane[unsure & stripes] = UNSURE
        lane[unsure & ~stripes] = NOTHING
        return lane

    def _draw_names(self, image: Image.Image, names: list[str]) -> None:
        """Draw the names at the left of the lanes, unless the picture is too narrow."""
        size = max(LEAST_TEXT, min(self._size, self._lane))
        most = int(NAMES * image.width)
        widest = min(max(text.width(name, size) for name in names), most)
        left = self._left + 2 * ((widest + self._gap) // 2 + 1)
        if 2 * left > image.width:
            return
        for number, name in enumerate(names):
            top = self._top + number * (self._lane + self._gap)
            drawn = text.mask(name, size).crop((0, 0, widest, text.mask(name, size).height))
            image.paste(INK, (self._left, top + (self._lane - drawn.height) // 2), drawn)
        self._left = left

    def _draw_legend(self, image: Image.Image, lanes: list[Timeline]) -> None:
        """Draw the colours of the emotions that occur, with their names, at the right of the time if there is space."""
        known = {emotion for one in lanes for emotion, sure in zip(one.dominant, one.sure, strict=True) if sure}
        size, draw = self._size, ImageDraw.Draw(image)
        at = self._right
        words = [emotion for emotion in COLOURS if emotion in known]
        needed = sum(text.width(word, size) + 2 * size for word in words)
        time = text.width(f"{clock(int(self._end))} / {clock(int(self._end))}", size) + 2 * size
        if needed + time > self._right:
            return
        for word in reversed(words):
            at -= text.width(word, size)
            middle = self._gap + self._text_height / 2
            image.paste(INK, (at, self._gap), text.mask(word, size))
            at -= size
            draw.rectangle((at, middle - 0.35 * size, at + 0.7 * size, middle + 0.35 * size), colour_of(word))
            at -= size
