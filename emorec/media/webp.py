"""Animated WebP as video. FFmpeg has no demuxer for it, so Pillow decodes it and FFmpeg reads the raw pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image

from emorec.errors import EmorecError

TICKS = 1000
"""Of the clock in a second: WebP counts milliseconds."""


class RawVideo:
    """The pictures of an animation as a Matroska stream, made while it is read; ``size`` is the canvas in pixels.

    Raises ``EmorecError`` if the file cannot be decoded or has more than ``max_pixels``.
    """

    def __init__(self, path: Path, max_pixels: int):
        try:
            self._picture = Image.open(path, formats=("WEBP",))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise EmorecError(f"{path.name} is too damaged to be read; was it copied completely?") from error
        width, height = self._picture.size
        if width * height > max_pixels:
            self._picture.close()
            raise EmorecError(f"{path.name} has too many pixels ({width} x {height}); scale it down first.")
        self._pieces, self._left = self._matroska(), b""

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes more, none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = piece
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()
        self._picture.close()

    def _matroska(self) -> Iterator[bytes]:
        out = _Written()
        options = {"live": "1", "allow_raw_vfw": "1", "flush_packets": "1"}
        with av.open(out, "w", format="matroska", options=options) as container:
            stream = container.add_stream("rawvideo", rate=TICKS)
            stream.width, stream.height = self._picture.size
            stream.pix_fmt = "bgr24"
            time = 0
            for number in range(getattr(self._picture, "n_frames", 1)):
                try:
                    self._picture.seek(number)
                    image = self._picture.convert("RGB")
                except (OSError, ValueError, EOFError):
                    break
                frame = av.VideoFrame.from_image(image)
                frame.pts = time
                time += max(1, int(self._picture.info.get("duration") or 1))
                container.mux(stream.encode(frame))
                yield out.taken()
            container.mux(stream.encode(None))
        yield out.taken()


class _Written(io.RawIOBase):
    """A file that can only be written to and keeps what was written until it is taken."""

    def __init__(self):
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
