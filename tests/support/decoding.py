"""Processes that decode: started by a reader, or with changed code inside."""

import subprocess
import sys

from emorec.childprocess import messages
from emorec.media import sandbox
from emorec.media.passes import Damage, ShownUntil, without_damage
from emorec.media.sandbox.requests import DECODERS
from support.paths import ROOT


def split(items):
    """What was decoded, and the sentences about damage among it, as two lists."""
    items = list(items)
    damages = [item.sentence for item in items if isinstance(item, Damage)]
    return [*without_damage(items)], damages


def undamaged(items, sentences):
    """The frames or blocks among what is decoded; the sentences about damage are added to a list."""
    for item in items:
        if isinstance(item, Damage):
            sentences.append(item.sentence)
        elif not isinstance(item, ShownUntil):
            yield item


def start_decoding(path, rate=10.0):
    """A pass over a recording that has begun, and the process that decodes for it."""
    sandbox.probe(path)  # starts the process that waits for requests
    earlier = decoding()  # killed ones may still be waited for
    frames = sandbox.frames(path, rate)
    next(frames)
    return frames, [number for number in decoding() if number not in earlier]


def decoding():
    """Numbers of the processes that decode for this one now, the waiting one not among them."""
    waiting = DECODERS.pid
    with open(f"/proc/{waiting}/task/{waiting}/children") as children:
        return [int(number) for number in children.read().split()]


def run_in_process(code, path, do="probe", **choices):
    """Run ``server.work`` for ``path`` after ``code`` has changed what decoding does: its answers' headers, and its
    exit code."""
    program = f"""
import os, sys
from emorec.childprocess import child, limits
from emorec.media import image, streams
from emorec.media.sandbox import server
{code}
child.run_task(server.work)
"""
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    headers = []
    with process:
        messages.send(process.stdin, {"do": do, "path": str(path), "choices": choices})
        try:
            while True:
                headers.append(messages.receive(process.stdout)[0])
        except EOFError:
            pass
    return headers, process.returncode
