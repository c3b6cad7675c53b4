"""Replacements of the process that decodes: one that is broken, and one that answers what a test wants."""

import contextlib
import json
import socket

import pytest

from emorec.childprocess.messages import LENGTH
from emorec.childprocess.process import Child
from emorec.media.sandbox.requests import DECODERS

# The program of the process that decodes, in place of the real one.
BROKEN = """
import os, sys, time
from emorec.childprocess import child
from emorec.media import image
from emorec.media.sandbox import server
from emorec.errors import EmorecError
whole = image.read
def read(path, max_pixels, max_side):
    {harm}
server.PICTURE_SECONDS = 1
image.read = read
child.main(server.work)
"""


@pytest.fixture
def broken(monkeypatch):
    """Gives a function that breaks the decoder of every picture from then on; whole again after the test."""

    def breaks(harm, program=BROKEN):
        DECODERS.end()
        monkeypatch.setattr(DECODERS, "command", (DECODERS.command[0], "-c", program.format(harm=harm)))

    yield breaks
    monkeypatch.undo()
    DECODERS.end()


def message(header, content=b""):
    """A message as the process that decodes sends it."""
    text = json.dumps(header).encode()
    return LENGTH.pack(len(text)) + text + content


@contextlib.contextmanager
def says(monkeypatch, *answers):
    """A context in which the process that decodes sends these answers and no more; yields its end of the connection."""
    with answering(monkeypatch) as theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        theirs.sendall(b"".join(answers))
        theirs.shutdown(socket.SHUT_WR)
        yield theirs


@contextlib.contextmanager
def answering(monkeypatch):
    """A context in which a socket takes the place of the process that decodes; yields the socket."""
    ours, theirs = socket.socketpair()

    def ask(task):
        return Child(task, ours.makefile("wb"), ours.makefile("rb"), lambda: ours.shutdown(socket.SHUT_RDWR))

    monkeypatch.setattr(DECODERS, "ask", ask)
    with ours, theirs:
        yield theirs
