"""Decoded pictures, converted to upright ones with square pixels in the requested size and colours."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import ColorRange, VideoReformatter

MAX_ASPECT = 4.0

# Formats whose first plane is the brightness, a byte a pixel.
LUMA_FIRST = {
    *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p", "yuva420p", "nv12", "nv21"),
    *("yuvj420p", "yuvj422p", "yuvj444p", "yuvj440p"),
}
EXPANDED = np.clip(np.round((np.arange(256) - 16.0) * 255 / 219), 0, 255).astype(np.uint8)


def luma(frame: av.VideoFrame, aspect: float) -> tuple[np.ndarray, bool]:
    """The brightness of a decoded picture at its full size, upright, with square pixels: uint8 ``(H, W)``, and whether
    it goes from 16 to 235 (see ``full_range``)."""
    width, plane = max(1, round(frame.width * aspect)), frame.planes[0]
    if width == frame.width and frame.format.name in LUMA_FIRST and plane.line_size > 0:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        full = frame.format.name.startswith("yuvj") or frame.color_range == ColorRange.JPEG
        return upright(rows[: frame.height, : frame.width], frame), not full
    grey = VideoReformatter().reformat(frame, width, frame.height, "gray", dst_color_range=ColorRange.JPEG)
    return upright(grey.to_ndarray(), frame), False


def full_range(luma: np.ndarray) -> np.ndarray:
    """Brightness from 16 to 235 as brightness from 0 to 255 (ITU-R BT.601), uint8 of the same shape."""
    return EXPANDED[luma]


def picture(frame: av.VideoFrame, reformatter: VideoReformatter, aspect: float, max_side: int) -> np.ndarray:
    """RGB, uint8 ``(H, W, 3)``, with its longer side at most ``max_side`` (px)."""
    scale = min(1.0, max_side / max(frame.width * aspect, frame.height))
    width, height = (max(1, round(side * scale)) for side in (frame.width * aspect, frame.height))
    image = reformatter.reformat(frame, width, height, "rgb24").to_ndarray()
    return np.ascontiguousarray(upright(image, frame))


def orientation(frame) -> tuple[bool, bool, bool]:
    """How a stored picture is turned for display: whether it is transposed, and whether it is then mirrored from left
    to right, and from top to bottom.

    Read from the display matrix, rounded to quarter turns (ISO/IEC 14496-12, 6.2.2; libavutil's display.h).
    """
    side_data: Any = frame.side_data if isinstance(frame, av.VideoFrame) else {}
    matrix = side_data.get(Type.DISPLAYMATRIX)
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
    """Width over height of a pixel; 1 if the file states an impossible value."""
    aspect = float(stream.sample_aspect_ratio or 1)
    return aspect if 1 / MAX_ASPECT <= aspect <= MAX_ASPECT else 1.0


def rotate_image(image: np.ndarray, degrees: int) -> np.ndarray:
    """A picture ``(H, W, ...)`` turned clockwise by a multiple of 90 degrees."""
    return np.ascontiguousarray(np.rot90(image, -degrees // 90)) if degrees else image
