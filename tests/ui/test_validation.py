"""The checks of what visitors ask for; a name is never used as a path."""

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
    assert priors.resolve(str(file)).shares  # the library takes a file
    assert [validation.prior(name) for name in priors.NAMES] == list(priors.NAMES)
    assert validation.prior(shares).shares == pytest.approx(priors.EVEN)
    for given in (str(file), "/etc/hostname", "", None, 3, ["even"], {"happy": 1}):
        with pytest.raises(EmorecError, match="prior"):
            validation.prior(given)


def test_the_whole_recording_is_analysed_unless_a_part_is_chosen():
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
        {"start": 10**400},
        {"end": -(10**400)},
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
def test_a_wrong_part_is_one_sentence(given):
    with pytest.raises(EmorecError) as caught:
        validation.settings("late", **given)
    assert str(caught.value).endswith(".") and len(str(caught.value)) < 250


@pytest.mark.parametrize("given", ["speaker", "person", "none", "0:10-0:40", "10-40.5"])
def test_a_visitor_names_a_baseline_or_a_stretch(given):
    assert validation.baseline(given) == given


@pytest.mark.parametrize("given", ["/etc/hostname", "usual.json", "", None, 3, ["person"], "1" * 60 + "-2"])
def test_a_visitor_cannot_give_a_file_as_the_baseline(given):
    with pytest.raises(EmorecError, match="does not exist; choose one of speaker, person, none, or a stretch of time"):
        validation.baseline(given)


def test_a_stretch_that_ends_before_it_begins_is_named():
    with pytest.raises(EmorecError, match="'0:40-0:10' must end after it begins"):
        validation.baseline("0:40-0:10")
