"""How well the corpus is told from a calm voice's features: a shortcut by which a layer can seem to know emotions.

    python train/evaluation/corpus_told.py CHECKPOINT --data DATA --cache CACHE

prints the recall over corpora before and after each speaker's baseline is subtracted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from emorec.emotions import EMOTIONS, emotion_of
from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.models.networks import VoiceNet
from train import metrics
from train.recipes import regression, voice_baseline, voice_head


def recall_of_corpus(features: np.ndarray, corpora: np.ndarray, people: np.ndarray) -> float:
    """Recall (mean over corpora) of a linear layer that tells the corpus from features (N, D).

    ``corpora`` and ``people`` are (N,). It is fitted to half of the people of each corpus and judged on the others,
    both ways; corpora weigh alike.
    """
    names, targets = np.unique(corpora, return_inverse=True)
    half = np.zeros(len(people), bool)
    for name in names:
        there = np.unique(people[corpora == name])
        half |= np.isin(people, np.random.default_rng(0).permutation(there)[: len(there) // 2]) & (corpora == name)
    recalls = []
    for rows in (half, ~half):
        layer = regression.fit(features[rows], targets[rows], np.ones(rows.sum()), len(names))
        weight, bias = layer.weight.numpy(), layer.bias.numpy()
        recalls.append(metrics.recall((features[~rows] @ weight.T + bias).argmax(1), targets[~rows]))
    return float(np.mean(recalls))


def measure(net: VoiceNet, data: Path, cache: Path) -> dict[str, float]:
    """``recall_of_corpus`` of the calm recordings of speakers with a baseline, by the features that are used."""
    items = voice_head.all_items(data)
    truth = np.array([EMOTIONS.index(emotion_of(item.label) or "") for item in items])
    people, corpora = np.array([item.person for item in items]), np.array([item.corpus for item in items])
    features = voice_head.pooled_features(net, items, cache)
    offset, known = voice_baseline.relative(features, truth, people)
    calm = known & (truth == metrics.NEUTRAL)
    kinds = {"as they are": features, "relative to the speaker": offset}
    found = {name: recall_of_corpus(values[calm], corpora[calm], people[calm]) for name, values in kinds.items()}
    return found | {"chance": 1 / len(np.unique(corpora[calm]))}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Tell the corpus from the features of calm voices.")
    parser.add_argument("checkpoint", help="folder of a checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds RAVDESS, nEMO, OrdinarySpeech, ...")
    parser.add_argument("--cache", type=Path, default=Path("runs/cache"), help="folder of packed data")
    given = parser.parse_args(arguments)
    try:
        model = checkpoints.load(pretrained.resolve(given.checkpoint).folder)
        for name, value in measure(model.voice, given.data, given.cache).items():
            print(f"{name}: {value:.1%}")
    except EmorecError as error:
        parser.exit(2, f"{error}\n")


if __name__ == "__main__":
    main()
