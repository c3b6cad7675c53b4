"""The protocol for unknown languages: each voice corpus by a network trained on the others."""

from dataclasses import replace

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.inference import fusion
from emorec.voice.features import VoiceFrontEnd
from train import metrics
from train.data import datasets, pack
from train.evaluation import predictions
from train.recipes import voice
from train.recipes.workspace import Workspace

CORPORA = ("ravdess", "nemo", "ased", "javanese")
CROSS_EPOCHS = 8


def cross_voice(model, setting):
    """Each voice corpus by a network trained on the three others for ``setting.epochs``; takes hours.

    The networks have no distilled trunk. An item is classified among the emotions of its corpus. Trainings are
    stored in ``runs`` and resumed.
    """
    found = predictions.load_or_collect("cross-voice", setting, lambda: _collect(setting))
    recalls, predicted, truth, drawn = {}, [], [], {}
    for number, corpus in enumerate(CORPORA):
        rows = found["corpus"] == number
        labels = found["truth"][rows]
        possible = [EMOTIONS[label] for label in np.unique(labels)]
        best = metrics.restrict(found["seven"][rows], possible).argmax(1)
        decided = np.array([EMOTIONS.index(emotion) for emotion in possible])[best]
        recalls[corpus] = metrics.recall(decided, labels)
        people = found["person"][rows] if "person" in found else np.arange(len(labels))
        drawn[corpus] = metrics.resampled_recall(decided == labels, labels, people, seed=number)
        predicted.append(decided)
        truth.append(labels)
    truth, spread = np.concatenate(truth), float(np.std(list(recalls.values())))
    return {
        "what": "Voices of a corpus and language never heard, by networks trained on the three others",
        "metric": "unweighted average recall",
        "items": len(truth),
        "results": {"voice": float(np.mean(list(recalls.values()))), **recalls},
        "spread": {"voice": spread, **{corpus: float(samples.std()) for corpus, samples in drawn.items()}},
        "intervals": {
            "voice": metrics.interval(np.mean(list(drawn.values()), axis=0)),
            **{corpus: metrics.interval(samples) for corpus, samples in drawn.items()},
        },
        "resampled": "people" if "person" in found else "items",
        "out_of_domain": ["voice", *recalls],
        "domain": "Each corpus is judged by a network that was trained on the other corpora.",
        **metrics.confusion(np.concatenate(predicted), truth, EMOTIONS),
        "calibration_error": {"before": metrics.ece(found["seven"], found["truth"])},
    }


def _collect(setting: predictions.Setting) -> predictions.Arrays:
    if setting.runs is None:
        raise EmorecError("cross-voice trains networks of its own; name a folder for them by --runs.")
    items = datasets.voices(setting.data_folder)
    names = np.unique([item.person for item in items], return_inverse=True)[1]
    clips = pack.voice_clips(items, VoiceFrontEnd(), setting.cache)
    schedule = replace(voice.SCHEDULE, epochs=setting.epochs or CROSS_EPOCHS)
    workspace, parts = Workspace(data=setting.data_folder, runs=setting.runs, cache=setting.cache, resume=True), []
    for number, corpus in enumerate(CORPORA):
        net = voice.train_without(workspace, corpus, schedule)
        rows = [row for row, item in enumerate(items) if item.corpus == corpus]
        logits = voice.logits_of(net, voice.features(net, [clips[row] for row in rows])).astype(np.float64)
        truth = np.array([EMOTIONS.index(emotion_of(items[row].label)) for row in rows])
        parts.append((fusion.softmax(logits), truth, np.full(len(rows), number), names[rows]))
    return dict(zip(("seven", "truth", "corpus", "person"), map(np.concatenate, zip(*parts, strict=True)), strict=True))
