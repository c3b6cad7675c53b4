"""Processes that decode: started by a reader, or with changed code inside."""

import json
import socket
import subprocess
import sys

from emorec.media import sandbox
from emorec.media.sandbox import messages
from emorec.media.sandbox import process as worker_process
from support.paths import ROOT


def started(path, rate=10.0):
    """A pass over a recording that has begun, and the process that decodes for it."""
    sandbox.probe(path)  # so that the waiting one is there
    earlier = decoding()  # killed ones may still be waited for
    frames = sandbox.frames(path, rate)
    next(frames)
    return frames, [number for number in decoding() if number not in earlier]


def decoding():
    """Numbers of the processes that decode for this one now, the waiting one not among them."""
    waiting = worker_process.Waiting._process.pid
    with open(f"/proc/{waiting}/task/{waiting}/children") as children:
        return [int(number) for number in children.read().split()]


def in_a_process(code, path, do="probe", **choices):
    """Run ``server.serve`` for ``path`` after ``code`` has changed what decoding does; what it told."""
    program = f"""
import os, socket, sys
from emorec.media import image, streams
from emorec.media.sandbox import server
{code}
connection = socket.socket(fileno=int(sys.argv[1]))
server.serve(connection)
"""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(theirs.fileno())], cwd=ROOT, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        ours.sendall(json.dumps({"do": do, "path": str(path), "choices": choices}).encode() + b"\n")
        told = []
        try:
            while True:
                told.append(messages.receive(ours)[0])
        except (EOFError, ConnectionError):
            pass
    return told, process.wait()
