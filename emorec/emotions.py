"""The seven emotions: their order, looks, and how other label sets fold into them."""

import numpy as np

from emorec.errors import EmorecError

# Alphabetical and fixed: every array of probabilities in emorec has its columns in this order.
EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
EVEN = (1 / len(EMOTIONS),) * len(EMOTIONS)  # the prior that takes no side

# Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), made to stay distinct for colour-blind eyes;
# its yellow is left out (unreadable on white) and a grey stands for neutral, dark enough to differ from fear's pink.
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

# What data sets call their labels, and the emotion each counts as. None: no place among the seven, so it is
# dropped and the rest renormalised. RAVDESS's calm is a low-arousal neutral; FER+'s contempt has no counterpart.
FOLDING = {
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


def emotion_of(label):
    """The emotion that a data set's label counts as, or None where it has no place among the seven.

    Raises EmorecError for a label that nothing is known of.
    """
    try:
        return FOLDING[label.lower()]
    except KeyError:
        raise EmorecError(f"The label {label!r} is not known; known labels are {', '.join(sorted(FOLDING))}.") from None


def folding_matrix(labels):
    """Matrix (len(labels), 7) of 0 and 1: native probabilities times it are emotion probabilities, not normalised."""
    matrix = np.zeros((len(labels), len(EMOTIONS)), dtype=np.float32)
    for row, label in enumerate(labels):
        emotion = emotion_of(label)
        if emotion is not None:
            matrix[row, EMOTIONS.index(emotion)] = 1.0
    return matrix


def fold(probabilities, labels):
    """Turn native probabilities (..., len(labels)) into probabilities over the seven emotions (..., 7).

    An emotion that the native labels lack gets 0. Rows that sum to 0 after folding stay 0.
    """
    folded = np.asarray(probabilities) @ folding_matrix(labels)
    total = folded.sum(axis=-1, keepdims=True)
    return folded / np.where(total > 0, total, 1.0)
