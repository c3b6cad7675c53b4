"""What ``emorec live`` reads: a camera and a microphone, or files in their place."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.live import Live

NONE = "none"  # the name of no device
SOUND_BLOCK = 0.256  # seconds of sound of a file that stands in for a microphone, at a time

NOTHING = "There is neither a camera nor a microphone to read; leave out 'none' for one of them."

Feed = Callable[["Live"], Iterator[None]]  # gives one picture or block of sound after the other to a session


def feeds_of(options: argparse.Namespace) -> list[Feed]:
    """What reads the camera and the microphone. Raises EmorecError for a device that was named and is not there."""
    from emorec.media import devices

    video, audio = options.video_device, options.audio_device
    if video == NONE and audio == NONE:
        raise EmorecError(NOTHING)
    if video and Path(video).is_file() and not audio:
        audio = video if _has_sound(Path(video)) else NONE  # the sound that belongs to the pictures
    feeds: list[Feed] = []
    problems: list[EmorecError] = []
    for name, of_file, of_device in (
        (video, _frames_of, lambda name: _camera(devices.camera(name))),
        (audio, _sound_of, lambda name: _microphone(devices.microphone(name))),
    ):
        if name == NONE:
            continue
        if name and Path(name).is_file():
            feeds.append(of_file(Path(name)))
            continue
        try:
            feeds.append(of_device(name or ""))
        except EmorecError as error:
            if name:
                raise
            problems.append(error)  # the usual device; the other one may be enough
    if not feeds:
        raise problems[0]
    for problem in problems:
        print(f"emorec: note: {problem}", file=sys.stderr)
    return feeds


def _camera(pictures: Iterator[Any]) -> Feed:
    def feed(live: Live) -> Iterator[None]:
        for image in pictures:
            at = live.now()
            if live.wants_picture(at):
                live.add_picture(image, at)
            yield

    return feed


def _microphone(blocks: Iterator[tuple[Any, int]]) -> Feed:
    def feed(live: Live) -> Iterator[None]:
        for samples, rate in blocks:
            live.add_sound(samples, rate)
            yield

    return feed


def _frames_of(path: Path) -> Feed:
    """A file in place of a camera, at its own pace; it is decoded as every file is, in another process."""

    def feed(live: Live) -> Iterator[None]:
        from emorec.face.detection import DETECTION_SIDE
        from emorec.media import sandbox
        from emorec.media.passes import without_damage

        for frame in without_damage(sandbox.frames(path, max_side=DETECTION_SIDE)):
            _wait_until(live, frame.time)
            live.add_frame(frame)
            yield

    return feed


def _sound_of(path: Path) -> Feed:
    """A file in place of a microphone, at its own pace."""

    def feed(live: Live) -> Iterator[None]:
        from emorec.media import sandbox
        from emorec.media.passes import without_damage

        rate = 16_000
        for block in without_damage(sandbox.audio(path, rate, block_seconds=SOUND_BLOCK)):
            _wait_until(live, block.time + len(block.samples) / rate)
            live.add_sound(block.samples, rate, block.time)
            yield

    return feed


def _has_sound(path: Path) -> bool:
    from emorec.media import sandbox

    return sandbox.probe(path).has_audio


def _wait_until(live: Live, moment: float) -> None:
    time.sleep(max(0.0, moment - live.now()))
