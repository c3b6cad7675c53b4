"""Settings of stage 1: which can be used, and how times are written."""

from fractions import Fraction

import numpy as np
import pytest

from emorec.errors import EmorecError
from emorec.extraction import options
from emorec.extraction.options import Settings


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"audio_track": 0}, "There is no audio track 0; tracks are counted from 1."),
        ({"video_track": -1}, "There is no video track -1; tracks are counted from 1."),
        ({"channel": "middle"}, "The channel 'middle' does not exist; choose from left, right, mix, split."),
        ({"rotate": 45}, "The rotation 45 is not possible; choose from 0, 90, 180, 270 degrees."),
        ({"start": -1.0}, "The start of -1 s is not possible; choose a time of 0 s or more."),
        ({"start": float("nan")}, "The start of nan s is not possible; choose a time of 0 s or more."),
        ({"end": float("inf")}, "The end of inf s is not possible; choose a time of 0 s or more."),
        ({"start": 10**400}, "The start of inf s is not possible; choose a time of 0 s or more."),
        ({"end": Fraction(-(10**400))}, "The end of -inf s is not possible; choose a time of 0 s or more."),
        ({"start": "0:01"}, "The start must be a number of seconds, not '0:01'."),
        ({"end": True}, "The end must be a number of seconds, not True."),
        ({"audio_track": "1"}, "There is no audio track '1'; tracks are counted from 1."),
        ({"rotate": 90.0}, "The rotation 90.0 is not possible; choose from 0, 90, 180, 270 degrees."),
        ({"start": 5.0, "end": 5.0}, "The end at 5 s is not after the start at 5 s; choose a later end."),
        ({"start": 5.0, "end": 2.0}, "The end at 2 s is not after the start at 5 s; choose a later end."),
    ],
)
def test_settings_that_cannot_be_used_are_one_sentence(settings, sentence):
    with pytest.raises(EmorecError) as caught:
        options.check(Settings(**settings))
    assert str(caught.value) == sentence


def test_settings_that_can_be_used_are_let_in():
    options.check(Settings())
    options.check(Settings(audio_track=3, video_track=1, channel="left", start=1.5, end=2, rotate=270, faces=False))


def test_numbers_of_other_libraries_count_as_python_s_own():
    settings = Settings(
        audio_track=np.int64(1),
        video_track=np.uint8(2),
        start=Fraction(1, 2),
        end=np.float32(2.5),
        rotate=np.int64(180),
    )
    options.check(settings)
    plain = Settings(audio_track=1, video_track=2, start=0.5, end=2.5, rotate=180)
    assert settings == plain and repr(settings) == repr(plain)


def test_a_part_that_begins_behind_the_recording_is_refused():
    options.check_within(Settings(start=11.9, end=99.0), "a.mp4", 12.0)
    options.check_within(Settings(start=500.0), "a.mp4", None)
    with pytest.raises(EmorecError, match="a.mp4 has nothing from 12 s on, it is 12.0 s long"):
        options.check_within(Settings(start=12.0), "a.mp4", 12.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("75", 75), ("75.5", 75.5), ("0,5", 0.5), (".5", 0.5), ("1:15", 75), ("0:01:15", 75), ("2:00:00.25", 7200.25)]
    + [("75:03.2", 4503.2), ("1:15:03.2", 4503.2)],
)
def test_times_are_read_as_people_write_them(text, seconds):
    assert options.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-5", "1:60", "1:75", "61:99", "x", "1:2:3:4", "nan", "inf", "1e3", "75:00:00:"])
def test_what_is_no_time_is_one_sentence(text):
    with pytest.raises(EmorecError, match="is not a time"):
        options.seconds(text)


@pytest.mark.parametrize("text", ["1:75:00", f"{'9' * 5000}:00"])
def test_minutes_have_an_end_if_there_are_hours_and_times_at_all(text):
    with pytest.raises(EmorecError, match="is not a time"):
        options.seconds(text)
