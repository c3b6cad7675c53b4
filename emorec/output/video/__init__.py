"""The annotated video: the recording with a box, a name and an emotion at every face, and the timeline below."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.extraction.options import Settings
from emorec.inference.result import Timeline
from emorec.media import sandbox
from emorec.media.passes import without_damage
from emorec.media.playback import Picture
from emorec.media.writer import SOUND_RATE, MovieWriter
from emorec.output.video.drawing import Drawing
from emorec.output.video.labels import Labels

__all__ = ["check_name", "save"]

SUFFIX = ".mp4"
MAX_SIDE = 1280  # px, of the picture without the strip
REPEAT = 1.0  # seconds after which a picture is repeated, so that the playhead moves
AHEAD = 0.5  # seconds by which the sound is written ahead of the pictures
DEFAULT_RATE, MIN_RATE, MAX_RATE = 25.0, 1.0, 120.0  # pictures per second that the encoder expects

NO_PICTURE = "{name} has no picture, so there is no video to write; leave out --save_video, or give a video."
NO_FACE = (
    "No face was found in {name}, so nothing in it can be hidden and no video was written; leave out --blur if its "
    "pictures may be shown as they are."
)
NOT_SOUGHT = (
    "Only the voice of {name} was analysed, so nothing in its pictures can be hidden and no video was written; choose "
    "a fusion with faces, or leave out --blur if its pictures may be shown as they are."
)
OTHER_FILE = "An annotated video cannot be saved as {name}; end the name in .mp4."
OTHER_RECORDING = "These features are not those of {name}; give the recording that they were extracted from."
ITSELF = "{name} is the recording itself; choose another name for the annotated video."


def check_name(path: str | Path, media: str | Path | None = None) -> None:
    """Raise EmorecError unless a video can be saved under this name, and it is not the recording ``media`` itself."""
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise EmorecError(OTHER_FILE.format(name=path.name))
    if path.is_dir():
        raise EmorecError(f"{path} is a directory; give the name of a file.")
    if files.is_special(path):
        raise EmorecError(f"{path} is a pipe or a device, which cannot hold a video; give the name of a file.")
    with contextlib.suppress(OSError):
        if media is not None and os.path.samefile(path, media):
            raise EmorecError(ITSELF.format(name=path.name))


def save(
    media: str | Path,
    features: Features,
    timeline: Timeline,
    path: str | Path,
    *,
    blur: bool = False,
    names: Mapping[int, str] | None = None,
    progress: Callable[[float], object] | None = None,
    part: tuple[float, float] | None = None,
) -> None:
    """Write the annotated video of a recording as mp4 (H.264, AAC), completely or not at all.

    ``media`` is the file from which ``features`` were extracted, and ``timeline`` was inferred from these. With
    ``blur`` every face is hidden behind a mosaic. ``names`` are the names of the persons by number. ``progress(time)``
    is called with the time (s) of each picture that was written. ``part`` is the time (from, to) (s) to write, by
    default all that was analyzed. Raises EmorecError if the recording has no picture, if ``blur`` finds no face, or if
    a file cannot be read or written.
    """
    media, path = Path(media), Path(path)
    check_name(path, media)
    if not features.media.get("has_video", True):
        raise EmorecError(NO_PICTURE.format(name=media.name))
    if blur and not len(features.arrays["face_time"]):
        sought = features.settings.get("faces", True)
        raise EmorecError((NO_FACE if sought else NOT_SOUGHT).format(name=media.name))
    with contextlib.suppress(OSError):
        if features.media.get("size", media.stat().st_size) != media.stat().st_size:
            raise EmorecError(OTHER_RECORDING.format(name=media.name))
    start, end = part or (features.start, features.until)
    # By rounding, the last picture of a whole recording may begin after its end.
    limit = math.inf if features.complete and features.settings.get("end") is None and part is None else end
    selection = replace(Settings(**features.settings).selection, pictures=True, sound=True, filtered=True)
    decoded = sandbox.pictures(media, start, MAX_SIDE, replace(selection, sound=False), limit)
    sound = sandbox.stereo(media, SOUND_RATE, start, replace(selection, pictures=False), limit)
    with contextlib.closing(decoded), contextlib.closing(sound):
        pictures = without_damage(decoded)
        first = next(pictures, None)
        if first is None:
            raise EmorecError(NO_PICTURE.format(name=media.name))
        rows, width = first.planes.shape
        picture_size = width, rows * 2 // 3
        drawing = Drawing(features, timeline, Labels(timeline, names), picture_size, first.colours, start, end, blur)
        rate = min(max(float(features.media.get("frame_rate") or DEFAULT_RATE), MIN_RATE), MAX_RATE)
        block = next(sound, None)  # samples that are not written yet
        movie_size = width, drawing.canvas.height
        with MovieWriter(path, movie_size, first.colours, rate, block is not None) as movie:
            written = 0  # samples
            for picture, time in _with_repeats(first, pictures, end):
                while block is not None and written <= (time - start + AHEAD) * SOUND_RATE:
                    movie.sound(block)
                    written += len(block)
                    block = next(sound, None)
                movie.picture(time - start, drawing.draw(picture, time))
                if progress:
                    progress(time)
            while block is not None:
                movie.sound(block)
                block = next(sound, None)


def _with_repeats(first: Picture, pictures: Iterator[Picture], end: float) -> Iterator[tuple[Picture, float]]:
    """Every picture with its time (s), and again every REPEAT seconds until the next one, or until ``end`` (s)."""
    shown = first
    yield first, first.time
    for picture in pictures:
        yield from _repeats(shown, picture.time)
        yield picture, picture.time
        shown = picture
    yield from _repeats(shown, end)


def _repeats(picture: Picture, until: float) -> Iterator[tuple[Picture, float]]:
    for number in range(1, math.ceil((until - picture.time) / REPEAT - 0.01)):
        yield picture, picture.time + number * REPEAT
