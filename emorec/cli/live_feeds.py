"""What ``emorec live`` reads: a camera and a microphone, or files in their place."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.cli import streams
from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.live import Live
    from emorec.media.streams import MediaInfo

NONE = "none"  # the name of no device
SOUND_BLOCK = 0.256  # seconds of a block of sound from a file in place of a microphone

WRONG_FILE = (
    "{name} has no {what} that can be decoded, so it cannot take the place of a {device}; give another file, or 'none'."
)
NOTHING = "There is neither a camera nor a microphone to read; leave out 'none' for one of them."

# Gives pictures or blocks of sound to a session, one after the other; after each it yields a sentence about damage in
# the file, or None.
Feed = Callable[["Live"], Iterator[str | None]]


def open_feeds(options: argparse.Namespace) -> list[Feed]:
    """Open the camera and the microphone, or the files in their place, as feeds.

    Raises EmorecError for a device that was named and is not there, and for a file that cannot take its place.
    """
    from emorec.media import devices

    video, audio = options.video_device, options.audio_device
    if video == NONE and audio == NONE:
        raise EmorecError(NOTHING)
    if video and Path(video).is_file() and not audio:
        audio = video if _probe(Path(video)).has_audio else NONE  # the sound that belongs to the pictures
    feeds: list[Feed] = []
    problems: list[EmorecError] = []
    for name, file_feed, device_feed in (
        (video, _feed_of_frames, lambda name: _feed_of_camera(devices.camera(name))),
        (audio, _feed_of_sound, lambda name: _feed_of_microphone(devices.microphone(name))),
    ):
        if name == NONE:
            continue
        if name and Path(name).is_file():
            feeds.append(file_feed(Path(name)))
            continue
        try:
            feeds.append(device_feed(name or ""))
        except EmorecError as error:
            if name:
                raise
            problems.append(error)  # a default device is missing; the other one may be enough
    if not feeds:
        raise problems[0]
    for problem in problems:
        streams.print_note(str(problem))
    return feeds


def _feed_of_camera(pictures: Iterator[Any]) -> Feed:
    def feed(live: Live) -> Iterator[str | None]:
        for image in pictures:
            at = live.now()
            if live.wants_picture(at):
                live.add_picture(image, at)
            yield None

    return feed


def _feed_of_microphone(blocks: Iterator[tuple[Any, int]]) -> Feed:
    def feed(live: Live) -> Iterator[str | None]:
        for samples, rate in blocks:
            live.add_sound(samples, rate)
            yield None

    return feed


def _feed_of_frames(path: Path) -> Feed:
    """A file in place of a camera, at its own pace; it is decoded as every file is, in another process."""

    def feed(live: Live) -> Iterator[str | None]:
        from emorec.face.detection import DETECTION_SIDE
        from emorec.media import sandbox
        from emorec.media.passes import Damage
        from emorec.media.streams import Frame

        for item in sandbox.frames(path, max_side=DETECTION_SIDE):
            if isinstance(item, Frame):
                _wait_until(live, item.time)
                live.add_frame(item)
            yield item.sentence if isinstance(item, Damage) else None

    if not _probe(path).has_video:
        raise EmorecError(WRONG_FILE.format(name=path.name, what="picture", device="camera"))

    return feed


def _feed_of_sound(path: Path) -> Feed:
    """A file in place of a microphone, at its own pace."""

    def feed(live: Live) -> Iterator[str | None]:
        from emorec.media import sandbox
        from emorec.media.streams import AudioBlock

        rate = 16_000
        for item in sandbox.audio(path, rate, block_seconds=SOUND_BLOCK):
            if isinstance(item, AudioBlock):
                _wait_until(live, item.time + len(item.samples) / rate)
                live.add_sound(item.samples, rate, item.time)
            yield None if isinstance(item, AudioBlock) else item.sentence

    if not _probe(path).has_audio:
        raise EmorecError(WRONG_FILE.format(name=path.name, what="sound", device="microphone"))

    return feed


def _probe(path: Path) -> MediaInfo:
    from emorec.media import sandbox

    return sandbox.probe(path)


def _wait_until(live: Live, moment: float) -> None:
    time.sleep(max(0.0, moment - live.now()))
