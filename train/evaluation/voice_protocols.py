"""The protocols for voices: RAVDESS alone and with published faces, and left-out corpora of ordinary speech."""

import csv

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import fusion as fusions
from train import calibration, metrics
from train.data import datasets
from train.evaluation import predictions, unseen, voice_predictions
from train.evaluation.protocols import fold_voice, unseen_predictions
from train.recipes import voice, voice_head

FACE_LOGITS = "ravdess_face_logits.csv"
NEGATIVE = ("angry", "disgust", "fear", "sad")
RAVDESS_DOMAIN = (
    "Other actors of the same corpus trained the voice networks, whose recipe was chosen by results on some of these "
    "folds."
)
SURE = 0.6  # probability above which a wrong negative emotion counts as a confident one


def ravdess_voice(model, setting):
    """RAVDESS, voice only, eight emotions: each of the five folds by the network trained without its actors.

    Without ``runs`` the checkpoint alone is measured, on its held-out actors.
    """
    arrays = ravdess_predictions(model, setting)
    folds = [int(number) for number in np.unique(arrays["fold"])]
    own = model.training.get("held_out_fold")
    predicted = arrays["eight"].argmax(1)
    recalls = {k: metrics.recall(predicted[arrays["fold"] == k], arrays["native"][arrays["fold"] == k]) for k in folds}
    found = {
        "what": "RAVDESS speech, voice only, 8 emotions, "
        + ("five actor-disjoint folds" if len(folds) > 1 else "the actors that these weights never heard"),
        "metric": "unweighted average recall",
        "items": len(predicted),
        **metrics.over_folds({"voice": list(recalls.values())}, len(predicted)),
        **metrics.intervals({"voice": predicted == arrays["native"]}, arrays["native"], arrays.get("person")),
        "out_of_domain": [],
        "domain": RAVDESS_DOMAIN,
        **metrics.confusion(predicted, arrays["native"], datasets.RAVDESS_LABELS),
        "folds": list(recalls.values()),
    }
    if own in recalls:
        found["these_weights"] = recalls[own]
    if len(folds) > 1:
        unseen_people = unseen_predictions(model, setting)
        heads = {k: unseen.fit_calibration(unseen_people.without(fold=k)).voice for k in folds}
    elif own in recalls:
        heads = {own: model.calibration.voice}
    else:
        return found
    even, everyday = (
        np.concatenate([calibration.apply(heads[k], arrays["seven"][arrays["fold"] == k], prior) for k in folds])
        for prior in (calibration.EVEN, metrics.EVERYDAY)
    )
    order = np.concatenate([np.flatnonzero(arrays["fold"] == k) for k in folds])
    truth, raw = arrays["truth"][order], arrays["seven"][order]
    strong = (arrays["strong"][order] > 0) & (truth != metrics.NEUTRAL)
    return found | {
        "calibration_error": metrics.calibration_errors(raw, even, truth),
        "reliability": {"voice": metrics.reliability(even, truth)},
        "recall_even_prior": metrics.recall(even.argmax(1), truth),
        "called_neutral": {
            "even": metrics.share(even[strong].argmax(1) == metrics.NEUTRAL),
            "everyday": metrics.share(everyday[strong].argmax(1) == metrics.NEUTRAL),
        },
    }


def ravdess_predictions(model, setting):
    """The arrays of RAVDESS among ``voice_predictions.voices``; without ``runs`` those by the checkpoint alone."""
    if setting.data is None or setting.runs:
        found = voice_predictions.voices(
            setting, lambda: {k: fold_voice(model, setting.runs, k) for k in range(datasets.FOLDS)}
        )
        rows = found["corpus"] == voice_predictions.VOICE_CORPORA.index("ravdess")
        return {name: values[rows] for name, values in found.items()}
    items = datasets.ravdess(setting.data / "RAVDESS")
    training_people = set(model.training.get("persons", ()))
    if "ravdess" not in model.voice.config.heads:
        raise EmorecError("The voice network has no head for RAVDESS's eight labels; measure it with --dataset.")
    items = [item for item in items if item.person not in training_people]
    if not items:
        raise EmorecError("The checkpoint was trained on every actor of RAVDESS; name its training by --runs.")
    pooled = voice_head.pooled_features(model.voice, items, setting.cache)
    own = model.training.get("held_out_fold")
    return {
        "seven": fusions.softmax(voice.logits_of(model.voice, pooled).astype(np.float64)),
        "eight": fusions.softmax(voice.logits_of(model.voice, pooled, "ravdess").astype(np.float64)),
        "truth": voice.targets_of(items)[:, 0],
        "native": voice.targets_of(items)[:, 1],
        "fold": np.full(len(items), datasets.NEVER if own is None else own),
        "strong": np.array([item.path.stem.split("-")[3] == voice_predictions.STRONG for item in items]),
        "person": np.unique([item.person for item in items], return_inverse=True)[1],
    }


def ravdess_late(model, setting):
    """RAVDESS, eight emotions: our out-of-fold voice with published out-of-fold face logits of the same clips.

    The pool of both is fitted on the clips of the other folds alone, so that late fusion itself is tested.
    """
    found = predictions.load_or_collect("ravdess-late", setting, lambda: _ravdess_late(model, setting))
    ways, truth, names = {}, found["truth"], ("face", "voice", "mean", "late")
    for name in names:
        ways[name] = [
            metrics.recall(found[name][found["fold"] == k].argmax(1), truth[found["fold"] == k])
            for k in np.unique(found["fold"])
        ]
    return {
        "what": "RAVDESS speech, our voice with published face logits of the same clips, 8 emotions, five folds",
        "metric": "unweighted average recall",
        "items": len(truth),
        **metrics.over_folds(ways, len(truth)),
        **metrics.intervals({name: found[name].argmax(1) == truth for name in names}, truth, found.get("person")),
        "out_of_domain": [],
        "domain": f"{RAVDESS_DOMAIN} The published faces come from networks of others, trained on other actors of it.",
        **metrics.confusion(found["late"].argmax(1), truth, datasets.RAVDESS_LABELS, "late"),
        "calibration_error": metrics.calibration_errors(found["mean"], found["late"], truth),
        "reliability": {"late": metrics.reliability(found["late"], truth)},
        "loss": {name: calibration.nll(found[name], truth) for name in ways},
    }


def _ravdess_late(model, setting):
    if setting.runs is None:
        raise EmorecError("ravdess-late needs the voice networks of several folds; name their folder by --runs.")
    table = datasets.check_exists(setting.data / "RAVDESS" / FACE_LOGITS)
    with open(table, encoding="utf-8", newline="") as file:
        published = {row[0]: [float(value) for value in row[2:]] for row in list(csv.reader(file))[1:]}
    # In the order of ``voice_predictions.voices``: fold by fold, and in a fold as the files are named.
    items = datasets.ravdess(setting.data / "RAVDESS")
    folds = datasets.folds_of(items)
    stems = [items[row].path.stem for k in range(datasets.FOLDS) for row in np.flatnonzero(folds == k)]
    arrays = ravdess_predictions(model, setting)
    known = np.array([stem in published for stem in stems])
    face_probabilities = fusions.softmax(np.array([published[stem] for stem in stems if stem in published]))
    voice_probabilities, truth, fold = arrays["eight"][known], arrays["native"][known], arrays["fold"][known]
    late = np.zeros_like(voice_probabilities)
    for k in np.unique(fold):
        others = fold != k
        fitted = calibration.fit_pool([face_probabilities[others], voice_probabilities[others]], truth[others])
        late[~others] = calibration.pool([face_probabilities[~others], voice_probabilities[~others]], *fitted)
    people = {"person": arrays["person"][known]} if "person" in arrays else {}
    return people | {
        "face": face_probabilities,
        "voice": voice_probabilities,
        "mean": (face_probabilities + voice_probabilities) / 2,
        "late": late,
        "truth": truth,
        "fold": fold,
    }


def everyday(model, setting):
    """Ordinary speech, each corpus by a last layer fitted without it: shares of neutral and of surely negative windows.

    The calibration is fitted without the corpus, too. Accuracy is the share of calm windows predicted as neutral.
    ``zero_shot`` is the recall of acted emotions in a corpus that took no part in any training.
    """
    unseen_people = unseen_predictions(model, setting)
    probabilities, truth, _, corpora = unseen_people.voices
    results, spread, tables, drawn, by = {}, {}, {}, {}, {}
    people = unseen_people.voice_people
    negative = [EMOTIONS.index(emotion) for emotion in NEGATIVE]
    even, usual, labels, before, among = [], [], [], [], []
    for corpus in datasets.ORDINARY:
        number = voice_predictions.VOICE_CORPORA.index(corpus)
        rows = corpora == number
        head = unseen.fit_calibration(unseen_people.without(corpus=number)).voice
        for name, prior in (("even", calibration.EVEN), ("everyday", metrics.EVERYDAY)):
            p = calibration.apply(head, probabilities[rows], prior)[truth[rows] == metrics.NEUTRAL]
            neutral = p.argmax(1) == metrics.NEUTRAL
            title = f"{corpus}, {name} prior"
            results[title] = metrics.share(neutral)
            spread[title] = metrics.standard_error(metrics.share(neutral), len(p))
            speakers = None if people is None else people[rows][truth[rows] == metrics.NEUTRAL]
            drawn[title] = metrics.intervals({title: neutral}, people=speakers)
            if corpus in datasets.NAMELESS and drawn[title]["resampled"] == "people":
                by[title] = "recordings"
            by |= drawn[title].get("interval_by", {})
            tables.setdefault(name, {})[corpus] = {
                "neutral": metrics.share(neutral),
                "surely_negative": metrics.share(p[:, negative].max(axis=1) > SURE),
                "confidence": float(p.max(axis=1).mean()),
                "shares": {emotion: metrics.share(p.argmax(1) == row) for row, emotion in enumerate(EMOTIONS)},
            }
        even.append(calibration.apply(head, probabilities[rows]))
        usual.append(calibration.apply(head, probabilities[rows], metrics.EVERYDAY))
        labels.append(truth[rows])
        before.append(probabilities[rows])
        present = [EMOTIONS[label] for label in np.unique(truth[rows])]
        best = metrics.restrict(even[-1], present).argmax(1)
        among.append(np.array([EMOTIONS.index(emotion) for emotion in present])[best])
    acted = {
        corpus: metrics.recall(predicted_labels, own)
        for corpus, predicted_labels, own in zip(datasets.ORDINARY, among, labels, strict=True)
        if len(np.unique(own)) > 1
    }
    # Most of these windows are calm, as the everyday prior expects. Under an even one every emotion must weigh alike.
    lengths = [len(own) for own in labels]
    labels, even, usual, before = (np.concatenate(parts) for parts in (labels, even, usual, before))
    weights = calibration.even_weights(labels, np.repeat(datasets.ORDINARY, lengths))
    heads = {"voice": (even, labels, weights), "voice, everyday prior": (usual, labels, None)}
    return {
        "what": "Ordinary speech of corpora never heard, in windows of 3 s: calm ones that are called neutral",
        "metric": "accuracy",
        "items": int((labels == metrics.NEUTRAL).sum()),
        "results": results,
        "spread": spread,
        "intervals": {name: found["intervals"][name] for name, found in drawn.items()},
        "resampled": "people" if all(found["resampled"] == "people" for found in drawn.values()) else "items",
        "interval_by": by,
        "out_of_domain": [*heads, *results],
        "domain": "Each corpus is judged by a last layer and a calibration that were fitted without it; the layers "
        "below were trained on acted speech alone. How strongly the last layer is regularised, and how many augmented "
        "recordings it is fitted to, was chosen by these results.",
        **metrics.confusion(even.argmax(1), labels, EMOTIONS, "even prior"),
        "calibration_errors": {head: metrics.calibration_errors(before, *given) for head, given in heads.items()},
        "reliability": {head: metrics.reliability(*given) for head, given in heads.items()},
        "priors": tables,
        "zero_shot": acted,
    }
