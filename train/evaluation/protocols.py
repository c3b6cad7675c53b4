"""The protocols on public data, with training and test people separated: functions that measure a checkpoint.

Each takes the Checkpoint and a Setting and returns plain values: what was measured, the number of items, results and
spread by modality and fusion, recall by label, confusion matrix, calibration error before and after calibration. All
are computed under an even prior from the arrays of ``train.evaluation.predictions``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.errors import EmorecError
from emorec.inference import fusion as fusions
from emorec.inference.voice_pooling import RELATIVE
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import VoiceNet
from train import calibration as calibrate
from train import metrics, run_dir
from train.data import datasets
from train.evaluation import predictions, unseen
from train.recipes import fusion, voice, voice_baseline, voice_head

JAVANESE_DOMAIN = (
    "Other Javanese actors trained the voice and fusion networks, so their results are in domain. The face network "
    "never trained on Javanese clips; its calibration was fitted on other actors of them. With so few people, the "
    "recipe of the fusion was chosen by results on these clips."
)
WITHOUT_COPIES = "face, without copies of training pictures"
FERPLUS_DOMAIN = "Other pictures of the same collection trained the face network; who is in them is not known."
COPIES = (
    " The collection has some pictures twice: {count} of these have the pixels of a training picture, and results "
    "without them are given too."
)
WITHOUT_CORPUS = "face, calibrated without this corpus"
JAVANESE_EMOTIONS = tuple(sorted({emotion_of(label) or "" for label in datasets.JAVANESE_LABELS}))


def ferplus(model: Checkpoint, setting: predictions.Setting) -> dict[str, Any]:
    """FER+ Test: accuracy over the eight emotions, recall over the seven under an even prior, and calibration."""
    refuse_trained_on(model, {"ferplus-test"}, "face")
    _ferplus_labels(model)
    found = predictions.ferplus(setting, model.face, "test")
    parts, copies = {"face": found}, found.get("copy", np.zeros(len(found["label"]))) > 0
    if copies.any():
        parts[WITHOUT_COPIES] = {name: values[~copies] for name, values in found.items()}
    right = {way: part["eight"].argmax(1) == part["label"] for way, part in parts.items()}
    shares = {way: metrics.share(rows) for way, rows in right.items()}
    errors, bins = {}, {}
    for way, part in parts.items():
        raw, truth, _ = unseen.of_seven(part)
        calibrated, weights = calibrate.apply(model.calibration.still, raw), calibrate.even_weights(truth)
        errors[way] = metrics.calibration_errors(raw, calibrated, truth, weights)
        bins[way] = metrics.reliability(calibrated, truth, weights)
    seven, labels, agree = unseen.of_seven(found)
    even = calibrate.apply(model.calibration.still, seven)
    everyday = calibrate.apply(model.calibration.still, seven, metrics.EVERYDAY)
    clear = agree & (labels != metrics.NEUTRAL)
    return {
        "what": "FER+ Test, single face pictures, 8 emotions, pictures with a majority label",
        "metric": "accuracy",
        "items": len(found["label"]),
        "results": shares,
        "spread": {way: metrics.standard_error(shares[way], len(rows)) for way, rows in right.items()},
        "intervals": {way: metrics.intervals({way: rows})["intervals"][way] for way, rows in right.items()},
        "resampled": "items",
        "out_of_domain": [],
        "domain": FERPLUS_DOMAIN + (COPIES.format(count=int(copies.sum())) if copies.any() else ""),
        **metrics.confusion(found["eight"].argmax(1), found["label"], datasets.FERPLUS_LABELS, "face"),
        "calibration_error": errors["face"],
        "calibration_errors": errors,
        "reliability": bins,
        "recall_even_prior": metrics.recall(even.argmax(1), labels),
        "called_neutral": {
            "even": metrics.share(even[clear].argmax(1) == metrics.NEUTRAL),
            "everyday": metrics.share(everyday[clear].argmax(1) == metrics.NEUTRAL),
        },
    }


def web_faces(model: Checkpoint, setting: predictions.Setting) -> dict[str, Any]:
    """WebFaces' valid people: recall over six emotions (no disgust) under an even prior, and calibration."""
    _ferplus_labels(model)
    found = predictions.webfaces(setting, model.face, "valid")
    seven = fold(found["eight"], datasets.FERPLUS_LABELS)
    selected = found["label"] != EMOTIONS.index("disgust")
    seven, labels = seven[selected], found["label"][selected]
    after = calibrate.apply(model.calibration.still, seven)
    other = unseen.of_seven(predictions.ferplus(setting, model.face, "valid"))
    foreign = calibrate.apply(calibrate.fit_head(*other[:2], shares=unseen.FACE_SHARES), seven)
    emotions = tuple(emotion for emotion in EMOTIONS if emotion != "disgust")
    everyday = calibrate.apply(model.calibration.still, seven, metrics.EVERYDAY)
    named = {"face": after, f"face{metrics.UNDER_EVERYDAY}": everyday}
    named = {way: metrics.restrict(p, emotions).argmax(1) for way, p in named.items()}
    truth = np.array([emotions.index(EMOTIONS[label]) for label in labels])
    weights = calibrate.even_weights(labels)
    people = found["person"][selected] if "person" in found else None
    heads = {"face": after, WITHOUT_CORPUS: foreign}
    errors = {head: metrics.calibration_errors(seven, p, labels, weights) for head, p in heads.items()}
    return {
        "what": "Faces of the press and of films, people never seen, 6 emotions as students named them",
        "metric": "unweighted average recall",
        "items": len(truth),
        "results": {way: metrics.recall(found, truth) for way, found in named.items()},
        "spread": {way: metrics.recall_error(found, truth) for way, found in named.items()},
        **metrics.intervals({way: found == truth for way, found in named.items()}, truth, people),
        "out_of_domain": [*named, WITHOUT_CORPUS],
        "domain": "The face network never trained on these pictures; its calibration was fitted on other people of "
        "them and on FER+ Valid, or without them on FER+ Valid alone.",
        **metrics.confusion(named["face"], truth, emotions, "face"),
        "calibration_error": errors["face"],
        "calibration_errors": errors,
        "reliability": {head: metrics.reliability(p, labels, weights) for head, p in heads.items()},
    }


def javanese_av(model: Checkpoint, setting: predictions.Setting) -> dict[str, Any]:
    """Javanese audio-visual clips, six emotions, actors left out two at a time (the seventh alone)."""
    unseen_people = unseen_predictions(model, setting)
    clips, fused = unseen_people.clips, unseen_people.fused
    foreign = calibrate.fit_head(
        *unseen_people.faces, shares=unseen_people.face_shares, bias_penalty=unseen.FACE_PENALTY
    )
    people = unseen_people.clip_people
    if people is not None:  # in the order of the results: fold by fold
        people = people[np.argsort(clips.fold, kind="stable")]
    ways: dict[str, list] = {}
    raw: dict[str, list] = {}
    truth, without_corpus = [], []
    for number in np.unique(clips.fold):
        rows = clips.fold == number
        calibration = unseen.fit_calibration(unseen_people.without(fold=number))
        held = clips.only(rows)
        by_way = fusion.ways(held, fused[rows], calibration)
        plain = fusions.mean(held.face_probabilities, held.voice_probabilities)
        before = (held.face_probabilities, held.voice_probabilities, plain, plain, fused[rows])
        for (name, after), first in zip(by_way.items(), before, strict=True):
            ways.setdefault(name, []).append(metrics.restrict(after, JAVANESE_EMOTIONS))
            raw.setdefault(name, []).append(metrics.restrict(first, JAVANESE_EMOTIONS))
        without_corpus.append(calibrate.apply(foreign, held.face_probabilities))
        truth.append(np.array([JAVANESE_EMOTIONS.index(EMOTIONS[label]) for label in held.truth]))
    everything = np.concatenate(truth)
    joined = {name: np.concatenate(parts) for name, parts in ways.items()}
    believed = joined | {WITHOUT_CORPUS: metrics.restrict(np.concatenate(without_corpus), JAVANESE_EMOTIONS)}
    raw[WITHOUT_CORPUS] = raw["face"]
    heads = {name: metrics.calibration_errors(np.concatenate(raw[name]), p, everything) for name, p in believed.items()}
    return {
        "what": "Javanese acted clips with picture and sound, 6 emotions, actors left out",
        "metric": "accuracy",
        "items": len(everything),
        **metrics.accuracy({name: p.argmax(1) for name, p in joined.items()}, everything),
        **metrics.intervals({name: p.argmax(1) == everything for name, p in joined.items()}, people=people),
        "out_of_domain": ["face", WITHOUT_CORPUS],
        "domain": f"{JAVANESE_DOMAIN} The calibration error of faces was measured a second time with a calibration "
        "that was fitted to WebFaces alone.",
        "folds": {
            name: [float((p.argmax(1) == t).mean()) for p, t in zip(parts, truth, strict=True)]
            for name, parts in ways.items()
        },
        **metrics.confusion(joined["late"].argmax(1), everything, JAVANESE_EMOTIONS, "late"),
        "calibration_error": heads["late"],
        "calibration_errors": heads,
        "reliability": {name: metrics.reliability(p, everything) for name, p in believed.items()},
        "loss": {name: calibrate.nll(p, everything) for name, p in joined.items()},
    }


def unseen_predictions(model: Checkpoint, setting: predictions.Setting) -> unseen.Unseen:
    """The held-out data on which a calibration of the checkpoint is fitted."""
    if setting.data is not None and setting.runs is None:
        raise EmorecError("This needs the voice networks of all folds; name their folder by --runs.")
    return unseen.collect(
        setting,
        model.face,
        lambda folds: {k: fold_voice(model, setting.runs, k) for k in folds},
        layer_of=relative_layer(setting) if RELATIVE in model.voice.config.heads else None,
    )


def relative_layer(setting: predictions.Setting) -> Callable[[VoiceNet, int], nn.Linear]:
    """A function that returns the layer relative to the speaker of a voice network and its fold."""
    return lambda net, fold: voice_baseline.load_layer(net, setting.runs, fold)


def _ferplus_labels(model: Checkpoint) -> None:
    if model.face.config.labels != datasets.FERPLUS_LABELS:
        raise EmorecError("The face network has other labels than FER+'s eight; measure it on data of its own labels.")


def fold_voice(model: Checkpoint, runs: Path | None, fold: int) -> VoiceNet:
    """The voice network of a fold: the checkpoint's own if it was trained without that fold, else the run's.

    Raises EmorecError if the run was trained on the fold's people, or without ``runs``.
    """
    if fold == model.training.get("held_out_fold") and "ravdess" in model.voice.config.heads:
        return model.voice
    if runs is None:
        raise EmorecError("This needs the voice networks of all folds; name their folder by --runs.")
    name = voice.finished_run(runs, fold)
    settings = run_dir.settings_of(runs / name)
    people = {f"ravdess-{actor:02d}" for actor in datasets.RAVDESS_FOLDS[fold]}
    people |= {f"javanese-{actor}" for actor in datasets.JAVANESE_FOLDS[fold]}
    if seen := sorted(people & set(settings.get("persons", ()))):
        raise EmorecError(f"The run {runs / name} was trained on {seen[0]}, who belongs to its own test fold.")
    return voice_head.load_fitted(runs, fold)


def refuse_trained_on(model: Checkpoint, people: Collection[str], part: str | None = None) -> None:
    """Raise EmorecError if the checkpoint (or one part of it) was trained on one of the people of a test."""
    training = model.training
    known = training.get("parts", {}).get(part, training.get("persons", ())) if part else training.get("persons", ())
    if seen := sorted(set(known) & set(people)):
        others = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
        raise EmorecError(
            f"The checkpoint was trained on {seen[0]!r}{others}, so it cannot be measured on them; use other people."
        )
