"""Randomly damaged and hostile files, made from valid ones; the same number and seed give the same file."""

from __future__ import annotations

import io
import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

CONTAINERS = ("mp4", "mov", "mkv", "webm", "avi", "flv", "ts", "wav", "mp3", "ogg", "flac")
PICTURES = ("jpg", "png", "gif", "bmp", "webp")
KINDS = ("cut", "flipped", "lied", "spliced", "zeroed", "repeated")
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEAD = 600  # bytes at the beginning that usually hold the header


def seeds(folder):
    """One small valid file of every format: dict of suffix to bytes."""
    sys.path.insert(0, str(ROOT / "tests"))
    from PIL import Image

    from support.make_media import Audio, Video, draw, record

    size = {"size": (96, 64), "rate": 10, "duration": 1.5, "keyframe_every": 5}
    voice = {"duration": 1.5, "rate": 48_000, "tones": ((0.3, 1.2),)}
    video = {"webm": "libvpx", "avi": "mpeg4", "flv": "flv"}
    audio = {"webm": "libopus", "avi": "mp2", "flv": "mp3", "wav": "pcm_s16le", "mp3": "mp3", "ogg": "libopus"}
    audio |= {"flac": "flac", "ts": "mp2"}
    made = {}
    for suffix in CONTAINERS:
        rate = {"rate": 44_100} if suffix == "flv" else {}
        sound = Audio(codec=audio.get(suffix, "aac"), **voice | rate)
        picture = None if suffix in ("wav", "mp3", "ogg", "flac") else Video(codec=video.get(suffix, "libx264"), **size)
        made[suffix] = record(folder / f"seed.{suffix}", picture, sound).read_bytes()
    for suffix in PICTURES:
        content = io.BytesIO()
        Image.fromarray(draw(1.0, (96, 64))).convert("RGB").save(content, "JPEG" if suffix == "jpg" else suffix.upper())
        made[suffix] = content.getvalue()
    return made


def mutant(sound, number, seed):
    """``(suffix, kind, bytes)`` of one mutant; determined by the number and the seed."""
    chance = random.Random(f"{seed}:{number}")
    suffixes = CONTAINERS + PICTURES
    suffix, kind = suffixes[number % len(suffixes)], KINDS[number // len(suffixes) % len(KINDS)]
    content = bytearray(sound[suffix])
    if kind == "cut":
        del content[chance.randrange(len(content)) :]
    elif kind == "flipped":
        within = len(content) if chance.random() < 0.5 else min(HEAD, len(content))
        for _ in range(chance.choice((1, 4, 16, 64))):
            content[chance.randrange(within)] ^= 1 << chance.randrange(8)
    elif kind == "lied":
        for _ in range(chance.choice((1, 2, 8))):
            # The tables of mp4 files are at their end.
            last = min(HEAD, len(content) - 4) if chance.random() < 0.7 else len(content) - 4
            at, size = chance.randrange(last), chance.choice((1, 2, 4))
            value = chance.choice(EXTREMES) & ((1 << 8 * size) - 1)
            content[at : at + size] = value.to_bytes(size, chance.choice(("big", "little")))
    elif kind == "spliced":
        other = sound[chance.choice(suffixes)]
        start, end = sorted(chance.randrange(len(other)) for _ in range(2))
        at = chance.randrange(len(content))
        content[at : at + chance.choice((0, end - start))] = other[start:end]
    elif kind == "zeroed":
        start = chance.randrange(len(content))
        length = min(chance.choice((4, 64, 1024)), len(content) - start)
        content[start : start + length] = bytes(length)
    else:
        start, end = sorted(chance.randrange(len(content)) for _ in range(2))
        content[start:start] = content[start:end] * chance.choice((1, 3))
    return suffix, kind, bytes(content)
