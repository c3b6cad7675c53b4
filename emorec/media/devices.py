"""Cameras and microphones of this machine, through FFmpeg's input devices.

A device is read until its reader stops or the device ends. Times of the device are not used, because they begin
anywhere: a caller takes the time at which a picture or a block of sound arrives.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from emorec.errors import EmorecError
from emorec.media import mixdown
from emorec.media.integrity import AV_ERRORS

# For each system FFmpeg's formats for cameras and for microphones, and how each names a device; the first one that
# can be opened is used.
CAMERAS = {
    "linux": (("video4linux2", "{}"),),
    "darwin": (("avfoundation", "{}:none"),),
    "win32": (("dshow", "video={}"),),
}
MICROPHONES = {
    "linux": (("pulse", "{}"), ("alsa", "{}")),
    "darwin": (("avfoundation", "none:{}"),),
    "win32": (("dshow", "audio={}"),),
}
DEFAULTS = {"linux": ("/dev/video0", "default"), "darwin": ("0", "0")}  # of cameras and microphones
SIZE = {"video_size": "640x480"}  # asked for first; a camera that does not have it is opened as it is
SYSTEM_ALSA = Path("/usr/share/alsa/alsa.conf")  # FFmpeg's own copy of ALSA looks for it elsewhere

NO_DEVICE = "There is no {kind} {name!r} here ({reason}); name another one with --{option}, or none with 'none'."
NOT_NAMED = "This system has no usual {kind}; name one with --{option}, or none with 'none'."
STOPPED = "The {kind} {name!r} has stopped ({reason})."


def camera(name: str = "") -> Iterator[np.ndarray]:
    """Yield the pictures of a camera, uint8 RGB (H, W, 3), as they come; "" is the usual one.

    It is opened at once. Raises EmorecError if it is not there, and while it is read if it stops.
    """
    kind, option = "camera", "video_device"
    name = name or _default_device(0, kind, option)
    container = _open(CAMERAS, name, kind, option, (SIZE, {}))
    return _pictures(container, name)


def microphone(name: str = "") -> Iterator[tuple[np.ndarray, int]]:
    """Yield the sound of a microphone as it comes, as float32 (channels, N) and its rate (Hz); "" is the usual one.

    It is opened at once. Raises EmorecError if it is not there, and while it is read if it stops.
    """
    kind, option = "microphone", "audio_device"
    name = name or _default_device(1, kind, option)
    if SYSTEM_ALSA.exists():
        os.environ.setdefault("ALSA_CONFIG_PATH", str(SYSTEM_ALSA))
    container = _open(MICROPHONES, name, kind, option, ({},))
    return _sounds(container, name)


def _default_device(index: int, kind: str, option: str) -> str:
    found = DEFAULTS.get(sys.platform)
    if found is None:
        raise EmorecError(NOT_NAMED.format(kind=kind, option=option))
    return found[index]


def _open(formats: dict, name: str, kind: str, option: str, option_sets: tuple[dict[str, str], ...]):
    reason = "it cannot be read on this system"
    for form, pattern in formats.get(sys.platform, ()):
        for options in option_sets:
            try:
                with _quiet():
                    return av.open(pattern.format(name), format=form, options=dict(options))
            except AV_ERRORS as error:
                # Without a number the format is not known to this FFmpeg, which says nothing about the device.
                reason = error.strerror if getattr(error, "errno", None) else reason  # pyright: ignore
    raise EmorecError(NO_DEVICE.format(kind=kind, name=name, reason=reason, option=option))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Within this context, libraries cannot write to standard error: ALSA prints lines for every missing device."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nothing)
        os.close(kept)


def _pictures(container, name: str) -> Iterator[np.ndarray]:
    with container:
        try:
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
        except AV_ERRORS as error:
            raise _stopped_error("camera", name, error) from None


def _sounds(container, name: str) -> Iterator[tuple[np.ndarray, int]]:
    resampler = None
    with container:
        try:
            for frame in container.decode(audio=0):
                resampler = resampler or av.AudioResampler("flt", frame.layout.name, frame.sample_rate)
                frame.pts = None
                for piece in resampler.resample(frame):
                    yield mixdown.channels_first(piece), piece.sample_rate
        except AV_ERRORS as error:
            raise _stopped_error("microphone", name, error) from None


def _stopped_error(kind: str, name: str, error: BaseException) -> EmorecError:
    return EmorecError(STOPPED.format(kind=kind, name=name, reason=getattr(error, "strerror", None) or error))
