"""Windows with known emotions, for training and evaluating fusion: audio-visual clips, and pairs of face and voice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.emotions import fold as folded
from emorec.extraction import pipeline
from emorec.inference import fusion, pooling
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceNet, VoiceNet
from train.data import datasets, pack
from train.recipes import face, voice, voice_head


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Windows with known emotions: features, raw probabilities (N, 7), coverages, lengths (s), labels and folds."""

    face_features: np.ndarray
    face_probabilities: np.ndarray
    face_coverage: np.ndarray
    voice_features: np.ndarray
    voice_probabilities: np.ndarray
    voice_coverage: np.ndarray
    seconds: np.ndarray
    truth: np.ndarray
    fold: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def only(self, rows: Any) -> Samples:
        """The chosen rows."""
        return Samples(**{name: values[rows] for name, values in vars(self).items()})


MAX_PAIRS = 4000
WINDOW_COLUMNS = tuple(name for name in Samples.__dataclass_fields__ if name not in ("truth", "fold"))


def real_clips(data: Path, models: dict[int, Checkpoint], cache: Path) -> dict[int, Samples]:
    """The Javanese audio-visual clips, one window per clip: the Samples of each checkpoint, by fold like ``models``."""
    items = datasets.javanese(data / "JavaneseAV")
    detector = pack.face_detector()
    first = next(iter(models.values()))
    pooled = {fold: [] for fold in models}
    for item in items:
        of_faces = [*pipeline.extract(item.path, first, detector, cache=cache / "observations")][-1]
        ends = np.array([0.0]), np.array([of_faces.duration])
        for fold, model in models.items():
            voice_parts = [*pipeline.voice_segments(item.path, model, 0, [])]
            # If the pictures last longer than the sound, the last segments have no sound.
            segments = zip_longest(of_faces.segments, voice_parts, fillvalue={})
            both = replace(of_faces, segments=tuple({**a, **b} for a, b in segments))
            pooled[fold].append(pooling.pool(both, model, *ends))
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    folds = datasets.folds_of(items)
    return {
        fold: Samples(
            **{name: np.concatenate([getattr(p, name) for p in rows]) for name in WINDOW_COLUMNS},
            truth=truth,
            fold=folds,
        )
        for fold, rows in pooled.items()
    }


def out_of_fold(per_fold: dict[int, Samples]) -> Samples:
    """The samples of each clip from the network that was not trained on its speaker.

    Clips of speakers who are held out in no fold are left out.
    """
    parts = [samples.only(samples.fold == fold) for fold, samples in per_fold.items() if (samples.fold == fold).any()]
    return Samples(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def pairs(
    data: Path,
    face_net: FaceNet,
    voice_net: VoiceNet,
    fold: int,
    cache: Path,
    generator: np.random.Generator,
) -> Samples:
    """Pairs of a FER+ Valid face and a voice: acted voices with the same label, and neutral faces with ordinary speech.

    Acted voices are those of the RAVDESS actors of ``fold``, on whom ``voice_net`` was not trained. Labels that
    faces and voices share are equally common, and there are as many pairs with ordinary speech as of one label.
    """
    pictures = datasets.ferplus(data / "FERPlus", "valid")
    crops, labels = face.load_labelled(pictures, face_net.config, cache)
    embeddings, logits = face.encode(face_net, crops)
    native = [emotion_of(label) for label in face_net.config.labels]
    shown = np.array([EMOTIONS.index(native[label]) if native[label] else -1 for label in labels])

    items = voice_head.all_items(data)
    features = voice_head.pooled_features(voice_net, items, cache)
    spoken = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    ravdess = np.array([item.corpus == "ravdess" for item in items])
    calm = np.array([item.corpus in datasets.ORDINARY for item in items]) & (spoken == EMOTIONS.index("neutral"))
    unheard = (datasets.folds_of(items) == fold) & ravdess
    voice_probabilities = fusion.softmax(voice.logits_of(voice_net, features).astype(np.float64))
    face_probabilities = folded(fusion.softmax(logits.astype(np.float64)), face_net.config.labels)

    shared = sorted(set(shown[shown >= 0]) & set(spoken[unheard]))
    count, faces, voices = MAX_PAIRS // (len(shared) + 1), [], []
    kinds = [*((emotion, unheard & (spoken == emotion)) for emotion in shared), (EMOTIONS.index("neutral"), calm)]
    for emotion, rows in kinds:
        faces.append(generator.choice(np.flatnonzero(shown == emotion), count))
        voices.append(generator.choice(np.flatnonzero(rows), count))
    faces, voices = np.concatenate(faces), np.concatenate(voices)
    full = np.ones(len(faces))
    return Samples(
        face_features=embeddings[faces],
        face_probabilities=face_probabilities[faces],
        face_coverage=full,
        voice_features=features[voices],
        voice_probabilities=voice_probabilities[voices],
        voice_coverage=full,
        seconds=np.full(len(faces), DEFAULT_WINDOW),
        truth=shown[faces],
        fold=np.full(len(faces), fold),
    )


def whole_recording(features: Any, model: Checkpoint, parts: dict[int, dict[str, np.ndarray]]) -> pooling.Pooled:
    """A whole recording as one window; ``parts``, by segment number, replaces arrays of those segments."""
    changed = tuple({**segment, **parts.get(number, {})} for number, segment in enumerate(features.segments))
    return pooling.pool(replace(features, segments=changed), model, np.array([0.0]), np.array([features.duration]))
