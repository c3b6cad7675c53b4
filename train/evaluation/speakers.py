"""A protocol of whole recordings: voices relative to their speaker's usual voice, against every window for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import baseline as baselines
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference.fusion import softmax
from emorec.inference.voice_pooling import RELATIVE
from emorec.models.calibration import HeadCalibration
from emorec.models.checkpoint import Checkpoint
from train import calibration, metrics
from train.data import datasets
from train.evaluation import predictions, unseen, voice_predictions
from train.evaluation.protocols import fold_voice, relative_layer, unseen_predictions
from train.evaluation.voice_protocols import NEGATIVE, SURE

WINDOWS = 20  # of a mixed recording: about a minute of speech
RECORDINGS = 10  # mixed recordings of each person
OUT_OF_DOMAIN = "korean"  # the corpus whose mixed recordings are measured by layers that were fitted without it
WAYS = ("", ", relative")  # endings of the names of results: without baseline, relative to the speaker
NEGATIVES = [EMOTIONS.index(emotion) for emotion in NEGATIVE]


def speakers(model: Checkpoint, setting: predictions.Setting) -> dict[str, Any]:
    """Measure voices with and without baseline, in recordings put together from windows of one person never trained on.

    Mixed recordings have the emotions in everyday shares; those of one emotion show what the baseline costs; calm ones
    are ordinary speech of corpora never heard. The calibration is fitted without the fold or the corpus. Raises
    EmorecError if the voice network has no head relative to the speaker.
    """
    if RELATIVE not in model.voice.config.heads:
        raise EmorecError("speakers needs a voice network with a head relative to the speaker; this one has none.")
    read = _read(model, setting)
    results, spread, intervals, tables = {}, {}, {}, {}
    for way in WAYS:
        for kind, corpus in dict.fromkeys((one.kind, one.corpus) for one in read):
            chosen = [one for one in read if (one.kind, one.corpus) == (kind, corpus)]
            truth = np.concatenate([one.truth for one in chosen])
            people = np.concatenate([np.full(len(one.truth), one.person) for one in chosen])
            p = np.concatenate([one.posterior(way, calibration.EVEN) for one in chosen])
            if kind == "calm":
                everyday = np.concatenate([one.posterior(way, metrics.EVERYDAY) for one in chosen])
                for prior, said in (("even", p), ("everyday", everyday)):
                    tables.setdefault(prior, {})[f"{corpus} (whole recordings{way})"] = {
                        "neutral": metrics.share(said.argmax(1) == metrics.NEUTRAL),
                        "surely_negative": metrics.share(said[:, NEGATIVES].max(axis=1) > SURE),
                        "confidence": float(said.max(axis=1).mean()),
                    }
                continue
            own = np.unique(truth) if kind == "mixed" else np.arange(len(EMOTIONS))
            said = {"": p}
            if kind == "mixed":  # also under the prior that analyses use by default
                said[metrics.UNDER_EVERYDAY] = np.concatenate([one.posterior(way, metrics.EVERYDAY) for one in chosen])
            for under, likely in said.items():
                labels = own[likely[:, own].argmax(1)]
                measured = {f"{corpus}, {kind}{way}{under}": np.full(len(truth), True)}
                if kind == "mixed" and corpus == OUT_OF_DOMAIN:
                    measured[f"{corpus}, {kind}, all but neutral{way}{under}"] = truth != metrics.NEUTRAL
                for name, rows in measured.items():
                    right = labels[rows] == truth[rows]
                    results[name] = metrics.recall(labels[rows], truth[rows])
                    low, high, spread[name] = metrics.recall_by_people(right, truth[rows], people[rows])
                    intervals[name] = [low, high]
    mixed = [one for one in read if one.kind == "mixed"]
    truth = np.concatenate([one.truth for one in mixed])
    corpora = np.concatenate([np.full(len(one.truth), one.corpus) for one in mixed])
    weights = calibration.even_weights(truth, corpora)
    after = {way: np.concatenate([one.posterior(way, calibration.EVEN) for one in mixed]) for way in WAYS}
    raw, foreign = np.concatenate([one.raw for one in mixed]), corpora == OUT_OF_DOMAIN
    heads = {f"voice{way}": (raw, p, truth, weights) for way, p in after.items()}
    if foreign.any():
        even = calibration.even_weights(truth[foreign])
        for way, p in after.items():
            heads[f"voice{way}, {OUT_OF_DOMAIN}"] = (raw[foreign], p[foreign], truth[foreign], even)
    return {
        "what": f"Voices of people left out, in recordings put together from {WINDOWS} of their clips: of everyday "
        "shares, or of one emotion; every window for itself, or relative to the speaker",
        "metric": "unweighted average recall",
        "items": len(read),
        "results": results,
        "spread": spread,
        "intervals": intervals,
        "resampled": "people",
        "out_of_domain": [name for name in (*results, *heads) if OUT_OF_DOMAIN in name],
        "domain": f"Other people of the corpora ravdess and javanese trained the voice networks. The corpus "
        f"{OUT_OF_DOMAIN} is judged by last layers and a calibration that were fitted without it. Mixed recordings are "
        "judged among the emotions of their corpus, those of one emotion among all seven. The constants of the "
        "baseline were chosen on such recordings of all people but those of the first fold.",
        **metrics.confusion(after[", relative"].argmax(1), truth, EMOTIONS, "mixed, relative"),
        "calibration_errors": {head: metrics.calibration_errors(*given) for head, given in heads.items()},
        "reliability": {head: metrics.reliability(*given[1:]) for head, given in heads.items()},
        "priors": tables,
    }


class _Recording:
    """Windows of one person as analysis reads them: ``truth`` (N,) and log likelihoods with and without baseline."""

    def __init__(self, kind: str, corpus: str, person: int, rows: np.ndarray, found: predictions.Arrays, heads: Any):
        self.kind, self.corpus, self.person, self.truth = kind, corpus, person, found["truth"][rows]
        self.raw = found["seven"][rows]
        voice, relative = heads
        alone = voice.log_likelihood(self.raw)
        evidence = np.clip(found["spoken"][rows] / fusions.FULL_SECONDS, 1e-3, 1.0)
        self._said = {"": alone, ", relative": alone}
        own = baselines.baseline_of_speaker(found["unbiased"][rows], alone, evidence)
        if own:
            offset = softmax(found["unbiased"][rows] - own.logits + found["bias"][rows])
            self._said[", relative"] = baselines.weight_heads(alone, relative.log_likelihood(offset), own)

    def posterior(self, way: str, prior: np.ndarray) -> np.ndarray:
        """Probabilities (N, 7) in one of WAYS under a prior (7,), given as logarithms."""
        return priors.posterior(self._said[way], prior)


def _read(model: Checkpoint, setting: predictions.Setting) -> list[_Recording]:
    def nets():
        return {fold: fold_voice(model, setting.runs, fold) for fold in range(datasets.FOLDS)}

    everybody = unseen_predictions(model, setting)
    found = voice_predictions.voices(setting, nets) | voice_predictions.speakers(setting, nets, relative_layer(setting))
    fitted: dict[Any, tuple[HeadCalibration, HeadCalibration]] = {}
    read = []
    for kind, person, rows in _recordings(found):
        corpus, fold = int(found["corpus"][rows[0]]), int(found["fold"][rows[0]])
        left_out = {"corpus": corpus} if fold == datasets.NEVER else {"fold": fold}
        key = (corpus if fold == datasets.NEVER else -1, fold)
        if key not in fitted:
            fitted[key] = unseen.fit_voice(everybody.without(**left_out))
        read.append(_Recording(kind, voice_predictions.VOICE_CORPORA[corpus], person, rows, found, fitted[key]))
    return read


def _recordings(found: predictions.Arrays) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield the kind ("mixed", "one emotion" or "calm"), the person and the rows (N,) of every recording."""
    random, shares = np.random.default_rng(0), np.exp(metrics.EVERYDAY)
    for person in np.unique(found["person"]):
        rows = np.flatnonzero(found["person"] == person)
        truth = found["truth"][rows]
        labels = np.unique(truth)
        if len(rows) <= baselines.LEAST or metrics.NEUTRAL not in labels:
            continue
        if len(labels) == 1:
            yield "calm", int(person), rows
            continue
        for _ in range(RECORDINGS):
            drawn = random.choice(labels, WINDOWS, p=shares[labels] / shares[labels].sum())
            yield "mixed", int(person), np.array([random.choice(rows[truth == label]) for label in drawn])
        for label in labels[labels != metrics.NEUTRAL]:
            yield "one emotion", int(person), rows[truth == label][:WINDOWS]
