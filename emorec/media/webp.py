"""Animated WebP as video. FFmpeg has no demuxer for it, so Pillow decodes it and FFmpeg reads the raw pictures."""

from __future__ import annotations

import io
from collections.abc import Generator
from pathlib import Path

import av
from PIL import Image

from emorec.errors import EmorecError

TICKS = 1000  # a second; WebP counts milliseconds


class RawVideo:
    """The pictures of an animation as a Matroska stream that is generated while it is read.

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
        self._ticks = 0  # how long the pictures that were read are shown

    def read(self, size: int) -> bytes:
        """At most ``size`` bytes more, none at the end."""
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = piece
        piece, self._left = self._left[:size], self._left[size:]
        return piece

    @property
    def seconds(self) -> float:
        """How long the pictures are shown that were read until now; the stream does not tell it of the last one."""
        return self._ticks / TICKS

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()
        self._picture.close()

    def _matroska(self) -> Generator[bytes]:
        out = _Written()
        options = {"live": "1", "allow_raw_vfw": "1", "flush_packets": "1"}
        with av.open(out, "w", format="matroska", options=options) as container:
            stream = container.add_stream("rawvideo", rate=TICKS)
            stream.width, stream.height = self._picture.size
            stream.pix_fmt = "bgr24"
            for number in range(getattr(self._picture, "n_frames", 1)):
                try:
                    self._picture.seek(number)
                    image = self._picture.convert("RGB")
                except (OSError, ValueError, EOFError):
                    break
                frame = av.VideoFrame.from_image(image)
                frame.pts = self._ticks
                self._ticks += max(1, int(self._picture.info.get("duration") or 1))
                container.mux(stream.encode(frame))
                yield out.taken()
            container.mux(stream.encode(None))
        yield out.taken()


class _Written(io.RawIOBase):
    """A file in memory that keeps what is written until it is taken."""

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
