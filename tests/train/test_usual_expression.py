"""The program that measures the usual expression of faces."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from train.evaluation import predictions, unseen, usual_expression
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


@pytest.fixture(scope="module")
def everybody():
    setting = predictions.Setting(data=None, runs=None, cache=Path("unused"), predictions=usual_expression.PREDICTIONS)
    return unseen.collect(setting, None, lambda folds: {})


def test_no_actor_is_judged_by_a_calibration_that_was_fitted_to_clips_of_the_actor(everybody, monkeypatch):
    fitted, fit = [], unseen.fit_calibration
    monkeypatch.setattr(unseen, "fit_calibration", lambda those: fitted.append(those) or fit(those))
    first, second, third = usual_expression.clips(everybody, ("06", "08", "10"))
    assert [sorted(set(those.clips.fold)) for those in fitted] == [[0, 1, 3], [0, 1, 2]]
    for number, its in zip((4, 5, 6), (first, second, third), strict=True):
        rows = everybody.clip_people == number
        head = fit(everybody.without(fold=int(everybody.clips.fold[rows][0]))).face
        assert len(its.truth) == 24 and np.array_equal(its.truth, everybody.clips.truth[rows])
        assert np.array_equal(its.face, head.log_likelihood(everybody.clips.face_probabilities[rows]))
    found = {tuple(key): recall for *key, recall in usual_expression.measure_baselines([first, second, third])}
    assert found["everyday shares", "none", "even"] == pytest.approx(0.410, abs=1e-3)
    assert found["one emotion throughout", "person", "even"] == pytest.approx(0.117, abs=1e-3)


def test_an_actor_who_is_not_there_is_named(everybody):
    with pytest.raises(EmorecError, match="no actor '03'"):
        usual_expression.clips(everybody, ["03"])
    with pytest.raises(EmorecError, match="do not say who"):
        usual_expression.clips(replace(everybody, clip_people=None), ["06"])
