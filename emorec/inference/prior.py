"""Priors: how common each emotion is expected to be in a kind of recording.

A network estimates how likely a face or a voice is under each emotion. A prior states how common each emotion is. The
user chooses it, and it is applied once, after fusion.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS, EVEN
from emorec.errors import EmorecError

# Utterances with each emotion, in the order of EMOTIONS, in two published corpora of conversation: MELD (Poria et al.,
# 2019; all three splits; a television series, which is more emotional than everyday life) and DailyDialog (Li et al.,
# 2017; written everyday conversations, which are less emotional). The everyday prior is the mean of both.
MELD = (1607, 361, 358, 2308, 6436, 1002, 1636)
DAILY_DIALOG = (1022, 353, 174, 12885, 85572, 1150, 1823)

EVERYDAY = tuple(float(share) for share in np.mean([np.divide(c, sum(c)) for c in (MELD, DAILY_DIALOG)], axis=0))

NAMES = ("everyday", "even", "adaptive")
OWN = "own"  # a mapping, or a file called like one of NAMES
DEFAULT = "everyday"  # for recordings
STILL = "even"  # for still pictures, which are often taken because of an emotion

# Independent windows (a minute of them) that the everyday prior is worth in the adaptive one, at least. It is never
# worth less than the recording itself: likelihoods have errors, which the estimation would otherwise reinforce.
PSEUDO_ROWS = 20.0
ROUNDS = 50  # of expectation maximisation, which converges within about ten
MAX_BYTES = 1_000_000  # of a file with seven shares
FLOOR = 1e-4  # smallest share in calculations, so that strong evidence can outweigh a share of 0

MISSING = "The prior lacks the emotion {emotion}; give a share for each of {emotions}."
UNKNOWN = "The prior names {name!r}, which is not one of {emotions}."
WRONG_SHARE = "The prior's share of {emotion} is {share!r}; it must be a number that is 0 or more."
NO_SHARES = "The prior's shares are all 0; at least one of them must be more."
NO_PRIOR = (
    "The prior, a {kind}, is neither {names} nor a file; give one of these, or a mapping with a share for each of "
    "{emotions}."
)
WRONG_FILE = "The prior {name} is neither {names} nor a file that can be read as JSON ({reason})."
NOTHING_TO_ADAPT = (
    "The prior adaptive is estimated from a recording, which a still picture is not; choose even, everyday or a file."
)
WRONG_KIND = "The prior {name} must hold an object with a share for each of {emotions}."


@dataclass(frozen=True, kw_only=True)
class Prior:
    """A named prior: ``shares`` (7) of the emotions, which sum to 1.

    If ``adaptive``, they are the start of an estimation, see ``adapt``.
    """

    name: str
    shares: tuple[float, ...]
    adaptive: bool = False

    @property
    def log(self) -> np.ndarray:
        """Natural logarithm of the shares, (7,)."""
        return np.log(np.maximum(self.shares, FLOOR))


def resolve(given: str | Path | Mapping[str, float] | Prior) -> Prior:
    """The prior that a user names: one of NAMES, a JSON file of seven shares, or a mapping of emotions to shares.

    The shares need not sum to 1. Raises EmorecError if an emotion is missing, unknown or has a negative share, or if
    the file cannot be read.
    """
    if isinstance(given, Prior):
        return given
    if isinstance(given, Mapping):
        return Prior(name=OWN, shares=_shares(given))
    named = {
        "everyday": Prior(name="everyday", shares=EVERYDAY),
        "even": Prior(name="even", shares=EVEN),
        "adaptive": Prior(name="adaptive", shares=EVERYDAY, adaptive=True),
    }
    if isinstance(given, str) and given in named:
        return named[given]
    if not isinstance(given, str | PathLike):
        names, emotions = ", ".join(NAMES), ", ".join(EMOTIONS)
        raise EmorecError(NO_PRIOR.format(kind=type(given).__name__, names=names, emotions=emotions))
    try:
        with Path(given).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 10**6} MB")
        content = json.loads(content)  # bytes: Windows writes a byte order mark, or UTF-16
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmorecError(WRONG_FILE.format(name=given, names=", ".join(NAMES), reason=reason)) from None
    if not isinstance(content, dict):
        raise EmorecError(WRONG_KIND.format(name=given, emotions=", ".join(EMOTIONS)))
    name = Path(given).name
    return Prior(name=OWN if name in NAMES else name, shares=_shares(content))


def resolve_for_still(given: str | Path | Mapping[str, float] | Prior) -> Prior:
    """The prior of a still picture, as ``resolve`` without "adaptive". Raises EmorecError."""
    prior = resolve(given)
    if prior.adaptive:
        raise EmorecError(NOTHING_TO_ADAPT)
    return prior


def adapt(log_likelihoods: np.ndarray, weights: np.ndarray, prior: Prior) -> Prior:
    """The prior that fits one recording, by expectation maximisation (Saerens et al., 2002) with pseudo-counts.

    ``log_likelihoods`` (N, 7) are those of rows with evidence, and ``weights`` (N,) the number of independent windows
    that each row is worth. ``prior`` is worth as many windows as all rows together, and at least PSEUDO_ROWS, so a
    short recording stays close to it. The result keeps the name, and is not adapted again where it is used.
    """
    shares = start = np.maximum(prior.shares, FLOOR)
    pseudo = max(PSEUDO_ROWS, float(weights.sum()))
    for _ in range(ROUNDS if len(log_likelihoods) else 0):
        counts = weights @ posterior(log_likelihoods, np.log(shares))
        shares = np.maximum((counts + pseudo * start) / (weights.sum() + pseudo), FLOOR)
        shares = shares / shares.sum()
    return Prior(name=prior.name, shares=tuple(float(share) for share in shares))


def posterior(log_likelihoods: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
    """Probabilities (N, 7) from log likelihoods (N, 7) and the logarithm of a prior (7,)."""
    logs = log_likelihoods + log_prior
    shifted = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _shares(given: Mapping[Any, Any]) -> tuple[float, ...]:
    emotions = ", ".join(EMOTIONS)
    for name in given:
        if name not in EMOTIONS:
            raise EmorecError(UNKNOWN.format(name=name, emotions=emotions))
    for emotion in EMOTIONS:
        if emotion not in given:
            raise EmorecError(MISSING.format(emotion=emotion, emotions=emotions))
        share = given[emotion]
        number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not number or not 0 <= share <= sys.float_info.max:
            raise EmorecError(WRONG_SHARE.format(emotion=emotion, share=share))
    values = np.array([float(given[emotion]) for emotion in EMOTIONS])
    if not 0 < values.sum() < np.inf:
        raise EmorecError(NO_SHARES)
    return tuple(float(value) for value in values / values.sum())
