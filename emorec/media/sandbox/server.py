"""The decoding process: works on one file within limits, and answers with what it decodes.

It may hold limited memory, write no file, and use limited processor time without getting further in the recording; the
kernel ends it when it exceeds that. A hostile file that takes over a decoder can harm only this process.
"""

from __future__ import annotations

import base64
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec.childprocess import child, limits
from emorec.errors import EmorecError
from emorec.media import duration, excerpt, image, integrity, playback, seek_points, streams, track_list
from emorec.media.passes import Damage, ShownUntil
from emorec.media.selection import Selection

MEMORY = 3 << 30  # bytes; the largest pictures that are accepted (``packets.MAX_PIXELS``) take a third of it
SECONDS_WITHOUT_PROGRESS = 60  # of processor time
PICTURE_SECONDS = 20  # of processor time for a still picture, which shows no progress
EXTEND_AFTER = 0.5  # seconds of processor time between two extensions of the limit

Answers = Iterator[tuple]  # of (header, *arrays)


def work(task: dict, send: child.Send) -> None:
    """Answer one task. Raises OSError if the parent has ended."""
    limits.restrict(CORE=0, FSIZE=0, DATA=MEMORY)
    integrity.on_progress = _Processor.extend
    _Processor.extend()
    try:
        choices = task["choices"]
        if "selection" in choices:
            choices["selection"] = Selection(**choices["selection"])
        for answer in TASKS[task["do"]](task["path"], choices):
            send(*answer)
            _Processor.extend()
        send({"end": True})
    except ConnectionError:
        raise
    except Exception as error:
        send(_explained(error, Path(task["path"])))


def _explained(error: Exception, path: Path) -> dict:
    if not os.path.exists(path):
        return {"problem": f"{path.name} is no longer there; put it back."}
    if isinstance(error, EmorecError):
        return {"problem": str(error)}
    if isinstance(error, ImportError):
        return {"problem": f"The decoder's installation is not whole ({error}); install emorec again."}
    # Not the text of the error, which may contain the name of the file and would be logged.
    return {"failed": type(error).__name__}


def _probe(path: str, choices: dict) -> Answers:
    yield ({"info": asdict(streams.probe(path, **choices)) | {"path": None}},)


def _frames(path: str, choices: dict) -> Answers:
    for frame in streams.frames(path, **choices):
        if isinstance(frame, Damage):
            yield ({"damage": frame.sentence},)
        elif isinstance(frame, ShownUntil):
            yield ({"until": frame.time, "exactly": frame.exactly},)
        else:
            header = {"time": frame.time, "limited": frame.limited}
            yield header, np.ascontiguousarray(frame.image), np.ascontiguousarray(frame.luma)


def _audio(path: str, choices: dict) -> Answers:
    for block in streams.audio(path, **choices):
        if isinstance(block, Damage):
            yield ({"damage": block.sentence},)
        else:
            yield {"time": block.time}, np.ascontiguousarray(block.samples, np.float32)


def _min_duration(path: str, choices: dict) -> Answers:
    yield ({"min_duration": duration.min_duration(path, **choices)},)


def _seek_points(path: str, choices: dict) -> Answers:
    yield ({"seek_points": seek_points.find_seek_points(path, **choices)},)


def _picture(path: str, choices: dict) -> Answers:
    limits.allow_processor_time(PICTURE_SECONDS)
    yield {}, np.ascontiguousarray(image.read(path, **choices))


def _jpeg(path: str, choices: dict) -> Answers:
    limits.allow_processor_time(PICTURE_SECONDS)
    content = base64.b64decode(choices["content"])
    yield {}, np.ascontiguousarray(image.read_jpeg(content, choices["max_side"]))


def _sounds(path: str, choices: dict) -> Answers:
    for samples in excerpt.sounds(path, **choices):
        yield {}, np.ascontiguousarray(samples, np.float32)


def _stills(path: str, choices: dict) -> Answers:
    for picture in excerpt.pictures(path, **choices):
        yield {}, np.ascontiguousarray(picture)


def _pictures(path: str, choices: dict) -> Answers:
    for shown in playback.pictures(path, **choices):
        if isinstance(shown, Damage):
            yield ({"damage": shown.sentence},)
        else:
            yield {"time": shown.time, "colours": shown.colours}, np.ascontiguousarray(shown.planes)


def _stereo(path: str, choices: dict) -> Answers:
    for samples in playback.stereo(path, **choices):
        yield {}, np.ascontiguousarray(samples, np.float32)


def _track_list(path: str, choices: dict) -> Answers:
    yield ({"tracks": [asdict(track) for track in track_list.read_tracks(path)]},)


TASKS = {
    "probe": _probe,
    "frames": _frames,
    "audio": _audio,
    "min_duration": _min_duration,
    "seek_points": _seek_points,
    "picture": _picture,
    "jpeg": _jpeg,
    "sounds": _sounds,
    "stills": _stills,
    "pictures": _pictures,
    "stereo": _stereo,
    "track_list": _track_list,
}


class _Processor:
    """The limit on processor time, moved ahead with every progress."""

    used = -math.inf

    @classmethod
    def extend(cls) -> None:
        used = time.process_time()
        if used - cls.used >= EXTEND_AFTER:
            cls.used = used
            limits.allow_processor_time(SECONDS_WITHOUT_PROGRESS)


if __name__ == "__main__":
    child.main(work)
