"""The named protocols on public data, people apart by construction: each a function that measures a checkpoint.

Each takes the Checkpoint and a Setting and gives plain facts: what was measured, on how many items, results and spread
of each way of judging, recall by label, confusion matrix, calibration error before and after calibration.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec import fusion as fusions
from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.voice import VoiceFrontEnd
from train import calibrate, datasets, face, fusion, measures, pack, recipe, record, samples, voice

JAVANESE_EMOTIONS = tuple(sorted({emotion_of(label) for label in datasets.JAVANESE_LABELS}))
FACE_LOGITS = "ravdess_face_logits.csv"


@dataclass(frozen=True)
class Setting:
    """Where things are: the ``data`` folder, the training ``runs`` (for folds whose people the checkpoint met; None
    where there are none) and the ``cache``; ``dataset`` and ``labels`` describe a user's data."""

    data: Path
    runs: Path | None
    cache: Path
    dataset: str | None = None
    labels: Path | None = None
    epochs: int | None = None


def ferplus(model, setting):
    """FER+ Test: accuracy over the eight emotions on pictures with a majority, and calibration over the seven."""
    refuse_met(model, {"ferplus-test"}, "face")
    net = model.face
    if net.config.labels != datasets.FERPLUS_LABELS:
        raise EmorecError("The face network has other labels than FER+'s eight; measure it on data of its own labels.")
    crops, truth = face.labelled(datasets.ferplus(setting.data / "FERPlus", "test"), net.config, setting.cache)
    predicted = face.predict(net, crops).argmax(1)
    seven, labels = samples.still_faces(setting.data, net, "test", setting.cache)
    opinion = fusions.opinion(seven, model.calibration.still_scale, model.calibration.still_bias)
    return {
        "what": "FER+ Test, single face pictures, 8 emotions, pictures with a majority label",
        "metric": "accuracy",
        "items": len(truth),
        **measures.accuracy({"face": predicted}, truth),
        **measures.confusion(predicted, truth, net.config.labels),
        "calibration_error": measures.calibration_errors(seven, opinion, labels),
    }


def ravdess_voice(model, setting):
    """RAVDESS, voice only, eight emotions: each of the five folds by the network that never heard its actors.

    Without ``runs`` the checkpoint alone is measured, on the actors that it never heard.
    """
    heard = out_of_fold_voices(model, setting)
    predicted = {fold: one.eight.argmax(1) for fold, one in heard.items()}
    recalls = [measures.recall(predicted[fold], one.truth) for fold, one in heard.items()]
    everything = np.concatenate([one.truth for one in heard.values()])
    own = heard.get(model.training.get("held_out_fold"))
    found = {
        "what": "RAVDESS speech, voice only, 8 emotions, "
        + ("five actor-disjoint folds" if setting.runs else "the actors that these weights never heard"),
        "metric": "unweighted average recall",
        "items": len(everything),
        **measures.over_folds({"voice": recalls}, len(everything)),
        **measures.confusion(np.concatenate(list(predicted.values())), everything, datasets.RAVDESS_LABELS),
    }
    found["folds"] = recalls
    if own is not None:
        found["these_weights"] = measures.recall(own.eight.argmax(1), own.truth)
    if len(heard) > 1:
        before, after, truth = _calibrated(heard)
    elif own is not None:
        before, truth = own.seven, own.emotions
        after = fusions.opinion(before, model.calibration.voice_scale, model.calibration.voice_bias)
    else:
        return found
    return found | {"calibration_error": measures.calibration_errors(before, after, truth)}


def _calibrated(heard):
    """The seven-way probabilities of all folds (N, 7), the same calibrated on the other folds alone, labels (N,)."""
    after = []
    for fold, one in heard.items():
        others = [other for number, other in heard.items() if number != fold]
        known = np.concatenate([other.seven for other in others]), np.concatenate([other.emotions for other in others])
        after.append(fusions.opinion(one.seven, *calibrate.fit_opinion(*known)))
    columns = [one.seven for one in heard.values()], after, [one.emotions for one in heard.values()]
    return [np.concatenate(column) for column in columns]


def ravdess_late(model, setting):
    """RAVDESS, eight emotions: our out-of-fold voice with published out-of-fold face logits of the same clips.

    The pool of both is fitted on the clips of the other folds alone, so that late fusion is what is on trial.
    """
    table = datasets.existing(setting.data / "RAVDESS" / FACE_LOGITS)
    with open(table, newline="") as file:
        published = {row[0]: [float(value) for value in row[2:]] for row in list(csv.reader(file))[1:]}
    heard = out_of_fold_voices(model, setting)
    if len(heard) < 2:
        raise EmorecError("ravdess-late needs the voice networks of several folds; name their folder by --runs.")
    parts = {}
    for fold, one in heard.items():
        known = np.array([stem in published for stem in one.stems])
        seen = fusions.softmax(np.array([published[stem] for stem in one.stems if stem in published]))
        parts[fold] = (seen, fusions.softmax(one.eight[known]), one.truth[known])
    ways, means, lates = {name: [] for name in ("face", "voice", "mean", "late")}, [], []
    for fold, (seen, said, truth) in parts.items():
        others = [part for other, part in parts.items() if other != fold]
        fitted = calibrate.fit_pool([np.concatenate(column) for column in list(zip(*others, strict=True))[:2]],
                                    np.concatenate([part[2] for part in others]))  # fmt: skip
        late, mean = calibrate.pool([seen, said], *fitted), (seen + said) / 2
        for name, probabilities in zip(ways, (seen, said, mean, late), strict=True):
            ways[name].append(measures.recall(probabilities.argmax(1), truth))
        means.append(mean)
        lates.append(late)
    mean, late = np.concatenate(means), np.concatenate(lates)
    truth = np.concatenate([part[2] for part in parts.values()])
    return {
        "what": "RAVDESS speech, our voice with published face logits of the same clips, 8 emotions, five folds",
        "metric": "unweighted average recall",
        "items": len(truth),
        **measures.over_folds(ways, len(truth)),
        **measures.confusion(late.argmax(1), truth, datasets.RAVDESS_LABELS),
        "calibration_error": measures.calibration_errors(mean, late, truth),
    }


def javanese_av(model, setting):
    """Javanese audio-visual clips, six emotions, actors left out two at a time (the seventh alone)."""
    if setting.runs is None:
        raise EmorecError("javanese-av needs the voice networks of all folds; name their folder by --runs.")
    voice_nets = {fold: fold_voice(model, setting.runs, fold) for fold in recipe.audio_visual_folds()}
    _, clips, fused = fusion.cross_fit(setting.data, model.face, voice_nets, setting.cache)
    voices = samples.unheard_voices(setting.data, voice_nets, setting.cache)
    ways, raw, truth = {}, {}, []
    for fold in voice_nets:
        rows = clips.fold == fold
        calibration = fusion.calibrated_without(fold, clips, fused, voices)
        held = clips.only(rows)
        for name, probabilities in fusion.ways(held, fused[rows], calibration).items():
            ways.setdefault(name, []).append(measures.among(probabilities, JAVANESE_EMOTIONS))
        mean = fusions.mean(held.face_probabilities, held.voice_probabilities)
        before = (held.face_probabilities, held.voice_probabilities, mean, mean, fused[rows])
        for name, probabilities in zip(ways, before, strict=True):
            raw.setdefault(name, []).append(measures.among(probabilities, JAVANESE_EMOTIONS))
        truth.append(np.array([JAVANESE_EMOTIONS.index(EMOTIONS[label]) for label in held.truth]))
    everything = np.concatenate(truth)
    joined = {name: np.concatenate(parts) for name, parts in ways.items()}
    heads = {name: measures.calibration_errors(np.concatenate(raw[name]), p, everything) for name, p in joined.items()}
    return {
        "what": "Javanese acted clips with picture and sound, 6 emotions, actors left out",
        "metric": "accuracy",
        "items": len(everything),
        **measures.accuracy({name: p.argmax(1) for name, p in joined.items()}, everything),
        "folds": {
            name: [float((p.argmax(1) == t).mean()) for p, t in zip(parts, truth, strict=True)]
            for name, parts in ways.items()
        },
        **measures.confusion(joined["late"].argmax(1), everything, JAVANESE_EMOTIONS),
        "calibration_error": heads["late"],
        "calibration_errors": heads,
    }


@dataclass(frozen=True)
class Heard:
    """RAVDESS clips by a network that never heard their actors: eight-way logits, seven-way probabilities, labels."""

    stems: list
    eight: np.ndarray
    seven: np.ndarray
    truth: np.ndarray
    emotions: np.ndarray


def out_of_fold_voices(model, setting):
    """A Heard for each fold of RAVDESS; without ``runs`` one for the checkpoint's own unheard actors."""
    items = datasets.voices(setting.data)
    clips = pack.voice_clips(items, VoiceFrontEnd(), setting.cache)
    ravdess = np.array([item.corpus == "ravdess" for item in items])
    if setting.runs:
        fold_of = datasets.fold_of(items)
        nets = {fold: (fold_voice(model, setting.runs, fold), fold_of == fold) for fold in range(datasets.FOLDS)}
    else:
        met = set(model.training.get("persons", ()))
        unheard = np.array([item.person not in met for item in items])
        if "ravdess" not in model.voice.config.heads:
            raise EmorecError("The voice network has no head for RAVDESS's eight labels; measure it with --dataset.")
        if not (unheard & ravdess).any():
            raise EmorecError("The checkpoint was trained on every actor of RAVDESS; name its training by --runs.")
        nets = {model.training.get("held_out_fold"): (model.voice, unheard)}
    targets, heard = voice.targets_of(items), {}
    for fold, (net, chosen) in nets.items():
        rows = np.flatnonzero(chosen & ravdess)
        features = voice.features(net, [clips[row] for row in rows])
        heard[fold] = Heard(
            stems=[items[row].path.stem for row in rows],
            eight=voice.logits_of(net, features, "ravdess").astype(np.float64),
            seven=fusions.softmax(voice.logits_of(net, features).astype(np.float64)),
            truth=targets[rows, 1],
            emotions=targets[rows, 0],
        )
    return heard


def fold_voice(model, runs, fold):
    """The voice network of a fold: the checkpoint's own where that is the fold it never heard, else the run's.

    Raises EmorecError where the run says that it heard the fold's people.
    """
    if fold == model.training.get("held_out_fold") and "ravdess" in model.voice.config.heads:
        return model.voice
    name = voice.finished(runs, fold)
    settings = record.settings_of(runs / name)
    people = {f"ravdess-{actor:02d}" for actor in datasets.RAVDESS_FOLDS[fold]}
    people |= {f"javanese-{actor}" for actor in datasets.JAVANESE_FOLDS[fold]}
    if met := sorted(people & set(settings.get("persons", ()))):
        raise EmorecError(f"The run {runs / name} was trained on {met[0]}, whom its fold is to judge.")
    return voice.trained(runs, fold)


def refuse_met(model, people, part=None):
    """Raise EmorecError where the checkpoint (or one part of it) was trained on somebody whom it is to be judged on."""
    training = model.training
    known = training.get("parts", {}).get(part, training.get("persons", ())) if part else training.get("persons", ())
    if met := sorted(set(known) & set(people)):
        others = f" and {len(met) - 1} more" if len(met) > 1 else ""
        raise EmorecError(
            f"The checkpoint was trained on {met[0]!r}{others}, so it cannot be judged on them; take other people."
        )
