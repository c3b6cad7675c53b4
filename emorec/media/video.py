"""Decoded pictures made upright, with square pixels, in the size and colours that are asked for."""

from __future__ import annotations

from functools import cached_property

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, VideoReformatter

MAX_ASPECT = 4.0

BRIGHTNESS_FIRST = {
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuva420p", "nv12", "nv21"),
    *("yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p"),
}
"""Formats whose first plane is the brightness, a byte a pixel."""

EXPANDED = np.clip(np.round((np.arange(256) - 16.0) * 255 / 219), 0, 255).astype(np.uint8)
"""Brightness from 0 to 255 for what most video has, from 16 to 235 (ITU-R BT.601)."""


class Grey:
    """The brightness of a decoded picture at its full size, upright, with square pixels.

    ``grey[top:bottom, left:right]`` is uint8 ``(H, W)``; only what is asked for is read, as a face is a small part of
    a picture, and most pictures are never asked.
    """

    def __init__(self, frame: av.VideoFrame, aspect: float):
        self._frame, self._aspect = frame, aspect
        width, height = max(1, round(frame.width * aspect)), frame.height
        self._width = width
        self.shape = (width, height) if orientation(frame)[0] else (height, width)

    def __getitem__(self, part) -> np.ndarray:
        plane, limited = self.plane
        values = np.ascontiguousarray(plane[part])
        return EXPANDED[values] if limited else values

    @cached_property
    def plane(self) -> tuple[np.ndarray, bool]:
        """The picture ``(H, W)`` as it lies in memory, and whether its values go from 16 to 235 (see ``EXPANDED``)."""
        frame = self._frame
        plane = frame.planes[0]
        if self._width == frame.width and frame.format.name in BRIGHTNESS_FIRST and plane.line_size > 0:
            rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
            full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
            return upright(rows[: frame.height, : frame.width], frame), not full
        grey = VideoReformatter().reformat(frame, self._width, frame.height, "gray", dst_color_range=ColorRange.JPEG)
        return upright(grey.to_ndarray(), frame), False


def picture(frame: av.VideoFrame, reformatter: VideoReformatter, aspect: float, max_side: int) -> np.ndarray:
    """RGB, uint8 ``(H, W, 3)``, with its longer side at most ``max_side`` (px)."""
    scale = min(1.0, max_side / max(frame.width * aspect, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width * aspect, frame.height))
    image = reformatter.reformat(frame, width, height, "rgb24").to_ndarray()
    return np.ascontiguousarray(upright(image, frame))


def orientation(frame) -> tuple[bool, bool, bool]:
    """What turns a picture as it is stored into what a player shows: whether rows and columns change places, and
    whether it is then mirrored from left to right, and from top to bottom.

    Read from the display matrix, rounded to quarter turns (ISO/IEC 14496-12, 6.2.2; libavutil's display.h).
    """
    matrix = frame.side_data.get(Type.DISPLAYMATRIX) if isinstance(frame, av.VideoFrame) else None
    if matrix is None:
        return False, False, False
    # x' = a x + c y and y' = b x + d y
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)
    transposed = abs(a) + abs(d) < abs(b) + abs(c)
    across, down = (c, b) if transposed else (a, d)
    return transposed, across < 0, down < 0


def upright(image: np.ndarray, frame) -> np.ndarray:
    """A view of an image ``(H, W, ...)`` of a frame as a player shows it."""
    transposed, mirrored, upside_down = orientation(frame)
    image = image.swapaxes(0, 1) if transposed else image
    return image[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


def upright_size(frame, aspect: float) -> tuple[int, int]:
    """Width and height (px) of a picture, upright and with square pixels."""
    width, height = round(frame.width * aspect), frame.height
    return (height, width) if orientation(frame)[0] else (width, height)


def pixel_aspect(stream) -> float:
    """Width over height of a pixel; 1 where what the file says is senseless."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else 1.0


def turned(image: np.ndarray, degrees: int) -> np.ndarray:
    """A picture ``(H, W, ...)`` turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(image, -degrees // 90))


class Turned:
    """As ``Grey``, of a picture that is turned clockwise by a multiple of 90 degrees."""

    def __init__(self, grey: Grey, degrees: int):
        self._grey, self._quarters = grey, -degrees // 90
        self.shape = grey.shape[::-1] if degrees % 180 else grey.shape

    def __getitem__(self, part) -> np.ndarray:
        plane, limited = self.plane
        values = np.ascontiguousarray(plane[part])
        return EXPANDED[values] if limited else values

    @property
    def plane(self) -> tuple[np.ndarray, bool]:
        """As ``Grey.plane``."""
        plane, limited = self._grey.plane
        return np.rot90(plane, self._quarters), limited
