"""Folders of many small recordings, and a model of tiny networks for them, so that a batch takes seconds."""

import shutil
from pathlib import Path

from emorec.models import checkpoint
from support import factories
from support.make_media import Audio, Video, record

BAD = 5  # files of a folder that are no recordings


def small_model(folder: Path) -> Path:
    """The folder of a checkpoint of tiny networks."""
    checkpoint.save(factories.checkpoint(), folder)
    return folder


def recordings(folder: Path, count: int, videos: int = 2, bad: int = BAD) -> Path:
    """A folder of ``count`` files: a few videos, sounds, and ``bad`` files that look like recordings and are none.

    The recordings are copies that differ in their bytes, so each has features of its own; they lie in two folders.
    """
    (folder / "more").mkdir(parents=True)
    video = record(folder / "video.mp4", Video(duration=1.0), Audio(duration=1.0))
    sound = record(folder / "sound.m4a", None, Audio(duration=1.0))
    good = count - bad
    for number in range(good):
        source = video if number < videos else sound
        place = folder if number % 2 else folder / "more"
        copy_with_other_bytes(source, place / f"item {number:02}{source.suffix}", number)
    video.unlink()
    sound.unlink()
    for number in range(bad):
        (folder / f"bad {number}.mp4").write_bytes([b"", b"no recording", b"\0" * 5000, b"%PDF-1.7", b"RIFF"][number])
    return folder


def copy_with_other_bytes(source: Path, target: Path, number: int) -> Path:
    """A copy of an ISO file with a further box of its own, which changes its content and nothing that is decoded."""
    shutil.copyfile(source, target)
    content = f"{number:08}".encode()
    with open(target, "ab") as file:
        file.write((8 + len(content)).to_bytes(4, "big") + b"free" + content)
    return target
