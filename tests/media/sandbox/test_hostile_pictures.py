"""Hostile pictures: the process that decodes takes the harm, the user gets a sentence, and the next one is read."""

import os
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.media import image
from emorec.media.sandbox.requests import DECODERS
from support.decoding import run_in_process

CHOICES = {"max_pixels": 10**8, "max_side": 4096}


@pytest.fixture
def portrait(tmp_path):
    path = tmp_path / "portrait.png"
    Image.fromarray(np.full((60, 80, 3), 200, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    "harm",
    [
        "os.abort()",
        "os.kill(os.getpid(), 11)",
        "while True: pass",
        "os._exit(0)",
        "held = []\n    while True: held.append(bytearray(1 << 26))",
    ],
)
def test_a_picture_that_breaks_the_decoder_is_one_sentence(harm, portrait, broken):
    broken(harm)
    began = time.monotonic()
    with pytest.raises(EmorecError, match=r"^portrait\.png cannot be decoded: .*[.?]$") as refused:
        pictures.read(portrait)
    assert "\n" not in str(refused.value)
    assert time.monotonic() - began < 60


def test_after_a_broken_decoder_the_next_picture_is_read(portrait, broken):
    broken("if 'hostile' in path: os.abort()\n    return whole(path, max_pixels, max_side)")
    hostile = portrait.rename(portrait.with_name("hostile.png"))
    with pytest.raises(EmorecError, match="cannot be decoded"):
        pictures.read(hostile)
    assert pictures.read(hostile.rename(portrait)).shape == (60, 80, 3)


def test_a_decoder_without_end_is_ended_by_the_kernel(portrait):
    code = """
server.PICTURE_SECONDS = 1
def read(path, max_pixels, max_side):
    while True:
        pass
image.read = read
"""
    sent, ended = run_in_process(code, portrait, "picture", **CHOICES)
    assert sent == []
    assert ended == -24  # SIGXCPU


def test_nothing_of_a_picture_is_decoded_in_this_process(portrait, monkeypatch):
    def here(*_, **__):
        raise AssertionError("decoded here")

    DECODERS.end()
    monkeypatch.setattr("PIL.Image.open", here)
    monkeypatch.setattr(image, "read", here)
    assert pictures.read(portrait).shape == (60, 80, 3)


def test_no_more_pictures_than_a_few_are_decoded_at_once(portrait, monkeypatch):
    running, most, lock = 0, 0, threading.Lock()

    def slow(*_):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1

    monkeypatch.setattr("emorec.media.sandbox.picture", slow)
    threads = [threading.Thread(target=pictures.read, args=(portrait,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == pictures.READ_AT_ONCE


def png(width, height, content=b""):
    """A PNG file that says how large it is."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(100_000, 100_000), (2**31 - 1, 1), (60_000, 60_000)])
def test_a_picture_that_would_fill_the_memory_is_refused(size, tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png(*size))
    with pytest.raises(EmorecError, match=r"^bomb\.png has .* million( pixels)?[;.]"):
        pictures.read(path)


def test_an_animation_of_giant_pictures_is_refused_for_its_size(tmp_path):
    path = tmp_path / "bomb.gif"
    screen, frame = struct.pack("<HHBBB", 60_000, 60_000, 0x80, 0, 0), struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0)
    path.write_bytes(b"GIF89a" + screen + b"\0\0\0\xff\xff\xff," + frame + b"\x02\x02\x4c\x01\0;")
    with pytest.raises(EmorecError, match=r"^bomb\.gif has more than 100 million pixels; give a smaller picture\.$"):
        pictures.read(path)


def test_a_large_picture_arrives_smaller_and_with_its_shape(tmp_path):
    """Ten thousand pixels wide, a few kilobytes in the file: what is handed on is bounded."""
    width, height = 10_000, 5_000
    rows = zlib.compress((b"\0" + b"\x40\x80\xc0" * width) * height, 1)
    path = tmp_path / "wide.png"
    path.write_bytes(png(width, height, rows))
    read = pictures.read(path)
    assert read.shape == (pictures.LONGEST_SIDE // 2, pictures.LONGEST_SIDE, 3)
    assert (read == (0x40, 0x80, 0xC0)).all()


def test_what_is_no_ordinary_file_is_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    for path, expected in (
        (tmp_path / "gone.png", "There is no file"),
        (tmp_path, "directory"),
        (tmp_path / "pipe.png", "not an ordinary file"),
    ):
        with pytest.raises(EmorecError, match=expected):
            pictures.read(path)
