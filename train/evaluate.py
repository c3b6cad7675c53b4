"""Measure a checkpoint on people and pictures it never met, and write what was found into its config and card.

python train/evaluate.py CHECKPOINT --data DATA --runs RUNS [--protocol ferplus,ravdess-voice,javanese-av]
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch

from emorec import checkpoint as checkpoints
from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.voice import VoiceFrontEnd
from hub import card
from train import calibrate, datasets, face, fusion, pack, voice

JAVANESE_EMOTIONS = tuple(sorted({emotion_of(label) for label in datasets.JAVANESE_LABELS}))


def ferplus(model, data, runs, cache):
    """FER+ Test: accuracy over the eight emotions on pictures with a majority, and calibration over the seven."""
    net = model.face
    crops, truth = face.labelled(datasets.ferplus(data / "FERPlus", "test"), net.config, cache)
    predicted = face.predict(net, crops).argmax(1)
    seven, labels = fusion.still_faces(data, net, "test", cache)
    opinion = fusions.opinion(seven, model.calibration.face_scale, model.calibration.face_bias)
    accuracy = float((predicted == truth).mean())
    return {
        "what": "FER+ Test, single face pictures, 8 emotions, pictures with a majority label",
        "metric": "accuracy",
        "items": len(truth),
        "results": {"face": accuracy},
        "spread": {"face": standard_error(accuracy, len(truth))},
        **confusion(predicted, truth, net.config.labels),
        "calibration_error": {"before": ece(seven, labels), "after": ece(opinion, labels)},
    }


def ravdess_voice(model, data, runs, cache):
    """RAVDESS, voice only, eight emotions: each of the five folds by the network that never heard its actors."""
    items = datasets.voices(data)
    clips = pack.voice_clips(items, VoiceFrontEnd(), cache)
    fold_of, corpora = datasets.fold_of(items), np.array([item.corpus for item in items])
    targets = voice.targets_of(items)
    recalls, predicted, truth = [], [], []
    for fold in range(datasets.FOLDS):
        rows = np.flatnonzero((fold_of == fold) & (corpora == "ravdess"))
        net = voice.trained(runs, fold)
        features = voice.features(net, [clips[row] for row in rows])
        predicted.append(voice.logits_of(net, features, "ravdess").argmax(1))
        truth.append(targets[rows, 1])
        recalls.append(voice.recall(predicted[-1], truth[-1]))
        if fold == held_out_fold(model):
            seven = fusions.softmax(voice.logits_of(net, features).astype(np.float64))
            calibration, labels = model.calibration, targets[rows, 0]
            opinion = fusions.opinion(seven, calibration.voice_scale, calibration.voice_bias)
            errors = {"before": ece(seven, labels), "after": ece(opinion, labels)}
            own = voice.recall(predicted[-1], truth[-1])
    return {
        "what": "RAVDESS speech, voice only, 8 emotions, five actor-disjoint folds",
        "metric": "unweighted average recall",
        "items": int(sum(map(len, truth))),
        "results": {"voice": float(np.mean(recalls))},
        "spread": {"voice": float(np.std(recalls))},
        "folds": recalls,
        "these_weights": own,
        **confusion(np.concatenate(predicted), np.concatenate(truth), datasets.RAVDESS_LABELS),
        "calibration_error": errors,
    }


def javanese_av(model, data, runs, cache):
    """Javanese audio-visual clips, six emotions, actors left out two at a time (the seventh alone)."""
    voice_nets = {fold: voice.trained(runs, fold) for fold in audio_visual_folds()}
    _, clips, fused = fusion.cross_fit(data, model.face, voice_nets, cache)
    voices = fusion.unheard_voices(data, voice_nets, cache)
    ways = {name: [] for name in ("face", "voice", "mean", "late", "intermediate")}
    truth = []
    for fold in voice_nets:
        rows = clips.fold == fold
        calibration = fusion.calibrated_without(fold, clips, fused, voices)
        held = clips.only(rows)
        seen, heard = fusion.opinions(held, calibration)
        late = fusions.late(seen, heard, held.face_coverage, held.voice_coverage, calibration)
        intermediate = fusions.opinion(fused[rows], calibration.fusion_scale, calibration.fusion_bias)
        for name, probabilities in zip(ways, (seen, heard, fusions.mean(seen, heard), late, intermediate), strict=True):
            ways[name].append(among(probabilities, JAVANESE_EMOTIONS))
        truth.append([JAVANESE_EMOTIONS.index(EMOTIONS[label]) for label in held.truth])
    everything = np.concatenate(truth)
    results = {name: float((np.concatenate(p).argmax(1) == everything).mean()) for name, p in ways.items()}
    late = np.concatenate(ways["late"])
    return {
        "what": "Javanese acted clips with picture and sound, 6 emotions, actors left out",
        "metric": "accuracy",
        "items": len(everything),
        "results": results,
        "spread": {name: standard_error(value, len(everything)) for name, value in results.items()},
        "folds": {
            name: [float((p.argmax(1) == t).mean()) for p, t in zip(parts, truth, strict=True)]
            for name, parts in ways.items()
        },
        **confusion(late.argmax(1), everything, JAVANESE_EMOTIONS),
        "calibration_error": {"after": ece(late, everything)},
    }


PROTOCOLS = {"ferplus": ferplus, "ravdess-voice": ravdess_voice, "javanese-av": javanese_av}


def audio_visual_folds():
    """Folds that hold out somebody who is seen and heard."""
    return [fold for fold, actors in enumerate(datasets.JAVANESE_FOLDS) if actors]


def held_out_fold(model):
    """The fold whose people these weights never met."""
    return model.training["held_out_fold"]


def among(probabilities, emotions):
    """Probabilities over a data set's own emotions alone, renormalised; without evidence all are alike."""
    chosen = np.nan_to_num(probabilities[:, [EMOTIONS.index(emotion) for emotion in emotions]], nan=1.0)
    return chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1e-12)


def confusion(predicted, truth, labels):
    """Confusion matrix (rows are the truth) and recall of each label, as plain values."""
    matrix = np.zeros((len(labels), len(labels)), int)
    np.add.at(matrix, (truth, predicted), 1)
    found = matrix.diagonal() / np.maximum(matrix.sum(axis=1), 1)
    return {
        "labels": list(labels),
        "recall": {label: float(value) for label, value in zip(labels, found, strict=True)},
        "confusion": matrix.tolist(),
    }


def ece(probabilities, truth):
    """Expected calibration error of rows that have probabilities."""
    known = ~np.isnan(probabilities[:, 0])
    return calibrate.expected_calibration_error(probabilities[known], truth[known])


def standard_error(share, items):
    """Binomial standard error of a share of so many items."""
    return float(np.sqrt(share * (1 - share) / items))


def rounded(value):
    """Plain values with floats at four digits."""
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return [rounded(item) for item in value] if isinstance(value, list | tuple) else value


def evaluate(folder, data, runs, names, cache):
    """Run protocols on a checkpoint folder, write their results into its config.json and card, return them."""
    model = checkpoints.load(folder)
    for name in names:
        found = rounded(PROTOCOLS[name](model, data, runs, cache))
        model.evaluation[name] = found
        print(name, found["results"], "±", found["spread"], flush=True)
        checkpoints.save_config(model, folder)
        card.write(model, folder)
    return model.evaluation


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds FERPlus, RAVDESS, JavaneseAV, ...")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the training runs, for the other folds")
    parser.add_argument("--protocol", default=",".join(PROTOCOLS), help="comma-separated; default all")
    options = parser.parse_args(arguments)
    names = options.protocol.split(",")
    unknown = [name for name in names if name not in PROTOCOLS]
    if unknown:
        parser.error(f"unknown protocol {unknown[0]}; there are {', '.join(PROTOCOLS)}")
    torch.manual_seed(0)
    try:
        evaluate(options.checkpoint, options.data, options.runs, names, options.runs / "cache")
    except EmorecError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
