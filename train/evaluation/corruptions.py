"""The protocol for robustness: accuracy with a missing modality, and with corrupted pictures or sound."""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.extraction import pipeline, segments
from emorec.face import detection
from emorec.face.tracking import Tracker
from emorec.media import streams
from emorec.media.passes import without_damage
from emorec.models import pretrained
from emorec.models.checkpoint import Checkpoint
from train import metrics
from train.data import datasets, pack
from train.evaluation import predictions
from train.evaluation.protocols import JAVANESE_DOMAIN, JAVANESE_EMOTIONS
from train.recipes import fusion
from train.recipes.samples import WINDOW_COLUMNS, Samples, whole_recording

NOISES = (20, 10, 0)  # dB, of the clip's power over the noise's
BLUR = 2.5  # pixels of the frame, standard deviation
JPEG_QUALITY = 10

Corruption = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def robust(model: Checkpoint, setting: predictions.Setting) -> dict[str, Any]:
    """Accuracy on Javanese clips of held-out actors with either modality missing or corrupted; even prior."""
    found = predictions.load_or_collect("robust", setting, lambda: _collect(model, setting))
    truth = found["truth"]
    labels = np.array([JAVANESE_EMOTIONS.index(EMOTIONS[label]) for label in truth])
    predicted, clean = {}, {}
    for number, condition in enumerate(CONDITIONS):
        arrays = {name: values if name in ("truth", "person") else values[number] for name, values in found.items()}
        samples = predictions.as_samples(arrays | {"fold": np.zeros(len(truth), int)})
        by_way = fusion.ways(samples, arrays["fused"], model.calibration)
        for way in ("face", "voice", "late", "intermediate"):
            if not np.isnan(by_way[way]).all():
                p = metrics.restrict(by_way[way], JAVANESE_EMOTIONS)
                predicted[f"{way}, {condition}"] = np.where(
                    np.isnan(by_way[way][:, 0]), metrics.NO_PREDICTION, p.argmax(axis=1)
                )
        if condition == "clean":
            clean = {way: metrics.restrict(by_way[way], JAVANESE_EMOTIONS) for way in ("mean", "late")}
    return {
        "what": "Javanese clips of actors never met, with a modality missing or spoilt, 6 emotions",
        "metric": "accuracy",
        "items": len(truth),
        **metrics.accuracy(predicted, labels),
        **metrics.intervals({way: p == labels for way, p in predicted.items()}, people=found.get("person")),
        "out_of_domain": [way for way in predicted if way.startswith("face, ") or way == "late, no voice"],
        "domain": JAVANESE_DOMAIN,
        **metrics.confusion(clean["late"].argmax(1), labels, JAVANESE_EMOTIONS, "late, clean"),
        "calibration_error": metrics.calibration_errors(clean["mean"], clean["late"], labels),
        "reliability": {"late": metrics.reliability(clean["late"], labels)},
    }


def _collect(model: Checkpoint, setting: predictions.Setting) -> dict[str, np.ndarray]:
    """Arrays (conditions, clips, ...) of raw probabilities and coverages, and the clips' labels."""
    items = datasets.javanese(setting.data_folder / "JavaneseAV")
    training_people = set(model.training.get("persons", ()))
    items = [item for item in items if item.person not in training_people]
    if not items:
        raise EmorecError("The checkpoint was trained on everybody in JavaneseAV, so nobody is left to measure it on.")
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    conditions = corrupt_all(items, truth, model, setting.cache)
    found = [conditions[name] for name in CONDITIONS]
    return {
        "face": np.stack([samples.face_probabilities for samples in found]),
        "voice": np.stack([samples.voice_probabilities for samples in found]),
        "fused": np.stack([fusion.predict(model.fusion, samples) for samples in found]),
        "face_coverage": np.stack([samples.face_coverage for samples in found]),
        "voice_coverage": np.stack([samples.voice_coverage for samples in found]),
        "seconds": np.stack([samples.seconds for samples in found]),
        "truth": truth,
        "person": np.unique([item.person for item in items], return_inverse=True)[1],
    }


def corrupt_all(
    items: Sequence[datasets.Item], truth: np.ndarray, model: Checkpoint, cache: Path
) -> dict[str, Samples]:
    """Samples of whole clips by condition: clean, a modality missing, pictures or sound corrupted."""
    detector = detection.detector(pretrained.face_detector_file())
    rows: dict[str, list] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for number, item in enumerate(tqdm(items, desc="corrupting", disable=None)):
            seen = [*pipeline.extract(item.path, model, detector, cache=cache / "observations")][-1]
            rows.setdefault("clean", []).append(whole_recording(seen, model, {}))
            for name, corrupt in PICTURE_CORRUPTIONS.items():
                file = Path(scratch, "corrupted.avi")
                write_corrupted(item.path, file, corrupt, np.random.default_rng([number, 1]))
                parts = pipeline.face_segments(
                    file, model, detector, Tracker(), pipeline.Settings(), 0, _span(model), []
                )
                rows.setdefault(name, []).append(whole_recording(seen, model, dict(enumerate(parts))))
            samples = pack.load_audio(item.path, model.front_end.rate)
            for decibels in NOISES:
                file = Path(scratch, "noisy.wav")
                write_wave(
                    file, with_noise(samples, decibels, np.random.default_rng([number, 2])), model.front_end.rate
                )
                parts = pipeline.voice_segments(file, model, 0, [])
                rows.setdefault(f"noise at {decibels} dB", []).append(
                    whole_recording(seen, model, dict(enumerate(parts)))
                )
    no_person = np.zeros(len(items), int)
    conditions = {
        name: Samples(
            **{n: np.concatenate([getattr(p, n) for p in pooled]) for n in WINDOW_COLUMNS}, truth=truth, fold=no_person
        )
        for name, pooled in rows.items()
    }
    conditions["no face"] = without(conditions["clean"], "face")
    conditions["no voice"] = without(conditions["clean"], "voice")
    return conditions


def write_corrupted(
    path: Path,
    file: Path,
    corrupt: Callable[[np.ndarray, np.random.Generator], np.ndarray],
    random: np.random.Generator,
) -> None:
    """Write the sampled frames of a video, each changed by corrupt(image, random), as a lossless video."""
    rate = pipeline.Settings().face_rate
    writer = None
    for frame in without_damage(streams.frames(path, rate)):
        image = corrupt(frame.image, random)
        if writer is None:
            height, width = image.shape[:2]
            writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*"FFV1"), rate, (width, height))
        writer.write(cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if writer is not None:
        writer.release()


def _jpeg(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR))


PICTURE_CORRUPTIONS: dict[str, Corruption] = {
    "blurred": lambda image, _: cv2.GaussianBlur(image, (0, 0), BLUR),
    f"JPEG {JPEG_QUALITY}": _jpeg,
    "half of the frames dark": lambda image, random: image if random.random() < 0.5 else np.zeros_like(image),
}


CONDITIONS = ("clean", *PICTURE_CORRUPTIONS, *(f"noise at {decibels} dB" for decibels in NOISES), "no face", "no voice")


def with_noise(samples: np.ndarray, decibels: float, random: np.random.Generator) -> np.ndarray:
    """Samples with white noise at a signal-to-noise ratio of ``decibels``."""
    power = float(np.mean(np.square(samples, dtype=np.float64)))
    noise = random.normal(0, np.sqrt(power / 10 ** (decibels / 10)), len(samples))
    return (samples + noise).astype(np.float32)


def without(samples: Samples, part: str) -> Samples:
    """Samples without one modality, "face" or "voice"."""
    return replace(
        samples,
        **{
            f"{part}_features": np.zeros_like(getattr(samples, f"{part}_features")),
            f"{part}_probabilities": np.full_like(getattr(samples, f"{part}_probabilities"), np.nan),
            f"{part}_coverage": np.zeros_like(getattr(samples, f"{part}_coverage")),
        },
    )


def _span(model: Checkpoint) -> float:
    return segments.SEGMENT_HOPS * model.front_end.hop_seconds


def write_wave(file: Path, samples: np.ndarray, rate: int) -> None:
    """Samples in [-1, 1] as a wave file of 16 bits."""
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
