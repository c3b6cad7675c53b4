"""Extract face crops and log-mels from a user's pictures, videos and recordings with the code of inference.

Files that cannot be used are left out, with the reason: one broken file among thousands must not end a run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from emorec import files
from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.face import alignment, detection
from emorec.face.detection import Detector
from emorec.face.tracking import Tracker
from emorec.media import image as media_still
from emorec.voice import features
from emorec.voice.features import VoiceFrontEnd
from train.data.datasets import Item
from train.data.layouts import PICTURES
from train.data.pack import Arrays, alignment_of, face_detector, load_audio, load_or_make, settings_of, whole_hops
from train.data.reading import Keep, read_each, with_reasons

SMALL = 128  # pixels; in a smaller picture no face has to be found: the whole picture counts as one
NO_FACE, NO_PICTURES = "No face was found in {name}.", "{name} holds no pictures."
NO_SOUND = "{name} holds no sound."
NOT_READ = "The reading of the data ended before this file."
OF_CONTENT = (NO_FACE, NO_PICTURES, NO_SOUND)  # reasons that stay as long as the file does not change

Pair = tuple[np.ndarray, np.ndarray]
Read = tuple[list[Pair | None], list[str]]


def extract_faces(
    items: Sequence[Item], size: int, cache: Path
) -> tuple[list[tuple[np.ndarray, np.ndarray] | None], list[tuple[Item, str]]]:
    """Faces of the person seen most in each picture or video: crops uint8 (F, size, size) and quality (F,).

    An item without a usable face is None, and is listed with the reason in the second value.
    """
    detector = face_detector()
    settings = alignment_of(size, detector) | {"rate": pipeline.Settings().face_rate}

    def join(found: Sequence[Pair | None], reasons: Sequence[str]) -> Arrays:
        nothing = np.zeros((0, size, size), np.uint8), np.zeros(0, np.float32)
        crops, quality = zip(*(one or nothing for one in found), strict=True)
        return {
            "crops": np.concatenate(crops),
            "quality": np.concatenate(quality),
            "frames": np.array([len(one) for one in quality]),
            "reasons": np.array(reasons),
        }

    def divide(packed: Arrays) -> list[Pair | None]:
        return [
            (packed["crops"][end - count : end], packed["quality"][end - count : end]) if count else None
            for end, count in zip(np.cumsum(packed["frames"]), packed["frames"], strict=True)
        ]

    def read(some: Sequence[Item], keep: Keep | None = None) -> Read:
        return read_each(some, lambda item: _faces_of(item.path, detector, size), "faces", keep)

    return _extract_cached("seen", items, settings, cache, read, join, divide)


def _extract_cached(
    kind: str,
    items: Sequence[Item],
    settings: dict[str, Any],
    cache: Path,
    read: Callable[..., Read],
    join: Callable[[Sequence[Pair | None], Sequence[str]], Arrays],
    divide: Callable[[Arrays], list[Pair | None]],
) -> tuple[list[Pair | None], list[tuple[Item, str]]]:
    """Extract what ``read`` finds in the items, with a cache.

    ``join`` makes the arrays that are stored from the results and reasons, ``divide`` the results from these arrays. A
    file is read again if it has changed, if it could not be read (its disk may have been missing), or if an earlier
    version stored numbers that are not finite. If reading ends early, the next call continues there.
    """

    def update(packed: Arrays | None, changed: np.ndarray, keep: Callable[[Arrays], None]) -> Arrays | None:
        found: list[Pair | None] = [None] * len(items) if packed is None else divide(packed)
        reasons = [NOT_READ] * len(items) if packed is None else [str(reason) for reason in packed["reasons"]]
        rows = [
            row
            for row, item in enumerate(items)
            if changed[row] or _may_be_readable_now(item, reasons[row]) or _has_non_finite(found[row])
        ]
        before = [(found[row], reasons[row]) for row in rows]
        for row in rows:
            found[row], reasons[row] = None, NOT_READ

        def merged(new: Sequence[Pair | None], why: Sequence[str]) -> Arrays:
            for row, one, reason in zip(rows, new, why, strict=False):  # ``new`` is shorter if reading is not finished
                found[row], reasons[row] = one, reason
            return join(found, reasons)

        new, why = read([items[row] for row in rows], lambda *some: keep(merged(*some))) if rows else ([], [])
        same = all(one is None and was is None and old != NOT_READ for one, (was, old) in zip(new, before, strict=True))
        return None if packed is not None and same and not changed.any() else merged(new, why)

    packed = load_or_make(cache, kind, items, settings, lambda: join(*read(items)), update)
    return divide(packed), with_reasons(items, packed["reasons"])


def _may_be_readable_now(item: Item, reason: str) -> bool:
    """Whether an item that could not be read may be readable now: not if the reason is the content of its file."""
    return bool(reason) and reason not in {sentence.format(name=files.shown(item.path.name)) for sentence in OF_CONTENT}


def _faces_of(path: Path, detector: Detector, size: int) -> tuple[np.ndarray, np.ndarray]:
    if path.suffix.lower() in PICTURES:
        image = media_still.read(path, pictures.MAX_PIXELS, pictures.LONGEST_SIDE)
        return picture_face(image, detector, size, path.name)
    seen = clip_faces(path, detector, size)
    persons, counts = np.unique(seen["face_person"], return_counts=True)
    if not len(persons):
        raise EmorecError(NO_FACE.format(name=path.name))
    mine = seen["face_person"] == persons[counts.argmax()]
    return seen["crops"][mine], seen["face_quality"][mine]


def _has_non_finite(found: Pair | None) -> bool:
    return found is not None and found[0].dtype.kind == "f" and not np.isfinite(found[0]).all()


def clip_faces(path: Path, detector: Detector, size: int) -> dict[str, np.ndarray]:
    """The face arrays of a whole video as feature extraction gives them, and the ``crops`` that it would encode."""
    model: Any = SimpleNamespace(face=CropKeeper(size))  # all that is asked of a Checkpoint here
    parts = [*pipeline.face_segments(path, model, detector, Tracker(), pipeline.Settings(), 0, np.inf, [])]
    if not parts:
        raise EmorecError(NO_PICTURES.format(name=path.name))
    crops = np.rint(parts[0]["face_embedding"].astype(np.float32) * 255).astype(np.uint8)
    return parts[0] | {"crops": crops.reshape(-1, size, size)}


class CropKeeper(nn.Module):
    """Takes the place of the face network in feature extraction: the embedding of a crop is the crop itself."""

    def __init__(self, size: int):
        super().__init__()
        # Not a FaceConfig, which limits the width of an embedding; crops are wider.
        self.config: Any = SimpleNamespace(labels=("none",), size=size, widths=(size * size,))
        self.device = nn.Parameter(torch.zeros(0))

    def embed(self, crops: torch.Tensor) -> torch.Tensor:
        """Crops (N, 1, S, S) in [0, 1] -> the same (N, S S)."""
        return crops.flatten(1)

    def classify(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Zeros (N, 1)."""
        return torch.zeros(len(embeddings), 1)


def picture_face(
    image: np.ndarray, detector: Detector, size: int, name: str = "the picture"
) -> tuple[np.ndarray, np.ndarray]:
    """The most certain face of an RGB picture uint8 (H, W, 3): crops (1, size, size) and quality (1,).

    If none is found, a picture below SMALL pixels counts as a face; a larger one raises EmorecError.
    """
    small = max(image.shape[:2]) <= SMALL
    larger = detection.enlarge_small(image) if small else image
    found = detector.detect(larger)
    if found:
        crop = alignment.align(larger, found[0].landmarks, size)
        return crop[None], np.array([alignment.quality(found[0], crop)], np.float32)
    if not small:
        raise EmorecError(NO_FACE.format(name=name))
    whole = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (size, size), interpolation=cv2.INTER_AREA)
    return whole[None], np.ones(1, np.float32)


def extract_log_mels(
    items: Sequence[Item], front_end: VoiceFrontEnd, cache: Path
) -> tuple[list[tuple[np.ndarray, np.ndarray] | None], list[tuple[Item, str]]]:
    """Log-mel and speech of each recording, see ``pack.voice_clips``.

    An item without sound is None, and is listed with the reason in the second value.
    """
    per_hop = front_end.hop // front_end.frame

    def join(found: Sequence[Pair | None], reasons: Sequence[str]) -> Arrays:
        nothing = np.zeros((front_end.n_mels, 0), np.float16), np.zeros(0, np.float32)
        spectra, activity = zip(*(one or nothing for one in found), strict=True)
        return {
            "log_mel": np.concatenate(spectra, axis=1),
            "speech": np.concatenate(activity),
            "hops": np.array([len(one) for one in activity]),
            "reasons": np.array(reasons),
        }

    def divide(packed: Arrays) -> list[Pair | None]:
        log_mel, speech = packed["log_mel"], packed["speech"]
        return [
            (log_mel[:, (end - hops) * per_hop : end * per_hop], speech[end - hops : end]) if hops else None
            for end, hops in zip(np.cumsum(packed["hops"]), packed["hops"], strict=True)
        ]

    def read(some: Sequence[Item], keep: Keep | None = None) -> Read:
        return read_each(some, lambda item: _voice_of(item.path, front_end), "voices", keep)

    return _extract_cached("heard", items, settings_of(front_end), cache, read, join, divide)


def _voice_of(path: Path, front_end: VoiceFrontEnd) -> tuple[np.ndarray, np.ndarray]:
    samples = whole_hops(load_audio(path, front_end.rate), front_end.hop)
    if not samples.any():
        raise EmorecError(NO_SOUND.format(name=path.name))
    return features.log_mel(samples, front_end).to(torch.float16).numpy(), features.speech(samples, front_end)
