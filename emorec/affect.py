"""Valence and arousal, derived from the probabilities of the seven emotions; no network measures them.

Each emotion has fixed coordinates: the mean ratings of valence and arousal that people gave to the adjective that names
it. They come from Warriner, Kuperman and Brysbaert, "Norms of valence, arousal, and dominance for 13,915 English
lemmas", Behavior Research Methods 45 (2013), 1191-1207, columns V.Mean.Sum and A.Mean.Sum of its supplement. They are
ratings of words, so they describe what an emotion means to readers and not what a face or a voice did.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from emorec.emotions import EMOTIONS

SOURCE = "Warriner, Kuperman & Brysbaert, 2013"
DIMENSIONS = ("valence", "arousal")

# The rated word of each emotion, and its mean valence and arousal on the published scale from 1 to 9. Every word is an
# adjective of a person: the noun "surprise" is rated 7.44, almost as pleasant as "happy", because readers think of
# presents.
RATINGS = {
    "angry": ("angry", 2.53, 6.20),
    "disgust": ("disgusted", 2.68, 4.89),
    "fear": ("fearful", 2.66, 5.45),
    "happy": ("happy", 8.47, 6.05),
    "neutral": ("neutral", 5.50, 3.45),
    "sad": ("sad", 2.10, 3.49),
    "surprise": ("surprised", 6.57, 5.95),
}
MIDDLE, REACH = 5.0, 4.0  # of the published scale: its middle, and how far its ends are from there

COORDINATES = (np.array([RATINGS[emotion][1:] for emotion in EMOTIONS]) - MIDDLE) / REACH  # (7, 2), from -1 to 1


def valence_arousal(probabilities: ArrayLike) -> NDArray[np.float64]:
    """The mean coordinates (..., 2) under probabilities (..., 7) of the seven emotions: valence and arousal.

    Valence goes from -1 (unpleasant) to 1 (pleasant), arousal from -1 (calm) to 1 (excited): the published ratings from
    1 to 9, less 5, divided by 4. Rows that are NaN stay NaN.
    """
    return np.asarray(probabilities, np.float64) @ COORDINATES
