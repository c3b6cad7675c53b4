"""The seven emotions: their order, colours and emoji, and how the labels of data sets map to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emorec.errors import EmorecError

if TYPE_CHECKING:  # the command line prints these names before it needs numpy, which takes 0.1 s to import
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

# Alphabetical and fixed: every array of probabilities in emorec has its columns in this order.
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
# The order in which charts draw them, from the bottom: unpleasant ones stand together, pleasant ones are on top.
BY_VALENCE = ("angry", "disgust", "fear", "sad", "neutral", "surprise", "happy")
EVEN = (1 / len(EMOTIONS),) * len(EMOTIONS)  # the prior under which all emotions are equally common

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), which stays distinct for colour-blind people. Its yellow
# is left out because it is unreadable on white. Neutral is grey, dark enough to differ from the pink of fear.
COLOURS = {
    "angry": "#D55E00",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "happy": "#E69F00",
    "neutral": "#707070",
    "sad": "#0072B2",
    "surprise": "#56B4E9",
}

EMOJI = {
    "angry": "😠",
    "disgust": "🤢",
    "fear": "😨",
    "happy": "😊",
    "neutral": "😐",
    "sad": "😢",
    "surprise": "😮",
}

# Labels of data sets, and the emotion that each maps to. None means that the label has no counterpart among the seven:
# its probability is dropped and the rest is renormalised. RAVDESS's "calm" is a low-arousal neutral; "contempt" of FER+
# has no counterpart.
FOLDING: dict[str, str | None] = {
    "angry": "angry",
    "anger": "angry",
    "disgust": "disgust",
    "disgusted": "disgust",
    "fear": "fear",
    "fearful": "fear",
    "happy": "happy",
    "happiness": "happy",
    "neutral": "neutral",
    "calm": "neutral",
    "sad": "sad",
    "sadness": "sad",
    "surprise": "surprise",
    "surprised": "surprise",
    "contempt": None,
}


def emotion_of(label: str) -> str | None:
    """The emotion that a label of a data set maps to, or None if it has no counterpart among the seven.

    Raises EmorecError for an unknown label.
    """
    try:
        return FOLDING[label.lower()]
    except KeyError:
        raise EmorecError(f"The label {label!r} is not known; known labels are {', '.join(sorted(FOLDING))}.") from None


def folding_matrix(labels: Sequence[str]) -> NDArray[np.float32]:
    """The matrix (len(labels), 7) of 0 and 1 that sums probabilities over labels into emotions, without normalising.

    Raises EmorecError for an unknown label.
    """
    import numpy as np

    matrix = np.zeros((len(labels), len(EMOTIONS)), dtype=np.float32)
    for row, label in enumerate(labels):
        emotion = emotion_of(label)
        if emotion is not None:
            matrix[row, EMOTIONS.index(emotion)] = 1.0
    return matrix


def fold(probabilities: ArrayLike, labels: Sequence[str]) -> NDArray[Any]:
    """Probabilities over labels (..., len(labels)) as probabilities over the seven emotions (..., 7).

    An emotion without a label gets 0. Rows that sum to 0 after folding stay 0. Raises EmorecError for an unknown label.
    """
    import numpy as np

    folded = np.asarray(probabilities) @ folding_matrix(labels)
    total = folded.sum(axis=-1, keepdims=True)
    return folded / np.where(total > 0, total, 1.0)
