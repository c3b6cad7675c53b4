"""The page, with a byte added to the file OPENED whenever pictures or sound are decoded.

The sound of a recording whose name begins with "slow" is decoded with pauses: its analysis takes a while without taking
the processor from other tests. The folder ``hub`` beside that file replaces the Hub.
"""

import functools
import importlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

MODULES = ("emorec.media.streams", "emorec.media.sandbox")  # which decode pictures and sound
PAUSE = 1.0  # seconds between two blocks of sound of a slow recording, each of ten seconds: 10 times real time


def counted(decode):
    @functools.wraps(decode)
    def counting(*what, **how):
        with open(os.environ["OPENED"], "ab") as count:
            count.write(b".")
        return decode(*what, **how)

    return counting


def paced(decode):
    @functools.wraps(decode)
    def pacing(path, *what, **how):
        for block in decode(path, *what, **how):
            yield block
            if Path(path).name.startswith("slow"):
                time.sleep(PAUSE)

    return pacing


def from_folder(pull, origin):
    def found(model):
        folder = Path(os.environ["OPENED"]).with_name("hub") / model
        return origin(folder=folder, repo=model, revision="main", commit="0" * 40) if folder.is_dir() else pull(model)

    return found


if __name__ == "__main__":
    for module in map(importlib.import_module, MODULES):
        module.frames, module.audio = counted(module.frames), counted(module.audio)
    sandbox = importlib.import_module("emorec.media.sandbox")
    sandbox.audio = paced(sandbox.audio)
    weights = importlib.import_module("emorec.models.pretrained")
    weights.pull = from_folder(weights.pull, weights.Origin)
    from emorec.ui import app

    sys.exit(app.main([]))
