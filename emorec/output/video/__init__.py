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
REPEAT = 1.0  # seconds after which a picture is shown again, so that the playhead moves on
AHEAD = 0.5  # seconds by which the sound is written before the pictures
DEFAULT_RATE, MAX_RATE = 25.0, 120.0  # pictures a second that the encoder expects

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
    """Raise EmorecError unless a video can be saved under that name, which is not that of the recording."""
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
    """Write the annotated video of a recording as mp4 (H.264, AAC), whole or not at all.

    ``media`` is the file that ``features`` were extracted from; what of it was not analyzed is left out. ``timeline``
    is one of these features. With ``blur`` every face is hidden behind a mosaic. ``names`` are those of the persons by
    number. ``progress(time)`` is called with the time (s) of what was written. ``part`` (s) is what to write of the
    recording, by default all that was analyzed. Raises EmorecError if the recording has no picture, if there is no face
    for ``blur``, or if the file cannot be read or written.
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
    # The last picture of a whole recording may begin after its end by a rounding.
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
        size = width, rows * 2 // 3
        drawing = Drawing(features, timeline, Labels(timeline, names), size, first.colours, start, end, blur)
        rate = min(max(float(features.media.get("frame_rate") or DEFAULT_RATE), 1.0), MAX_RATE)
        heard = next(sound, None)
        size = width, drawing.canvas.height
        with MovieWriter(path, size, first.colours, rate, heard is not None) as movie:
            written = 0
            for picture, time in _steady(first, pictures, end):
                while heard is not None and written <= (time - start + AHEAD) * SOUND_RATE:
                    movie.sound(heard)
                    written += len(heard)
                    heard = next(sound, None)
                movie.picture(time - start, drawing.draw(picture, time))
                if progress:
                    progress(time)
            while heard is not None:
                movie.sound(heard)
                heard = next(sound, None)


def _steady(first: Picture, pictures: Iterator[Picture], end: float) -> Iterator[tuple[Picture, float]]:
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
