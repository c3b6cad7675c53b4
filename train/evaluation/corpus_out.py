"""The protocol for left-out corpora: the accuracy on each one of a layer that was fitted without it."""

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.inference import fusion
from emorec.models.checkpoint import Checkpoint
from train import calibration, metrics
from train.data import datasets
from train.evaluation import predictions
from train.recipes import voice_baseline, voice_head

ACTED = ("ravdess", "nemo", "ased", "javanese")
CORPORA = (*ACTED, *datasets.ORDINARY)
DOMAIN = (
    "Each corpus is judged by a layer and a calibration that were fitted without it. The distilled trunk below them "
    "was trained on the sound of the acted corpora, and on the output of a layer that knows the emotions of RAVDESS, "
    "so their results may be too good."
)
NEGATIVE = tuple(EMOTIONS.index(emotion) for emotion in ("angry", "disgust", "fear", "sad"))
SURE = 0.6  # probability from which a wrong negative emotion counts as a confident one


def corpus_out(model: Checkpoint, setting: predictions.Setting) -> dict:
    """Each voice corpus by a layer fitted on the other corpora, over the features of the distilled trunk; even prior.

    The distilled trunk was trained on the sound of the acted corpora. It got no labels but those of RAVDESS: its second
    target comes from a layer that was fitted to them (people outside the fold). So only ordinary speech is out of
    domain. The emotion trunk was trained on the labels of all acted corpora, so its features are left out.

    The calibration for a corpus is fitted on the layers' predictions of the other corpora, so it fits unknown corpora.
    Recall is over the emotions of a corpus; ``intervals`` (95 %) and ``spread`` come from resampling people. An item is
    a recording of acted speech or a window (3 s) of ordinary speech. Everything is measured a second time by layers
    over features relative to each speaker's baseline, see train/recipes/voice_baseline.py, for speakers who have one.
    Raises EmorecError if the voice network has no distilled trunk.
    """
    found = predictions.load_or_collect("corpus-out", setting, lambda: _collect(model, setting))
    plain = _measure(found, "")
    known = found["known"] > 0
    own = _measure({name: values[known] for name, values in found.items()} | {"seven": found["relative"][known]},
                    ", own baseline")  # fmt: skip
    return {
        "what": "Voices of each corpus by a layer fitted on the other corpora, over features of the distilled trunk "
        "(voice: mean of the four acted corpora)",
        "metric": "unweighted average recall",
        "items": len(found["truth"]),
        **{name: plain[name] | own[name] for name in ("results", "spread", "intervals")},
        "resampled": "people",
        "interval_by": {
            name: "recordings" for name in (*plain["results"], *own["results"]) if name.startswith(datasets.NAMELESS)
        },
        "out_of_domain": [name for name in (*plain["results"], *own["results"]) if name.startswith(datasets.ORDINARY)],
        "domain": DOMAIN,
        **plain["details"],
        "priors": {prior: corpora | own["priors"][prior] for prior, corpora in plain["priors"].items()},
    }


def _measure(found, way):
    """Results of every corpus for probabilities ``seven``; the names of results end with ``way``."""
    results, spread, intervals, tables, best_labels, calibrated, drawn = {}, {}, {}, {}, [], [], {}
    for number, corpus in enumerate(CORPORA):
        rows = found["corpus"] == number
        if not rows.any():
            continue
        head = _calibration(found, ~rows)
        even = calibration.apply(head, found["seven"][rows])
        truth, people = found["truth"][rows], found["person"][rows]
        calibrated.append(even)
        best = _best_of_own(even, truth)
        best_labels.append(best)
        if len(np.unique(truth)) > 1:
            _add(corpus + way, best == truth, truth, people, results, spread, intervals)
            drawn[corpus + way] = metrics.resampled_recall(best == truth, truth, people, seed=number)
        if corpus in datasets.ORDINARY:
            calm = truth == metrics.NEUTRAL
            for name, prior in (("even", calibration.EVEN), ("everyday", metrics.EVERYDAY)):
                p = calibration.apply(head, found["seven"][rows][calm], prior)
                right = p.argmax(1) == metrics.NEUTRAL
                title = f"{corpus} calm, {name} prior{way}"
                _add(title, right, truth[calm], people[calm], results, spread, intervals)
                tables.setdefault(name, {})[f"{corpus} (corpus-out{way})"] = {
                    "neutral": metrics.share(right),
                    "surely_negative": metrics.share(p[:, NEGATIVE].max(axis=1) > SURE),
                    "confidence": float(p.max(axis=1).mean()),
                }
    order = np.argsort(found["corpus"], kind="stable")
    truth, raw = found["truth"][order], found["seven"][order]
    best_labels, calibrated = np.concatenate(best_labels), np.concatenate(calibrated)
    weights = calibration.even_weights(truth, found["corpus"][order])
    acted = [corpus + way for corpus in ACTED]
    return {
        "results": {f"voice{way}": float(np.mean([results[name] for name in acted]))} | results,
        "spread": {f"voice{way}": float(np.linalg.norm([spread[name] for name in acted]) / len(acted))} | spread,
        # The corpora share no people, so each has bootstrap samples of its own.
        "intervals": {f"voice{way}": metrics.interval(np.mean([drawn[name] for name in acted], axis=0))} | intervals,
        "priors": tables,
        "details": {
            **metrics.confusion(best_labels, truth, EMOTIONS),
            "calibration_error": metrics.calibration_errors(raw, calibrated, truth, weights),
            "reliability": {"voice": metrics.reliability(calibrated, truth, weights)},
        },
    }


def _add(name, right, truth, people, results, spread, intervals):
    results[name] = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
    low, high, spread[name] = metrics.recall_by_people(right, truth, people)
    intervals[name] = [low, high]


def _best_of_own(probabilities, truth):
    """The most likely of the labels that a corpus has, for each row."""
    own = np.unique(truth)
    return own[probabilities[:, own].argmax(axis=1)]


def _calibration(found, rows):
    """The HeadCalibration that is fitted on the predictions of ``rows``; its scale alone, because biases of one corpus
    do not fit the next.

    RAVDESS's disgust is left out: no other corpus has it, so no layer that was fitted without RAVDESS can name it.
    """
    disgust = found["truth"] == EMOTIONS.index("disgust")
    rows = rows & ~(disgust & (found["corpus"] == CORPORA.index("ravdess")))
    return calibration.fit_head(found["seven"][rows], found["truth"][rows], found["corpus"][rows], biased=False)


def _collect(model: Checkpoint, setting: predictions.Setting) -> dict[str, np.ndarray]:
    """Predictions for all corpora, each left out in turn: probabilities ``seven`` (N, 7), those ``relative`` to the
    speaker (N, 7) of rows ``known`` (N,), labels ``truth`` (N,), ``corpus`` (index in CORPORA) and ``person`` (N,)."""
    columns = voice_head.distilled_columns(model.voice)
    if not len(columns):
        raise EmorecError("corpus-out needs a voice network with a distilled trunk; this one has none.")
    items = voice_head.all_items(setting.data)
    corpora = np.array([item.corpus for item in items])
    pooled_features = voice_head.pooled_features(model.voice, items, setting.cache)[:, columns]
    calm = np.flatnonzero(np.isin(corpora, datasets.ORDINARY))
    windows, place = voice_head.pooled_windows(model.voice, [items[row] for row in calm], setting.cache)
    everyone = {person: number for number, person in enumerate(sorted({item.person for item in items}))}
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    people = np.array([everyone[item.person] for item in items])
    offset, known = voice_baseline.relative(pooled_features, truth, people)
    offset_windows, known_windows = voice_baseline.relative(
        windows[:, columns], truth[calm[place]], people[calm[place]]
    )
    used, training = voice_head.training_rows(model.voice, items, setting.data_folder, setting.cache, setting.augmented)
    used_items, training, parts = [items[row] for row in used], training[:, columns], []
    for number, corpus in enumerate(CORPORA):
        if corpus in ACTED:
            rows = np.flatnonzero(corpora == corpus)
            features, relative, there = pooled_features[rows], offset[rows], known[rows]
        else:
            inside = corpora[calm[place]] == corpus
            rows, features = calm[place[inside]], windows[inside][:, columns]
            relative, there = offset_windows[inside], known_windows[inside]
        plain = voice_head.fit(used_items, training, (corpus,))
        own = voice_baseline.fit(items, offset, known, (corpus,))
        predicted = (_probabilities(plain, features), _probabilities(own, relative), there)
        parts.append((*predicted, truth[rows], np.full(len(rows), number), people[rows]))
    names = ("seven", "relative", "known", "truth", "corpus", "person")
    return dict(zip(names, (np.concatenate(column) for column in zip(*parts, strict=True)), strict=True))


def _probabilities(layer, features):
    weight, bias = (part.numpy().astype(np.float64) for part in (layer.weight, layer.bias))
    return fusion.softmax(features.astype(np.float64) @ weight.T + bias)
