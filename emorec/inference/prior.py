"""Priors: how common each emotion is expected to be in a kind of recording.

A network says how likely what it saw or heard is under each emotion. A prior says how common each emotion is. It is
stated, chosen by the user, and applied once, after fusion.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from emorec.emotions import EMOTIONS, EVEN
from emorec.errors import EmorecError

# Utterances with each emotion, in the order of EMOTIONS, in two published corpora of conversation: MELD (Poria et al.,
# 2019; all three splits of a television series, which is livelier than life) and DailyDialog (Li et al., 2017; written
# everyday conversations, which are calmer). Real recordings lie between the two, so the everyday prior is their mean.
MELD = (1607, 361, 358, 2308, 6436, 1002, 1636)
DAILY_DIALOG = (1022, 353, 174, 12885, 85572, 1150, 1823)

EVERYDAY = tuple(float(share) for share in np.mean([np.divide(c, sum(c)) for c in (MELD, DAILY_DIALOG)], axis=0))

NAMES = ("everyday", "even", "adaptive")
DEFAULT = "everyday"  # for recordings
STILL = "even"  # for still pictures, which are taken because of what they show

# Independent windows (a minute of them) that the everyday prior counts for at least in the adaptive one. It never
# counts for less than the recording itself: likelihoods are not perfect, and what they get wrong would teach itself.
PSEUDO_ROWS = 20.0
ROUNDS = 50  # of expectation maximisation; it settles within about ten
FLOOR = 1e-4  # least share in arithmetic, so that strong evidence can still speak for an emotion that is not expected

MISSING = "The prior lacks the emotion {emotion}; give a share for each of {emotions}."
UNKNOWN = "The prior names {name!r}, which is not one of {emotions}."
WRONG_SHARE = "The prior's share of {emotion} is {share!r}; it must be a number that is 0 or more."
NO_SHARES = "The prior's shares are all 0; at least one of them must be more."
WRONG_FILE = "The prior {name} is neither {names} nor a file that can be read as JSON ({reason})."
WRONG_KIND = "The prior {name} must hold an object with a share for each of {emotions}."


@dataclass(frozen=True, kw_only=True)
class Prior:
    """A named expectation: ``shares`` of the seven emotions, which sum to 1.

    With ``adaptive`` the shares are only where estimation starts, see ``adapted``.
    """

    name: str
    shares: tuple[float, ...]
    adaptive: bool = False

    @property
    def log(self) -> np.ndarray:
        """Logarithm of the shares, (7,)."""
        return np.log(np.maximum(self.shares, FLOOR))


def of(given: "str | Path | Mapping | Prior") -> Prior:
    """The Prior for one of NAMES, for a JSON file of seven shares, or for a mapping of emotions to shares.

    Shares need not sum to 1. Raises EmorecError if an emotion is missing, unknown or has a negative share, and if the
    file cannot be read.
    """
    if isinstance(given, Prior):
        return given
    if isinstance(given, Mapping):
        return Prior(name="own", shares=_shares(given))
    named = {
        "everyday": Prior(name="everyday", shares=EVERYDAY),
        "even": Prior(name="even", shares=EVEN),
        "adaptive": Prior(name="adaptive", shares=EVERYDAY, adaptive=True),
    }
    if isinstance(given, str) and given in named:
        return named[given]
    try:
        content = json.loads(Path(given).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmorecError(WRONG_FILE.format(name=given, names=", ".join(NAMES), reason=reason)) from None
    if not isinstance(content, dict):
        raise EmorecError(WRONG_KIND.format(name=given, emotions=", ".join(EMOTIONS)))
    return Prior(name=Path(given).name, shares=_shares(content))


def adapted(log_likelihoods: np.ndarray, weights: np.ndarray, prior: Prior) -> Prior:
    """The prior that fits one recording: expectation maximisation (Saerens et al., 2002) with pseudo-counts.

    ``log_likelihoods`` (N, 7) of rows with evidence, ``weights`` (N,) say for how many independent windows each row
    counts. ``prior`` counts for as many more, and for PSEUDO_ROWS at least, so a short recording stays near it.
    """
    shares = start = np.maximum(prior.shares, FLOOR)
    pseudo = max(PSEUDO_ROWS, float(weights.sum()))
    for _ in range(ROUNDS if len(log_likelihoods) else 0):
        counts = weights @ posterior(log_likelihoods, np.log(shares))
        shares = np.maximum((counts + pseudo * start) / (weights.sum() + pseudo), FLOOR)
        shares = shares / shares.sum()
    return Prior(name=prior.name, shares=tuple(float(share) for share in shares), adaptive=True)


def posterior(log_likelihoods: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
    """Probabilities (N, 7) of log likelihoods (N, 7) under a prior, given as logarithms (7,)."""
    logs = log_likelihoods + log_prior
    shifted = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def _shares(given: Mapping) -> tuple[float, ...]:
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
