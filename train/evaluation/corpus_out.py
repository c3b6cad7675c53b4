"""A protocol of corpora left out: how well each one is judged by a layer that was fitted without it."""

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.inference import fusion
from emorec.models.calibration import FLOOR
from emorec.models.checkpoint import Checkpoint
from train import calibration, metrics
from train.data import datasets
from train.evaluation import predictions
from train.recipes import voice_head

ACTED = ("ravdess", "nemo", "ased", "javanese")
CORPORA = (*ACTED, *datasets.ORDINARY)
NEGATIVE = tuple(EMOTIONS.index(emotion) for emotion in ("angry", "disgust", "fear", "sad"))
BASELINE_ROWS = 4  # rows of a speaker from which on there is a baseline
BASELINE_STRENGTH = 0.5  # of its removal; all of it makes nearly everything neutral
SURE = 0.6  # probability from which on a wrong negative emotion counts as surely said


def corpus_out(model: Checkpoint, setting: predictions.Setting) -> dict:
    """Each voice corpus by a layer fitted on the other corpora, over the features of the distilled trunk; even prior.

    The distilled trunk was never trained on emotions, but on the sound of the acted corpora without their labels. The
    emotion trunk was trained on their labels, so its features are left out. The calibration for a corpus is fitted on
    the layers' predictions of the other corpora, so that it fits corpora never heard. Recall is among a corpus's own
    emotions; ``intervals`` (95 %) and ``spread`` come from resampling people. Acted corpora are judged by recordings,
    ordinary speech by windows of 3 s. Everything is measured a second time with each speaker's baseline removed, see
    ``without_baselines``. Raises EmorecError if the voice network has no distilled trunk.
    """
    found = predictions.of("corpus-out", setting, lambda: _collect(model, setting))
    plain = _measured(found, "")
    own = _measured(found | {"seven": without_baselines(found)}, ", own baseline")
    return {
        "what": "Voices of each corpus by a layer fitted on the other corpora, over features never trained on emotions "
        "(voice: mean of the four acted corpora)",
        "metric": "unweighted average recall",
        "items": len(found["truth"]),
        **{name: plain[name] | own[name] for name in ("results", "spread", "intervals")},
        **plain["details"],
        "priors": {prior: corpora | own["priors"][prior] for prior, corpora in plain["priors"].items()},
    }


def without_baselines(found: dict[str, np.ndarray]) -> np.ndarray:
    """Probabilities (N, 7) less what is usual for each speaker, in log likelihood; ``found`` as ``_collect`` gives it.

    A speaker's baseline is the mean over the speaker's rows, weighted as if the emotions had the shares of the prior
    "everyday", as in a long recording. Half of its difference from calm speech in the other corpora is removed. The
    probabilities of speakers without a neutral row, or with fewer than ``BASELINE_ROWS`` rows, stay as they are.
    """
    logs = np.log(np.maximum(found["seven"], FLOOR))
    logs = logs - logs.mean(axis=1, keepdims=True)
    truth, corpora = found["truth"], found["corpus"]
    calm = {
        number: logs[(corpora == number) & (truth == metrics.NEUTRAL)].mean(axis=0)
        for number in np.unique(corpora[truth == metrics.NEUTRAL])
    }
    shares, out = np.exp(metrics.EVERYDAY), logs.copy()
    for person in np.unique(found["person"]):
        rows = found["person"] == person
        labels = np.unique(truth[rows])
        if rows.sum() < BASELINE_ROWS or metrics.NEUTRAL not in labels:
            continue
        means = np.stack([logs[rows & (truth == label)].mean(axis=0) for label in labels])
        usual = np.average(means, axis=0, weights=shares[labels])
        own = corpora[rows][0]
        calm_elsewhere = np.mean([mean for number, mean in calm.items() if number != own], axis=0)
        out[rows] += BASELINE_STRENGTH * (calm_elsewhere - usual)
    return fusion.softmax(out)


def _measured(found, way):
    """Results of every corpus for probabilities ``seven``; the names of results end with ``way``."""
    results, spread, intervals, tables, told, calibrated = {}, {}, {}, {}, [], []
    for number, corpus in enumerate(CORPORA):
        rows = found["corpus"] == number
        head = _calibration(found, ~rows)
        even = calibration.calibrated(head, found["seven"][rows])
        truth, people = found["truth"][rows], found["person"][rows]
        calibrated.append(even)
        best = _among_own(even, truth)
        told.append(best)
        if len(np.unique(truth)) > 1:
            _add(corpus + way, best == truth, truth, people, results, spread, intervals)
        if corpus in datasets.ORDINARY:
            calm = truth == metrics.NEUTRAL
            for name, prior in (("even", calibration.EVEN), ("everyday", metrics.EVERYDAY)):
                p = calibration.calibrated(head, found["seven"][rows][calm], prior)
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
    told, calibrated = np.concatenate(told), np.concatenate(calibrated)
    weights = calibration.even_weights(truth, found["corpus"][order])
    acted = [corpus + way for corpus in ACTED]
    return {
        "results": {f"voice{way}": float(np.mean([results[name] for name in acted]))} | results,
        "spread": {f"voice{way}": float(np.linalg.norm([spread[name] for name in acted]) / len(acted))} | spread,
        "intervals": intervals,
        "priors": tables,
        "details": {
            **metrics.confusion(told, truth, EMOTIONS),
            "calibration_error": metrics.calibration_errors(raw, calibrated, truth, weights),
        },
    }


def _add(name, right, truth, people, results, spread, intervals):
    results[name] = float(np.mean([right[truth == label].mean() for label in np.unique(truth)]))
    low, high, spread[name] = metrics.recall_by_people(right, truth, people)
    intervals[name] = [low, high]


def _among_own(probabilities, truth):
    """The likeliest of the labels that a corpus has, for each row."""
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


def _collect(model, setting):
    """Predictions for all corpora, each left out in turn: probabilities ``seven`` (N, 7), labels ``truth`` (N,), the
    ``corpus`` (index in CORPORA) and a number for each ``person``."""
    columns = voice_head.distilled_columns(model.voice)
    if not len(columns):
        raise EmorecError("corpus-out needs a voice network with a distilled trunk; this one has none.")
    items = voice_head.everybody(setting.data)
    corpora = np.array([item.corpus for item in items])
    heard = voice_head.pooled(model.voice, items, setting.cache)[:, columns]
    calm = np.flatnonzero(np.isin(corpora, datasets.ORDINARY))
    windows, place = voice_head.pooled_windows(model.voice, [items[row] for row in calm], setting.cache)
    everyone = {person: number for number, person in enumerate(sorted({item.person for item in items}))}
    truth = np.array([EMOTIONS.index(emotion_of(item.label)) for item in items])
    people = np.array([everyone[item.person] for item in items])
    parts = []
    for number, corpus in enumerate(CORPORA):
        if corpus in ACTED:
            rows = np.flatnonzero(corpora == corpus)
            features = heard[rows]
        else:
            there = corpora[calm[place]] == corpus
            rows, features = calm[place[there]], windows[there][:, columns]
        layer = voice_head.fit(items, heard, without=(corpus,))
        logits = features.astype(np.float64) @ layer.weight.numpy().T.astype(np.float64) + layer.bias.numpy()
        parts.append((fusion.softmax(logits), truth[rows], np.full(len(rows), number), people[rows]))
    columns = (np.concatenate(column) for column in zip(*parts, strict=True))
    return dict(zip(("seven", "truth", "corpus", "person"), columns, strict=True))
