"""Resolve the name of a model to a local folder of weights: a folder, a repository on the Hub, or the bundled weights.

No other module of emorec asks the Hub for anything. The bundled checkpoint is the folder ``emorec/weights/default``.
"""

from __future__ import annotations

import functools
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from emorec import settings
from emorec.errors import EmorecError
from emorec.models import hub
from emorec.settings import BUNDLED_INSTEAD, ON_THE_HUB

BUNDLED = Path(__file__).parents[1] / "weights" / "default"
CHECKPOINT_FILES = ("config.json", "model.safetensors")
WEIGHTS_FILE = CHECKPOINT_FILES[1]

# YuNet (Wu, Peng and Yu, 2023; MIT) as the OpenCV Zoo publishes it.
FACE_MODEL_REPO = "opencv/face_detection_yunet"
FACE_MODEL_NAME = "face_detection_yunet_2023mar.onnx"
FACE_MODEL_SIZE = 232_589  # bytes
FACE_MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"

_pull_lock = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A checkpoint's folder and where it comes from; ``repo``, ``revision`` and ``commit`` are None for a local folder.

    ``notices`` are sentences that a user must see before trusting any result.
    """

    folder: Path
    repo: str | None = None
    revision: str | None = None
    commit: str | None = None
    notices: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.repo else str(self.folder)

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights file, in hexadecimal."""
        return hub.sha256_of(self.folder / WEIGHTS_FILE)


def resolve(model: str | Path | None = None) -> Origin:
    """The ``Origin`` of the checkpoint ``model``, by default of EMOREC_MODEL, or else of the bundled one.

    A model is a folder, or ``org/name`` or ``org/name@revision`` on the Hub; an existing folder has precedence. If the
    Hub cannot be reached and the model is not in the cache, that is an error, unless EMOREC_MODEL_FALLBACK is
    "bundled": then the bundled checkpoint is used, with a notice. Raises EmorecError.
    """
    model = str(model or settings.model() or BUNDLED)
    folder = Path(os.path.expanduser(model))  # Path.expanduser raises an error for a user who does not exist
    if folder.is_dir():
        return _from_folder(folder, model)
    return pull(model, or_bundled=settings.bundled_is_wanted())


def _from_folder(folder: Path, model: str) -> Origin:
    """The ``Origin`` of a local folder. Raises EmorecError if it lacks a file."""
    missing = [name for name in CHECKPOINT_FILES if not (folder / name).is_file()]
    if missing:
        lacks = " and no ".join(missing)
        raise EmorecError(f"The model folder {model} has no {lacks}; give the folder of a checkpoint.")
    return Origin(folder=folder)


def pull(model: str, or_bundled: bool = False) -> Origin:
    """The ``Origin`` of ``org/name`` or ``org/name@revision`` on the Hub, downloaded if it is not in the cache.

    With ``or_bundled`` the bundled checkpoint is used, with a notice, if the Hub cannot be reached. Raises EmorecError.
    """
    name = ON_THE_HUB.fullmatch(model)
    if not name:
        raise EmorecError(
            f"The model {model} is not a folder; give the folder of a checkpoint, or org/name or org/name@revision on "
            "the Hub."
        )
    try:
        pulled = hub.pull(name["repo"], name["revision"], required=CHECKPOINT_FILES)
    except hub.Unreachable as error:
        if or_bundled:
            return Origin(folder=BUNDLED, notices=(f"These are the bundled weights, not those of {model}. {error}",))
        raise EmorecError(
            f"{_sentence(error)}; connect to the internet, give a folder, or set "
            f"EMOREC_MODEL_FALLBACK={BUNDLED_INSTEAD} to go on with the bundled weights."
        ) from None
    except hub.HubError as error:
        folder = "" if name["revision"] else f"; a folder {model} is not here either"
        raise EmorecError(f"{_sentence(error)}{folder}.") from None
    notices = ()
    if pulled.unreachable:
        notices = (
            f"Whether {pulled.repo}@{pulled.revision} is still commit {pulled.commit[:12]} could not be asked, so that "
            f"is used as it was pulled before. {pulled.unreachable}",
        )
    return Origin(
        folder=pulled.folder, repo=pulled.repo, revision=pulled.revision, commit=pulled.commit, notices=notices
    )


def _sentence(error: Exception) -> str:
    """The text of an error without its full stop, so that a clause can follow."""
    return str(error).rstrip(".")


def face_detector_file() -> Path | None:
    """The file of the face detector that EMOREC_FACE_MODEL chooses; None for the bundled detector.

    For the word "yunet" this is YuNet's file in the Hub cache, else the one on the Hub, which is asked at most once per
    process and within the timeouts of ``hub``. Raises EmorecError if there is no such file.
    """
    chosen = settings.face_model()
    if chosen != settings.YUNET:
        return chosen
    with _pull_lock:
        pulled = _pull_face_detector()
    if isinstance(pulled, hub.HubError):
        raise EmorecError(
            f"{_sentence(pulled)}; connect to the internet once, set EMOREC_FACE_MODEL to a copy of {FACE_MODEL_NAME}, "
            "or unset it to use the bundled face detector."
        )
    return pulled


@functools.cache
def _pull_face_detector() -> Path | hub.HubError:
    """YuNet's file, or the error, which is kept too so that the Hub is asked only once."""
    try:
        return hub.pull_file(FACE_MODEL_REPO, FACE_MODEL_NAME, sha256=FACE_MODEL_SHA256, size=FACE_MODEL_SIZE)
    except hub.HubError as error:
        return error
