"""Stands in for the process that decodes: one that is broken, and one that says what a test wants."""

import contextlib
import json
import socket

import pytest

from emorec.media.sandbox import process
from emorec.media.sandbox.server import LENGTH

# What the process that decodes is started with, in place of the real decoder.
BROKEN = """
import os, sys, time
from emorec.media import image
from emorec.media.sandbox import server
from emorec.errors import EmorecError
whole = image.read
def read(path, most_pixels, longest_side):
    {harm}
server.PICTURE_SECONDS = 1
image.read = read
server.wait()
"""


@pytest.fixture
def broken(monkeypatch):
    """Gives a function that breaks the decoder of every picture from then on; whole again after the test."""

    def breaks(harm, program=BROKEN):
        process.Waiting._end()
        command = (process.COMMAND[0], "-c", program.format(harm=harm))
        monkeypatch.setattr(process, "COMMAND", command)

    yield breaks
    monkeypatch.undo()
    process.Waiting._end()


def message(header, content=b""):
    """A message as the process that decodes sends it."""
    text = json.dumps(header).encode()
    return LENGTH.pack(len(text)) + text + content


@contextlib.contextmanager
def says(monkeypatch, *answers):
    """Within, the process that decodes says this, and then no more; gives its end of the connection."""
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(process.Waiting, "copy", lambda: process.Copy(ours, socket.socket()))
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    with theirs:
        theirs.sendall(b"".join(answers))
        theirs.shutdown(socket.SHUT_WR)
        yield theirs
