"""Convert data sets to arrays once, with the code of inference, and store them in a cache folder."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torchaudio
from tqdm import tqdm

from emorec import files
from emorec.errors import EmorecError
from emorec.extraction.voices import BLOCK_HOPS
from emorec.face import alignment, detection
from emorec.media import streams
from emorec.media.passes import without_damage
from emorec.models import pretrained
from emorec.voice import features
from emorec.voice.features import VoiceFrontEnd
from train import distributed
from train.data.datasets import Item

Speeds = tuple[int, Sequence[float]]  # a seed and the factors to choose from
Arrays = dict[str, np.ndarray]
Update = Callable[[Arrays | None, np.ndarray, Callable[[Arrays], None]], Arrays | None]

MODIFIED = "modified"  # the name of the array that the cache adds: when each item's file was modified
MAX_CLIP = 2 * 3600.0  # seconds; clips for training are held in memory as a whole
BLOCK_SECONDS = BLOCK_HOPS * VoiceFrontEnd().hop_seconds


def face_detector() -> detection.Detector:
    """The detector that the training images are aligned with: the one that analyses use."""
    return detection.detector(pretrained.face_detector_file())


def alignment_of(size: int, detector: detection.Detector) -> dict[str, Any]:
    """The settings that crops depend on. YuNet is not named, so that caches of earlier versions stay valid."""
    named = {} if detector.name == detection.YuNet.name else {"detector": detector.name}
    settings = {"size": size, "framing": alignment.FRAMING.tolist(), "smallest": detection.SMALLEST_SIDE}
    return settings | named


def face_crops(items: Sequence[Item], size: int, cache: Path) -> np.ndarray:
    """Aligned grey crops (N, size, size) uint8 of pictures of one face each; without a face, the whole picture."""

    detector = face_detector()

    def crops() -> dict[str, np.ndarray]:
        out = np.empty((len(items), size, size), np.uint8)
        for row, item in enumerate(tqdm(items, desc="faces", disable=None)):
            picture = read_enlarged(item.path)
            found = detector.detect(picture)
            whole = cv2.cvtColor(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
            out[row] = alignment.align(picture, found[0].landmarks, size) if found else whole
        return {"crops": out}

    return load_or_make(cache, "faces", items, alignment_of(size, detector), crops)["crops"]


def web_crops(items: Sequence[Item], size: int, cache: Path) -> tuple[np.ndarray, np.ndarray]:
    """Aligned grey crops (M, size, size) uint8 of the largest face in each picture, and the rows of the items (M,).

    Pictures without a face are left out.
    """

    detector = face_detector()

    def crops() -> dict[str, np.ndarray]:
        rows, out = [], []
        for row, item in enumerate(tqdm(items, desc="faces", disable=None)):
            picture = cv2.cvtColor(read_picture(item.path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
            if found := detector.detect(picture):
                largest = max(found, key=lambda face: face.box[2] * face.box[3])
                rows.append(row)
                out.append(alignment.align(picture, largest.landmarks, size))
        return {"crops": np.array(out, np.uint8).reshape(-1, size, size), "rows": np.array(rows, int)}

    packed = load_or_make(cache, "webfaces", items, alignment_of(size, detector), crops)
    return packed["crops"], packed["rows"]


def read_enlarged(path: Path) -> np.ndarray:
    """A small grey picture, enlarged, as RGB (H, W, 3), for detection."""
    return detection.enlarge_small(cv2.cvtColor(read_picture(path, cv2.IMREAD_GRAYSCALE), cv2.COLOR_GRAY2RGB))


def read_picture(path: Path, flags: int) -> np.ndarray:
    """A picture as OpenCV reads it with its ``flags``. Raises EmorecError."""
    image = cv2.imread(str(path), flags)
    if image is None:
        raise EmorecError(f"The picture {path} cannot be read.")
    return image


def voice_clips(
    items: Sequence[Item], front_end: VoiceFrontEnd, cache: Path, speeds: Speeds | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Every clip as log-mel float16 (n_mels, T) and speech float32 (T / 16,), T a multiple of 16 (``read_samples``)."""

    def clips() -> dict[str, np.ndarray]:
        spectra, activity, lengths = [], [], []
        for samples in read_samples(items, front_end, speeds):
            spectra.append(features.log_mel(samples, front_end).to(torch.float16).numpy())
            activity.append(features.speech(samples, front_end))
            lengths.append(len(activity[-1]))
        return {
            "log_mel": np.concatenate(spectra, axis=1),
            "speech": np.concatenate(activity),
            "hops": np.array(lengths),
        }

    packed = load_or_make(cache, "voices", items, settings_of(front_end, speeds), clips)
    ends = np.cumsum(packed["hops"])
    per_hop = front_end.hop // front_end.frame
    log_mel, speech = packed["log_mel"], packed["speech"]
    return [
        (log_mel[:, (end - hops) * per_hop : end * per_hop], speech[end - hops : end])
        for end, hops in zip(ends, packed["hops"], strict=True)
    ]


def settings_of(front_end: VoiceFrontEnd, speeds: Speeds | None = None) -> dict[str, Any]:
    """The settings that cached features of voices depend on."""
    settings = asdict(front_end) | {"version": features.VERSION}
    return settings | ({"speeds": speeds} if speeds else {})


def read_samples(items: Sequence[Item], front_end: VoiceFrontEnd, speeds: Speeds | None = None) -> Iterator[np.ndarray]:
    """Read the samples of each recording, padded to whole hops.

    With ``speeds``, a seed and factors, each is resampled to another speed by a random factor. As on a tape, pitch and
    formants change with the speed.
    """
    factors = np.random.default_rng(speeds[0]).choice(speeds[1], len(items)) if speeds else np.ones(len(items))
    for item, factor in zip(tqdm(items, desc="voices", disable=None), factors, strict=True):
        samples = load_audio(item.path, front_end.rate)
        if factor != 1:
            # Rounded to 1/100: resampling between rates without a common divisor needs a large filter.
            faster = torchaudio.functional.resample(torch.from_numpy(samples), round(100 * factor), 100, 16)
            samples = faster.numpy()
        yield whole_hops(samples, front_end.hop)


def load_audio(path: Path, rate: int) -> np.ndarray:
    """A whole recording, mono float32, starting at the media's zero; resampled in the same blocks as in inference.

    Raises EmorecError if it lasts for more than ``MAX_CLIP``, including silence before the first sound.
    """
    pieces = [np.zeros(0, np.float32)]
    for block in without_damage(streams.audio(path, rate, block_seconds=BLOCK_SECONDS)):
        if block.time > MAX_CLIP:
            raise EmorecError(
                f"{Path(path).name} lasts more than {MAX_CLIP / 3600:g} hours; cut it into clips to train on."
            )
        if len(pieces) == 1:
            pieces.append(np.zeros(max(0, round(block.time * rate)), np.float32))
        pieces.append(block.samples)
    return np.concatenate(pieces)


def whole_hops(samples: np.ndarray, hop: int) -> np.ndarray:
    """Samples padded with silence to a whole number of hops."""
    return np.pad(samples, (0, -len(samples) % hop))


def load_or_make(
    cache: Path,
    kind: str,
    items: Sequence[Item],
    settings: dict[str, Any],
    make: Callable[[], Arrays],
    update: Update | None = None,
) -> Arrays:
    """Load arrays from ``cache``, where they are stored under a hash of the items and the settings, or ``make()`` them.

    If a file of the items has changed, or the stored arrays are damaged, they are made again. An ``update`` is always
    called in place of ``make``: with the stored arrays or None, which items have changed (N,), and a function that
    stores arrays before all are made. What it returns is stored, unless it is None. Of several processes only the main
    one computes. Raises EmorecError if the arrays cannot be stored.
    """
    key = hashlib.sha256(json.dumps([kind, [_identity(item) for item in items], settings]).encode()).hexdigest()[:16]
    file = Path(cache) / f"{kind}-{key}.npz"
    with distributed.first_alone():
        arrays, modified = _load(file), np.array([_modified(item) for item in items], np.int64)
        if arrays is None:
            changed = np.ones(len(items), bool)
        else:
            # A cache of an earlier version does not say when the files were modified.
            before = arrays.pop(MODIFIED, None)
            changed = modified > file.stat().st_mtime_ns if before is None else modified != before
        if update is not None and distributed.rank() == 0:
            new = update(arrays, changed, lambda some: _store(file, some, modified))
        else:
            new = make() if arrays is None or changed.any() else None
        if new is not None:
            _store(file, new, modified)
            return new
        assert arrays is not None  # an update without stored arrays does not return None
        return arrays


def _store(file: Path, arrays: Arrays, modified: np.ndarray) -> None:
    try:
        with files.replacing(file) as partial:
            np.savez(partial, allow_pickle=False, **arrays, **{MODIFIED: modified})
    except OSError as error:
        reason = error.strerror or error
        raise EmorecError(
            f"The cache {file.parent} cannot be written ({reason}); free some space and start again."
        ) from None


def _load(file: Path) -> Arrays | None:
    """The arrays in a file; None if there is none, or if it is damaged, as after a power cut."""
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def _identity(item: Item) -> tuple[str, int | None]:
    """A file's path and size; a missing file has no size, and reading it reports it."""
    return str(item.path.resolve()), item.path.stat().st_size if item.path.exists() else None


def _modified(item: Item) -> int:
    """When a file was modified (ns): a recording that replaces another one may have the same size."""
    return item.path.stat().st_mtime_ns if item.path.exists() else 0
