"""From what a user names to a local folder or file of weights. The only room of emorec that asks the Hub for anything.

The bundled checkpoint lies in ``weights/default`` beside this file; a folder without ``__init__.py`` does not hide
the module of the same name.
"""

import functools
import os
import threading
from pathlib import Path

from emorec.errors import EmorecError
from hub import pull

BUNDLED = Path(__file__).parent / "weights" / "default"
CHECKPOINT_FILES = ("config.json", "model.safetensors")

# YuNet (Wu, Peng and Yu, 2023; MIT) as the OpenCV Zoo publishes it.
FACE_MODEL_REPO = "opencv/face_detection_yunet"
FACE_MODEL_NAME = "face_detection_yunet_2023mar.onnx"
FACE_MODEL_SIZE = 232_589  # bytes
FACE_MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

REDUCED_NOTICE = (
    "The face detector could not be fetched, so faces are found by a simpler one and results are less accurate: "
    f"connect to the internet once, or set EMOREC_FACE_MODEL to a copy of {FACE_MODEL_NAME}."
)

_one_pull = threading.Lock()


def resolve(model=None):
    """The folder of a checkpoint: ``model``, else what EMOREC_MODEL names, else the bundled one.

    Raises EmorecError when it is no folder or lacks one of CHECKPOINT_FILES.
    """
    model = model or os.environ.get("EMOREC_MODEL") or BUNDLED
    folder = Path(model).expanduser()
    if not folder.is_dir():
        raise EmorecError(f"The model {model} is not a folder; give the folder of a checkpoint.")
    missing = [name for name in CHECKPOINT_FILES if not (folder / name).is_file()]
    if missing:
        lacks = " and no ".join(missing)
        raise EmorecError(f"The model folder {model} has no {lacks}; give the folder of a checkpoint.")
    return folder


def face_detector_file():
    """YuNet's model file, or None where it cannot be had and REDUCED_NOTICE applies.

    EMOREC_FACE_MODEL comes first (any file: the user chose it), then the Hub cache, then the Hub, which is asked at
    most once in the life of a process and costs at most pull.TIMEOUT seconds. Raises EmorecError when
    EMOREC_FACE_MODEL names no readable file.
    """
    chosen = os.environ.get("EMOREC_FACE_MODEL")
    if chosen:
        file = Path(chosen).expanduser()
        if not (file.is_file() and os.access(file, os.R_OK)):
            raise EmorecError(f"EMOREC_FACE_MODEL is {chosen}, which is not a readable file; correct or unset it.")
        return file
    with _one_pull:
        return _pulled_face_detector()


@functools.cache
def _pulled_face_detector():
    try:
        return pull.pull_file(FACE_MODEL_REPO, FACE_MODEL_NAME, sha256=FACE_MODEL_SHA256, size=FACE_MODEL_SIZE)
    except pull.HubError:
        return None
