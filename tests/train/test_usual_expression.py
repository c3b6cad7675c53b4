"""The program that measures the usual expression of faces."""

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from support import factories
from train.evaluation import usual_expression
from train.evaluation.usual_expression import Clips

NEUTRAL, ANGRY, HAPPY = (EMOTIONS.index(name) for name in ("neutral", "angry", "happy"))


def actor(frown):
    """Four neutral and four happy clips by somebody whose face at rest is ``frown`` more angry than neutral."""
    face = np.full((8, 7), -4.0)
    face[:, NEUTRAL], face[:, ANGRY] = 0.0, frown
    face[4:, HAPPY] = 3.0
    return Clips(face, np.repeat([NEUTRAL, HAPPY], 4), np.full(8, 3.0))


def test_recall_is_measured_with_and_without_the_baseline():
    angry = Clips(*(np.concatenate(pair) for pair in zip(_values(actor(1.0)), _values(_angry()), strict=True)))
    found = {tuple(key): recall for *key, recall in usual_expression.measure_baselines([angry])}
    assert found["neutral throughout", "none", "even"] == 0 < found["neutral throughout", "person", "even"] == 1
    assert (
        found["two neutral clips are named", "none", "even"] < found["two neutral clips are named", "stretch", "even"]
    )
    assert found["one emotion throughout", "none", "even"] == 1 > found["one emotion throughout", "person", "even"]


def _values(clips):
    return clips.face, clips.truth, clips.seconds


def _angry():
    clips = actor(1.8)
    return Clips(clips.face[:4], np.full(4, ANGRY), clips.seconds[:4])


def test_an_actor_without_videos_is_named():
    with pytest.raises(EmorecError, match="no videos"):
        usual_expression.clips([], factories.checkpoint())
