"""Pictures that are shown between two others: passed over where none of those others leans on them, and only there."""

import re

import numpy as np
import pytest

from emorec.media import reader, streams
from emorec.media.sampling import bin_of
from support.decoding import undamaged
from support.make_media import Video, read_time, record

RATE = 5.0
NEAREST = {"preset": "veryfast", "x264-params": "bframes=3:b-adapt=0:ref=1"}
OTHERS = {"preset": "veryfast", "x264-params": "bframes=3:b-adapt=0:ref=3"}


def video(options, rate=30, **more):
    return Video(duration=6.0, rate=rate, keyframe_every=60, options=options, **more)


def pictures(path, start=0.0):
    notes = []
    found = [(f.time, f.image, f.grey) for f in undamaged(streams.frames(path, RATE, start), notes)]
    assert not notes
    return found


@pytest.fixture
def decoded(monkeypatch):
    """Counts the frames that are decoded."""
    count, original = [], reader.Reader._decode

    def counting(*arguments):
        frames = original(*arguments)
        count.extend(frames)
        return frames

    monkeypatch.setattr(reader.Reader, "_decode", counting)
    return count


def without_passing_over(path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(reader, "SINGLE_REFERENCE", re.compile(b"nothing says this"))
        return pictures(path)


def test_a_picture_of_every_bin_is_the_same_though_a_quarter_is_decoded(tmp_path, monkeypatch, decoded):
    path = record(tmp_path / "nearest.mp4", video(NEAREST))
    found, few = pictures(path), len(decoded)
    assert [bin_of(time, RATE) for time, *_ in found] == list(range(30))
    every = without_passing_over(path, monkeypatch)
    assert few < 0.35 * 180 < 0.5 * 180 < len(decoded) - few
    assert all(time - first < 0.134 for (time, *_), (first, *_) in zip(found, every, strict=True))
    # Those that both ways take are alike to the last bit.
    both = [(one, other) for one in found for other in every if one[0] == other[0]]
    assert len(both) >= 5
    for one, other in both:
        assert np.array_equal(one[1], other[1]) and np.array_equal(one[2], other[2])


@pytest.mark.parametrize("options", [OTHERS, {"preset": "medium"}])
def test_where_others_lean_on_them_nothing_is_passed_over(tmp_path, monkeypatch, options):
    path = record(tmp_path / "others.mp4", video(options))
    found = pictures(path)
    assert [time for time, *_ in found] == pytest.approx(np.arange(30) / RATE, abs=1e-3)
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(found, without_passing_over(path, monkeypatch), strict=True))


@pytest.mark.parametrize("rate", [6, 8, 10, 14, 16, 24])
def test_where_others_are_far_apart_no_bin_is_left_out(tmp_path, monkeypatch, rate):
    path = record(tmp_path / "slow.mp4", video(NEAREST, rate))
    bins = [bin_of(time, RATE) for time, *_ in pictures(path)]
    assert bins == [bin_of(time, RATE) for time, *_ in without_passing_over(path, monkeypatch)]


def test_at_uneven_times_no_bin_is_left_out(tmp_path, monkeypatch):
    steps = np.random.default_rng(0).choice([0.02, 0.033, 0.12, 0.3], 120)
    path = record(tmp_path / "uneven.mkv", video(NEAREST, times=tuple(np.cumsum(steps))))
    bins = [bin_of(time, RATE) for time, *_ in pictures(path)]
    assert bins == [bin_of(time, RATE) for time, *_ in without_passing_over(path, monkeypatch)]


def test_a_start_in_the_middle_gives_the_same_pictures(tmp_path):
    path = record(tmp_path / "nearest.mp4", video(NEAREST))
    whole = pictures(path)
    for number in range(0, 30, 3):
        later = pictures(path, start=number / RATE)
        assert [time for time, *_ in later] == [time for time, *_ in whole[number:]]
        assert all(np.array_equal(a[2], b[2]) for a, b in zip(later, whole[number:], strict=True))


@pytest.mark.parametrize("rate", [10, 25])
def test_pictures_of_avi_come_in_the_order_in_which_they_are_shown(tmp_path, rate):
    """AVI says only in which order pictures are decoded."""
    path = record(tmp_path / "between.avi", video(NEAREST, rate))
    whole = pictures(path)
    assert [time for time, *_ in whole] == pytest.approx(np.arange(30) / RATE)
    assert [read_time(image) for _, image, _ in whole] == pytest.approx(np.arange(30) / RATE, abs=1e-3)
    later = pictures(path, start=3.0)
    assert [time for time, *_ in later] == [time for time, *_ in whole[15:]]
    assert all(np.array_equal(a[2], b[2]) for a, b in zip(later, whole[15:], strict=True))
