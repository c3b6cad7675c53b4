"""Predictions for held-out people as plain arrays, from which every calibration and every table is computed.

They are small enough to be stored with the code, so that published numbers can be computed again without the data.
Each function returns one set of arrays by name; probabilities are stored in half precision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.image import predict_stills
from emorec.models.networks import FaceNet
from train.data import datasets, duplicates, pack
from train.recipes import face, samples

AGREE = 8  # of ten votes; pictures with at least so many for one label
SUFFIX = ".safetensors"

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Input of the protocols: the ``data`` folder, the training ``runs`` of the folds (None if there are none) and the
    ``cache``. ``dataset`` and ``labels`` describe a user's data. ``predictions`` is a folder in which the arrays are
    stored; without ``data`` they are read from there, and with it those that ``kept`` names.
    ``augmented`` recordings take part twice when a voice's last layer is fitted (voice_head.training_rows)."""

    data: Path | None
    runs: Path | None
    cache: Path
    dataset: str | None = None
    labels: Path | None = None
    epochs: int | None = None
    predictions: Path | None = None
    kept: tuple[str, ...] = ()
    augmented: int = 0

    @property
    def data_folder(self) -> Path:
        """The ``data`` folder. Raises EmorecError if there is none."""
        if self.data is None:
            raise EmorecError("Give the folder of the data by --data.")
        return self.data


def load_or_collect(name: str, setting: Setting, collect: Callable[[], Mapping[str, np.ndarray]]) -> Arrays:
    """The arrays called ``name``: computed if there are data and they are not ``kept``, else read from the folder of
    predictions.

    ``collect()`` returns a dict of arrays. Raises EmorecError if there are neither data nor stored predictions.
    """
    file = setting.predictions / f"{name}{SUFFIX}" if setting.predictions else None
    if setting.data is None or name in setting.kept:
        if file is None:
            raise EmorecError("Give the folder of the data by --data, or one of stored predictions by --predictions.")
        try:
            return {key: _wide(array) for key, array in safetensors.numpy.load_file(file).items()}
        except (OSError, SafetensorError) as error:
            raise EmorecError(f"The predictions {file} cannot be read ({error}).") from None
    arrays = {key: _narrow(array) for key, array in collect().items()}
    if file:
        files.write(file, safetensors.numpy.save(arrays))
    # Results are computed from the stored precision.
    return {key: _wide(array) for key, array in arrays.items()}


def _narrow(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    return array.astype(np.float16) if array.dtype.kind == "f" else array.astype(np.int16)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64 if array.dtype.kind == "f" else np.int64)


def ferplus(setting: Setting, face_net: FaceNet, split: str) -> Arrays:
    """FER+ pictures of a split with a majority: eight-way probabilities, labels, and whether the voters agree.

    ``copy`` says which have the pixels of a picture in the split "train".
    """

    def collect():
        folder = setting.data_folder / "FERPlus"
        items = datasets.ferplus(folder, split)
        crops, labels = face.load_labelled(items, face_net.config, setting.cache)
        labelled = [item for item in items if item.label]
        votes = np.array([item.votes for item in labelled])[:, : len(datasets.FERPLUS_LABELS)]
        return {
            "eight": predict_stills(face_net, crops),
            "label": labels,
            "agree": votes.max(axis=1) >= AGREE,
            "copy": duplicates.have_same_pixels(labelled, datasets.ferplus(folder, "train")),
        }

    return load_or_collect(f"ferplus-{split}", setting, collect)


def webfaces(setting: Setting, face_net: FaceNet, split: str) -> Arrays:
    """Faces of WebFaces' people of a split: probabilities over the network's labels, labels among the seven, people.

    ``eight`` are those of still pictures, and ``single`` those of one view of the face, as in recordings.
    """

    def collect():
        items = datasets.webfaces(setting.data_folder, split)
        crops, rows = pack.web_crops(items, face_net.config.size, setting.cache)
        labels = np.array([EMOTIONS.index(emotion_of(items[row].label)) for row in rows])
        people = np.unique([items[row].person for row in rows], return_inverse=True)[1]
        single = face.predict(face_net, crops)
        return {"eight": predict_stills(face_net, crops), "single": single, "label": labels, "person": people}

    return load_or_collect(f"webfaces-{split}", setting, collect)


def clips(setting: Setting, cross_fit: Callable[[], tuple[samples.Samples, np.ndarray]]) -> Arrays:
    """Javanese audio-visual clips out of fold; ``cross_fit()`` returns them as Samples, and their fused probabilities.

    Returns ``face``, ``voice`` and ``fused`` probabilities (N, 7), both coverages, ``seconds``, ``truth``, ``fold`` and
    ``person``.
    """

    def collect():
        real, fused = cross_fit()
        return {
            "face": real.face_probabilities,
            "voice": real.voice_probabilities,
            "fused": fused,
            "face_coverage": real.face_coverage,
            "voice_coverage": real.voice_coverage,
            "seconds": real.seconds,
            "truth": real.truth,
            "fold": real.fold,
            "person": clip_people(datasets.javanese(setting.data_folder / "JavaneseAV"), real.fold),
        }

    return load_or_collect("clips", setting, collect)


def clip_people(items: Sequence[datasets.Item], folds: np.ndarray) -> np.ndarray:
    """A number for the person of each out-of-fold clip (N,), which lie fold by fold, and in a fold as in ``items``."""
    held_out, people = datasets.folds_of(items), np.unique([item.person for item in items], return_inverse=True)[1]
    return np.concatenate([people[held_out == fold] for fold in dict.fromkeys(folds.tolist())])


def as_samples(arrays: Arrays) -> samples.Samples:
    """The arrays of ``clips`` as Samples without features."""
    nothing = np.zeros((len(arrays["truth"]), 0))
    return samples.Samples(
        face_features=nothing,
        face_probabilities=arrays["face"],
        face_coverage=arrays["face_coverage"],
        voice_features=nothing,
        voice_probabilities=arrays["voice"],
        voice_coverage=arrays["voice_coverage"],
        seconds=arrays["seconds"],
        truth=arrays["truth"],
        fold=arrays["fold"],
    )
