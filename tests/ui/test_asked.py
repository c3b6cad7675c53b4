"""What visitors ask for is checked before any work, and a name never becomes a path."""

import json

import pytest

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.options import WHOLE, Settings
from emorec.inference import prior as priors
from emorec.ui.jobs import validation


def test_a_prior_is_one_of_the_names_or_shares_and_never_a_file(tmp_path):
    shares = dict.fromkeys(EMOTIONS, 2)
    file = tmp_path / "prior.json"
    file.write_text(json.dumps(shares))
    assert priors.of(str(file)).shares  # the library takes a file
    assert [validation.prior(name) for name in priors.NAMES] == list(priors.NAMES)
    assert validation.prior(shares).shares == pytest.approx(priors.EVEN)
    for given in (str(file), "/etc/hostname", "", None, 3, ["even"], {"happy": 1}):
        with pytest.raises(EmorecError, match="prior"):
            validation.prior(given)


def test_what_is_observed_is_the_whole_unless_a_part_is_asked_for():
    assert validation.settings("late") == WHOLE
    assert validation.settings("late", start="", end=None, channel="mix", audio_track=None, rotate=0) == WHOLE
    assert validation.settings("voice") == Settings(faces=False)
    given = validation.settings("face", start="1:15", end=90, channel="left", audio_track=2.0, video_track=1, rotate=90)
    assert given == Settings(start=75.0, end=90.0, channel="left", audio_track=2, video_track=1, rotate=90)


@pytest.mark.parametrize(
    "given",
    [
        {"start": "soon"},
        {"start": "x" * 1000},
        {"start": float("nan")},
        {"start": True},
        {"start": []},
        {"start": 5, "end": "0:04"},
        {"audio_track": 1.5},
        {"audio_track": "first"},
        {"audio_track": -1},
        {"video_track": True},
        {"rotate": 45},
        {"channel": "middle"},
        {"channel": None},
    ],
)
def test_what_cannot_be_observed_is_one_sentence(given):
    with pytest.raises(EmorecError) as caught:
        validation.settings("late", **given)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 250
