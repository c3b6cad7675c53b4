"""The page with a count: every time that pictures or sound are decoded adds a byte to the file that OPENED names."""

import functools
import importlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

ROOMS = ("emorec.media", "emorec.worker")  # what stage 1 may ask for pictures and sound


def counted(decode):
    @functools.wraps(decode)
    def counting(*what, **how):
        with open(os.environ["OPENED"], "ab") as count:
            count.write(b".")
        return decode(*what, **how)

    return counting


if __name__ == "__main__":
    for room in map(importlib.import_module, ROOMS):
        room.frames, room.audio = counted(room.frames), counted(room.audio)
    import app

    sys.exit(app.main([]))
