"""Windows with known emotions that the fusion learns from and is judged on: clips, pairs, single voices and faces."""

from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.emotions import fold as folded
from emorec.extraction import pipeline
from emorec.face.detection import YuNet
from emorec.inference import fusion, pooling
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.models.pretrained import face_detector_file
from train.data import datasets
from train.recipes import face, voice, voice_head


@dataclass(frozen=True)
class Samples:
    """Windows with known emotions: features, raw probabilities over the seven, coverages, lengths (s), labels and
    persons."""

    face_features: np.ndarray
    face_probabilities: np.ndarray
    face_coverage: np.ndarray
    voice_features: np.ndarray
    voice_probabilities: np.ndarray
    voice_coverage: np.ndarray
    seconds: np.ndarray
    truth: np.ndarray
    fold: np.ndarray

    def __len__(self):
        return len(self.truth)

    def only(self, rows):
        """The chosen rows."""
        return Samples(**{name: values[rows] for name, values in vars(self).items()})


WINDOW_COLUMNS = tuple(name for name in Samples.__dataclass_fields__ if name not in ("truth", "fold"))


def real_clips(data, models, cache):
    """The Javanese audio-visual clips, one window a clip: a Samples per checkpoint, by fold like ``models``."""
    items = datasets.javanese(data / "JavaneseAV")
    detector = YuNet(face_detector_file())
    first = next(iter(models.values()))
    pooled = {fold: [] for fold in models}
    for item in items:
        seen = [*pipeline.extract(item.path, first, detector, cache=cache / "observations")][-1]
        ends = np.array([0.0]), np.array([seen.duration])
        for fold, model in models.items():
            heard = [*pipeline.voice_segments(item.path, model, 0, [])]
            # Where pictures go on behind the sound, there are segments without any.
            segments = zip_longest(seen.segments, heard, fillvalue={})
            both = replace(seen, segments=tuple({**a, **b} for a, b in segments))
            pooled[fold].append(pooling.pool(both, model, *ends))
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    folds = datasets.fold_of(items)
    return {
        fold: Samples(
            **{name: np.concatenate([getattr(p, name) for p in rows]) for name in WINDOW_COLUMNS},
            truth=truth,
            fold=folds,
        )
        for fold, rows in pooled.items()
    }


def out_of_fold(per_fold):
    """Every clip as the network hears it that never heard its speaker; clips held out in no fold are left out."""
    parts = [samples.only(samples.fold == fold) for fold, samples in per_fold.items() if (samples.fold == fold).any()]
    return Samples(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in vars(parts[0])})


def pairs(data, face_net, voice_net, fold, cache, generator, most=4000):
    """Faces of FER+ Valid beside voices that are like them: acted ones by label, and calm faces beside ordinary speech.

    Acted voices are those of the RAVDESS actors whom ``voice_net`` never heard; labels that both sides have are drawn
    equally often, and as many pairs as a label has are calm ones.
    """
    pictures = datasets.ferplus(data / "FERPlus", "valid")
    crops, labels = face.labelled(pictures, face_net.config, cache)
    embeddings, logits = face.predict(face_net, crops, embed=True)
    native = [emotion_of(label) for label in face_net.config.labels]
    shown = np.array([EMOTIONS.index(native[label]) if native[label] else -1 for label in labels])

    items = voice_head.everybody(data)
    features = voice_head.pooled(voice_net, items, cache)
    spoken = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    ravdess = np.array([item.corpus == "ravdess" for item in items])
    calm = np.array([item.corpus in datasets.ORDINARY for item in items]) & (spoken == EMOTIONS.index("neutral"))
    unheard = (datasets.fold_of(items) == fold) & ravdess
    said = fusion.softmax(voice.logits_of(voice_net, features).astype(np.float64))
    seen = folded(fusion.softmax(logits.astype(np.float64)), face_net.config.labels)

    shared = sorted(set(shown[shown >= 0]) & set(spoken[unheard]))
    count, faces, voices = most // (len(shared) + 1), [], []
    kinds = [*((emotion, unheard & (spoken == emotion)) for emotion in shared), (EMOTIONS.index("neutral"), calm)]
    for emotion, rows in kinds:
        faces.append(generator.choice(np.flatnonzero(shown == emotion), count))
        voices.append(generator.choice(np.flatnonzero(rows), count))
    faces, voices = np.concatenate(faces), np.concatenate(voices)
    full = np.ones(len(faces))
    return Samples(
        face_features=embeddings[faces],
        face_probabilities=seen[faces],
        face_coverage=full,
        voice_features=features[voices],
        voice_probabilities=said[voices],
        voice_coverage=full,
        seconds=np.full(len(faces), DEFAULT_WINDOW),
        truth=shown[faces],
        fold=np.full(len(faces), fold),
    )


def whole_recording(seen, model, parts):
    """The whole recording as one window, with some segments' arrays replaced by ``parts`` (by segment number)."""
    changed = tuple({**segment, **parts.get(number, {})} for number, segment in enumerate(seen.segments))
    return pooling.pool(replace(seen, segments=changed), model, np.array([0.0]), np.array([seen.duration]))
