"""The protocol for a user's own data set: every item is classified by the modalities that it has."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.extraction.people import plain_name
from emorec.face import detection
from emorec.face.detection import Detector
from emorec.image import predict_stills
from emorec.inference import fusion as fusions
from emorec.inference import pooling
from emorec.inference.timeline import DEFAULT_WINDOW
from emorec.models import pretrained
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceNet
from train import calibration, metrics
from train.data import corpora, datasets, ingest, layouts, reading
from train.data.datasets import Item
from train.evaluation.predictions import Setting
from train.evaluation.protocols import refuse_trained_on
from train.finetune import provenance, voice
from train.recipes import fusion
from train.recipes.samples import WINDOW_COLUMNS, Samples, whole_recording

MIXED = ("folder", "csv")  # in other layouts the recordings of each kind are of the same utterances
# How much larger the calibration error must be after calibration than before, so that it is not by chance.
WORSE = 0.02
FEW_PEOPLE = (
    "The items are {people} only, so results and intervals say little about other people; measure at least "
    f"{metrics.MIN_PEOPLE} people."
)
ALIKE = (
    "{tested} may be {trained} of the training data, written in another way; if so, the results are better than for "
    "new people."
)
HURTS = (
    "The calibration does not fit these items: without it the calibration error would be smaller, so do not rely on "
    "confidences. Train with more validation people."
)


def own_data(model: Checkpoint, setting: Setting) -> dict[str, Any]:
    """Accuracy on a user's data set, with the spread over its people, or the standard error if there is one or none
    is known."""
    kind, items, samples = labelled_samples(model, setting)
    if kind == "face":  # pictures, which have a calibration of their own
        by_way = {"face": calibration.apply(model.calibration.still, samples.face_probabilities)}
        wanted = ["face"]
    else:
        by_way = fusion.ways(samples, fusion.predict(model.fusion, samples), model.calibration)
        has = {"face": ~np.isnan(by_way["face"]).all(), "voice": ~np.isnan(by_way["voice"]).all()}
        wanted = [way for way in by_way if has.get(way, all(has.values()))]
    known = corpora.known_people(items)
    names, numbers = np.unique([item.person for item in items], return_inverse=True)
    told = known and datasets.PARTS.isdisjoint(names)  # a part of a data set is not one person
    predicted = {way: metrics.predicted_labels(by_way[way]) for way in wanted}
    found = metrics.accuracy(predicted, samples.truth)
    if told and len(names) > 1:
        right = {way: p == samples.truth for way, p in predicted.items()}
        accuracies = {
            way: [one[numbers == person].mean() for person in range(len(names))] for way, one in right.items()
        }
        found["spread"] = {way: float(np.std(values)) for way, values in accuracies.items()}
    people = f"of {len(names)} {'person' if len(names) == 1 else 'people'}" if told else "of unknown people"
    main = "late" if "late" in wanted else wanted[0]
    raw = {"face": samples.face_probabilities, "voice": samples.voice_probabilities}
    weights = calibration.even_weights(samples.truth)
    raw["late"] = fusions.mean(raw["face"], raw["voice"])
    errors = metrics.calibration_errors(raw[main], by_way[main], samples.truth, weights)
    hurts = errors["after"] > max(errors["before"] + WORSE, errors.get("perfect", 0.0))
    few = FEW_PEOPLE.format(people=people) if told and len(names) < metrics.MIN_PEOPLE else ""
    domain = " ".join(filter(None, [whether_new(model, names if known else None), few, HURTS if hurts else ""]))
    if domain:
        print(domain)
    return {
        "what": f"{setting.dataset}: {len(items)} items {people}, {len(np.unique(samples.truth))} emotions",
        "metric": "accuracy",
        "items": len(items),
        **found,
        **metrics.intervals(
            {way: p == samples.truth for way, p in predicted.items()}, people=numbers if told else None
        ),
        **({"domain": domain} if domain else {}),
        "unweighted_average_recall": {way: metrics.recall(p, samples.truth) for way, p in predicted.items()},
        **metrics.confusion(predicted[main], samples.truth, EMOTIONS, main),
        "calibration_error": errors,
        "reliability": {main: metrics.reliability(by_way[main], samples.truth, weights)},
    }


def whether_new(model: Checkpoint, people: Collection[str] | None) -> str:
    """What is wrong or unknown about the people of a test, None if they are unknown; "" if they are new to the
    checkpoint as far as its training data say."""
    training = model.training
    met = sorted(set(training.get("held_out", ())) & set(() if people is None else people))
    if met and training.get("held_out_fold") is None:
        return (
            f"{', '.join(met)} validated the training of these weights, which were chosen and calibrated on them, so "
            "the results are better than for new people."
        )
    known = {_letters(name): name for name in (*training.get("persons", ()), *training.get("held_out", ()))}
    tested = [] if people is None else sorted(map(str, people))  # perhaps an array, which is neither true nor false
    pairs = [(name, known[_letters(name)]) for name in tested if _letters(name) in known]
    if alike := [pair for pair in pairs if pair[0] != pair[1]]:
        return ALIKE.format(tested=repr(alike[0][0]), trained=repr(alike[0][1]))
    if people is None or any(limit in training.get("limits", ()) for limit in provenance.UNKNOWN_PEOPLE):
        whose = "these items" if people is None else "the training data"
        return f"Who is in {whose} is not known, so nobody can check whether the weights were trained on these people."
    return ""


def _letters(name: str) -> str:
    """A name of a person without what may differ by chance: capitals, and how the letters are encoded."""
    return plain_name(name).casefold()


def labelled_samples(model: Checkpoint, setting: Setting) -> tuple[str, list[Item], Samples]:
    """What a user's items are ("face" for pictures, "voice" or, for videos, "fusion"), the usable ones, and one window
    of each as Samples. Raises EmorecError for people of the training."""
    if setting.data is None or setting.dataset is None:
        raise EmorecError("Give the folder of your data by --data and its layout by --dataset.")
    path = setting.data
    kind, items = _read(setting.dataset, path)
    mapping = corpora.read_mapping(setting.labels) if setting.labels else None
    items = [item for item in corpora.map_labels(items, mapping, path) if item.label and emotion_of(item.label)]
    refuse_trained_on(model, {item.person for item in items})
    if kind == "fusion":
        detector = detection.detector(pretrained.face_detector_file())
        found, reasons = reading.read_each(
            items, lambda item: _whole_clip(item, model, detector, setting.cache), "videos"
        )
        wrong = reading.with_reasons(items, reasons)
    else:
        found, wrong = _one_modality(items, model, kind, setting.cache)
    selected = [row for row, one in enumerate(found) if one is not None]
    if wrong:
        print(f"{len(wrong)} of {len(items)} items cannot be used; the first: {wrong[0][1]}")
    if not selected:
        raise EmorecError(f"None of the {len(items)} items in {path} can be used.")
    truth = np.array([EMOTIONS.index(emotion_of(items[row].label)) for row in selected])
    columns = {name: np.concatenate([getattr(found[row], name) for row in selected]) for name in WINDOW_COLUMNS}
    usable = [items[row] for row in selected]
    return kind, usable, Samples(**columns, truth=truth, fold=np.zeros(len(selected), int))


def _read(dataset: str, path: Path) -> tuple[str, list[Item]]:
    """The first kind of media that the data set has, and its items; it reports how many others there are."""
    found = {}
    for kind in ("fusion", "voice", "face"):
        try:
            found[kind] = layouts.READERS[dataset](path, kind)
        except EmorecError:
            if kind == "face" and not found:
                raise
    kind, items = next(iter(found.items()))
    others = {item.path for read in found.values() for item in read} - {item.path for item in items}
    if others and dataset in MIXED:
        print(f"{len(others)} items are left out: only {layouts.KINDS[kind]} are measured; measure others apart")
    return kind, items


def _whole_clip(item: Item, model: Checkpoint, detector: Detector, cache: Path) -> pooling.Pooled:
    seen = [*pipeline.extract(item.path, model, detector, cache=cache / "observations")][-1]
    pooled = whole_recording(seen, model, {})
    if np.isnan(pooled.face_probabilities).any() and np.isnan(pooled.voice_probabilities).any():
        raise EmorecError(f"No face and no voice was found in {item.path.name}.")
    return pooled


def _predict_pictures(net: FaceNet, clips: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Probabilities (N, labels) of pictures with one crop each, as an analysis of pictures finds them."""
    return predict_stills(net, np.concatenate([crops for crops, _ in clips]))


def _one_modality(
    items: Sequence[Item], model: Checkpoint, kind: str, cache: Path
) -> tuple[list[pooling.Pooled | None], list[tuple[Item, str]]]:
    """One Pooled for each item with its faces alone, or its voice alone; and the items that cannot be used."""
    predict: Any
    if kind == "face":
        clips, wrong = ingest.extract_faces(items, model.face.config.size, cache)
        predict, labels = _predict_pictures, model.face.config.labels
    else:
        clips, wrong = ingest.extract_log_mels(items, model.front_end, cache)
        predict, labels = voice.predict, model.voice.config.heads["emotions"]
    rows = [row for row, clip in enumerate(clips) if clip is not None]
    found: list[pooling.Pooled | None] = [None] * len(items)
    if rows:
        seven = fold(predict(getattr(model, kind), [clips[row] for row in rows]).astype(np.float64), labels)
        config = model.fusion.config
        for row, probabilities in zip(rows, seven, strict=True):
            columns: dict[str, Any] = {
                "person": np.zeros(1, int),
                "speaker": np.zeros(1, int),
                "seconds": np.full(1, DEFAULT_WINDOW),
            }
            columns["voice_relative"] = np.zeros((1, 0))  # a single clip has no baseline
            columns["voice_certainty"] = np.ones(1)
            for part, width in (("face", config.face_features), ("voice", config.voice_features)):
                known = part == kind
                columns[f"{part}_features"] = np.zeros((1, width), np.float32)
                columns[f"{part}_probabilities"] = probabilities[None] if known else np.full((1, len(EMOTIONS)), np.nan)
                columns[f"{part}_coverage"] = np.array([float(known)])
            found[row] = pooling.Pooled(**columns)
    return found, wrong
