"""What the shipped weights say of people who talk calmly, and of people who show something: the answer must be true."""

import numpy as np
import pytest

import emorec
from emorec.emotions import EMOTIONS
from emorec.models import pretrained
from emorec.ui import example

NEGATIVE = [EMOTIONS.index(emotion) for emotion in ("angry", "disgust", "fear", "sad")]
SURELY = 0.6


@pytest.fixture(scope="module")
def analyzer(session_environment):
    return emorec.load(pretrained.BUNDLED, "cpu")


@pytest.mark.parametrize("name", ["talking_head_12s.mp4", "talking_head_30s.mp4"])
@pytest.mark.parametrize("fusion", ["late", "intermediate", "voice", "face"])
def test_calm_talk_is_never_surely_negative(media, analyzer, name, fusion):
    timeline = analyzer.analyze(media / name, fusion=fusion)
    assert timeline.prior.name == "everyday" and timeline.known.sum() >= 10
    assert np.nanmax(timeline.probabilities[:, NEGATIVE]) <= SURELY
    shares, _ = timeline.shares()
    assert shares["neutral"] > 0.7


def test_shown_expressions_are_still_told(media, analyzer):
    timeline = analyzer.analyze(media / "expressions_silent_20s.mp4")
    shares, known = timeline.shares()
    assert shares["happy"] > 0.3 and known > 0.9
    even = analyzer.analyze(media / "expressions_silent_20s.mp4", prior="even")
    assert len({emotion for emotion, share in even.shares()[0].items() if share > 0.05}) >= 3


def test_a_face_behind_a_hand_stays_the_same_person(media, analyzer):
    assert [*analyzer.extract(media / "expressions_silent_20s.mp4")][-1].persons == [0]


def test_a_smile_is_happy_under_every_prior(analyzer):
    """The shipped portrait smiles, whatever is expected."""
    observations = [*analyzer.extract(example.clip())][-1]
    for prior in ("everyday", "even", "adaptive"):
        timeline = analyzer.infer(observations, fusion="face", prior=prior)
        assert timeline.shares()[0]["happy"] > 0.9, prior


def test_the_priors_order_what_is_neutral(analyzer):
    """More neutral expected is more neutral found, and the adaptive prior lies where the recording takes it."""
    observations = [*analyzer.extract(example.clip())][-1]
    neutral = EMOTIONS.index("neutral")

    def mean(prior):
        return np.nanmean(analyzer.infer(observations, fusion="voice", prior=prior).probabilities[:, neutral])

    assert mean("everyday") > mean("even")
