"""Paths of the project and of the development data, and facts of its clips."""

import fnmatch
import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
FACE_MODEL = SHARED / "models" / "face_detection_yunet_2023mar.onnx"

TALKING_HEAD = SHARED / "media" / "talking_head_12s.mp4"
CLIP_SECONDS = 12  # duration of TALKING_HEAD


def find_files(folder, pattern):
    """The files with names of a pattern below a folder from which a server removes others at the same time.

    ``Path.rglob`` of Python 3.11 fails if a folder is removed while it looks into it.
    """
    return [Path(at, name) for at, _, names in os.walk(folder) for name in fnmatch.filter(names, pattern)]
