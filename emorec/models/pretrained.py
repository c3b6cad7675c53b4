"""From what a user names to a local folder or file of weights. The only room of emorec that asks the Hub for anything.

The bundled checkpoint lies in ``weights/default`` beside this file; a folder without ``__init__.py`` does not hide
the module of the same name.
"""

import functools
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

REDUCED_NOTICE = (
    "The face detector could not be fetched, so faces are found by a simpler one and results are less accurate: "
    f"connect to the internet once, or set EMOREC_FACE_MODEL to a copy of {FACE_MODEL_NAME}."
)

_one_pull = threading.Lock()


@dataclass(frozen=True)
class Origin:
    """Where a checkpoint's folder is and where it came from; ``repo`` to ``commit`` are None for a folder of the user.

    ``notices`` are sentences that a user must see before trusting any result.
    """

    folder: Path
    repo: str | None = None
    revision: str | None = None
    commit: str | None = None
    notices: tuple[str, ...] = ()

    def __str__(self):
        return f"{self.repo}@{self.revision}" if self.repo else str(self.folder)

    @functools.cached_property
    def sha256(self):
        """SHA-256 of the weights file, in hexadecimal."""
        return hub.sha256_of(self.folder / WEIGHTS_FILE)


def resolve(model=None):
    """The ``Origin`` of a checkpoint: of ``model``, else of what EMOREC_MODEL names, else of the bundled one.

    A model is a folder, ``org/name`` or ``org/name@revision`` on the Hub; a folder that exists comes first. Where the
    Hub cannot be reached and has not been for this model before, that is an error, unless EMOREC_MODEL_FALLBACK is
    "bundled": then the bundled checkpoint is taken and a notice says so. Raises EmorecError.
    """
    model = str(model or settings.model() or BUNDLED)
    folder = Path(model).expanduser()
    if folder.is_dir():
        return _local(folder, model)
    return pulled(model, or_bundled=settings.bundled_is_wanted())


def _local(folder, model):
    missing = [name for name in CHECKPOINT_FILES if not (folder / name).is_file()]
    if missing:
        lacks = " and no ".join(missing)
        raise EmorecError(f"The model folder {model} has no {lacks}; give the folder of a checkpoint.")
    return Origin(folder)


def pulled(model, or_bundled=False):
    """The ``Origin`` of ``org/name`` or ``org/name@revision``, pulled. Raises EmorecError."""
    named = ON_THE_HUB.fullmatch(model)
    if not named:
        raise EmorecError(
            f"The model {model} is not a folder; give the folder of a checkpoint, or org/name or org/name@revision on "
            "the Hub."
        )
    try:
        found = hub.pull(named["repo"], named["revision"], required=CHECKPOINT_FILES)
    except hub.Unreachable as error:
        if or_bundled:
            return Origin(BUNDLED, notices=(f"These are the bundled weights, not those of {model}. {error}",))
        raise EmorecError(
            f"{_sentence(error)}; connect to the internet, give a folder, or set "
            f"EMOREC_MODEL_FALLBACK={BUNDLED_INSTEAD} to go on with the bundled weights."
        ) from None
    except hub.HubError as error:
        folder = "" if named["revision"] else f"; a folder {model} is not here either"
        raise EmorecError(f"{_sentence(error)}{folder}.") from None
    notices = ()
    if found.unreachable:
        notices = (
            f"Whether {named['repo']}@{found.revision} is still commit {found.commit[:12]} could not be asked, so that "
            f"is used as it was pulled before. {found.unreachable}",
        )
    return Origin(found.folder, found.repo, found.revision, found.commit, notices)


def _sentence(error):
    return str(error).rstrip(".")


def face_detector_file():
    """YuNet's model file, or None where it cannot be had and REDUCED_NOTICE applies.

    EMOREC_FACE_MODEL comes first (any file: the user chose it), then the Hub cache, then the Hub, which is asked at
    most once in the life of a process and costs at most hub_pull.TIMEOUT seconds. Raises EmorecError when
    EMOREC_FACE_MODEL names no readable file.
    """
    if chosen := settings.face_model():
        return chosen
    with _one_pull:
        return _pulled_face_detector()


@functools.cache
def _pulled_face_detector():
    try:
        return hub.pull_file(FACE_MODEL_REPO, FACE_MODEL_NAME, sha256=FACE_MODEL_SHA256, size=FACE_MODEL_SIZE)
    except hub.HubError:
        return None
