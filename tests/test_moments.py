"""Moments, summary, subtitles and the report of timelines made by hand."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from emorec import report, subtitles
from emorec.emotions import COLOURS, EMOTIONS
from emorec.moments import KINDS, MOST, moments
from emorec.summary import summary
from emorec.timeline import Timeline


def sure(emotion, probability=0.94):
    rest = (1 - probability) / (len(EMOTIONS) - 1)
    return np.where(np.array(EMOTIONS) == emotion, probability, rest)


def tale():
    """10 s neutral, 10 s happy with a peak at 14 s, 10 s without evidence, 10 s sad."""
    rows = [sure("neutral")] * 10 + [sure("happy", 0.8)] * 10 + [sure("fear")] * 10 + [sure("sad", 0.7)] * 10
    rows[14] = sure("happy", 0.97)
    return made.timeline(made.with_gaps(np.array(rows), *range(20, 30)))


def of_kind(kind, timeline):
    return [moment for moment in moments(timeline) if moment.kind == kind]


def test_peaks_are_where_an_emotion_is_surest_and_never_neutral():
    assert [(moment.start, moment.emotion) for moment in of_kind("peak", tale())] == [(14.0, "happy"), (30.0, "sad")]
    assert of_kind("peak", tale())[0].text == "happy at 97%"


def test_a_shift_is_where_one_emotion_gives_way_to_another_and_not_where_evidence_ends():
    (shift,) = of_kind("shift", tale())
    assert shift.start == pytest.approx(10, abs=1.5)
    assert (shift.text, shift.emotion) == ("from neutral to happy", "happy")


@pytest.mark.parametrize("step", [0.1, 1.0, 5.0])
def test_a_shift_is_found_at_any_step(step):
    rows = int(30 / step)
    probabilities = np.array([sure("neutral")] * rows + [sure("angry")] * rows)
    (shift,) = of_kind("shift", made.timeline(probabilities, step=step))
    assert shift.start == pytest.approx(30, abs=max(step, 1.6))


def test_face_and_voice_disagree_where_they_name_different_emotions():
    disagreement = np.full(40, np.nan)
    disagreement[[5, 20]] = 0.8, 0.2
    face, voice = np.array([sure("happy")] * 40), np.array([sure("angry")] * 40)
    timeline = made.timeline(np.array([sure("happy")] * 40), face=face, voice=voice, disagreement=disagreement)
    (moment,) = of_kind("disagreement", timeline)
    assert (moment.start, moment.text) == (5.0, "face happy, voice angry")


@made.quick
@given(st.integers(0, 300), st.integers(0, 99))
def test_moments_are_few_in_order_and_apart(rows, seed):
    timeline = made.timeline(
        made.with_gaps(made.probabilities(rows, seed), *range(0, rows, 7)),
        step=0.5,
        disagreement=np.random.default_rng(seed).random(rows),
        voice=made.probabilities(rows, seed + 1),
    )
    found = moments(timeline)
    assert [moment.start for moment in found] == sorted(moment.start for moment in found)
    for kind in KINDS:
        starts = [moment.start for moment in found if moment.kind == kind]
        assert len(starts) <= MOST
        assert all(later - earlier >= timeline.window for earlier, later in zip(starts, starts[1:], strict=False))


def test_an_hour_is_looked_at_as_a_whole_and_not_once_for_every_change(monkeypatch):
    """Whatever asks every row of the timeline again for every stretch of it takes a minute where rows are many."""
    timeline, looks = made.timeline(made.probabilities(36_000), step=0.1), []
    confidence = Timeline.confidence.fget
    monkeypatch.setattr(Timeline, "confidence", property(lambda self: looks.append(1) or confidence(self)))
    moments(timeline)
    assert len(subtitles.cues(timeline)) > 10_000
    assert len(looks) <= 2


def test_a_summary_counts_time_and_not_rows():
    timeline = made.timeline(np.array([sure("happy"), sure("sad", 0.5), np.full(7, np.nan)]))
    timeline.end[2] = 4.0
    figures = summary(timeline)
    assert figures.shares["happy"] == figures.shares["sad"] == 0.5
    assert figures.known == 0.5
    assert figures.confidence == pytest.approx(0.72)
    assert (figures.face, figures.speech) == (1.0, 0.0)


def test_a_summary_of_nothing():
    for timeline in (made.timeline(np.zeros((0, 7))), made.timeline(np.full((3, 7), np.nan))):
        assert (summary(timeline).shares, summary(timeline).confidence) == ({}, None)
        assert moments(timeline) == []


def test_neighbours_of_one_emotion_are_one_cue_and_gaps_have_none():
    cues = subtitles.cues(tale())
    assert [(cue.start, cue.end, cue.emotion) for cue in cues] == [
        (0, 10, "neutral"), (10, 20, "happy"), (30, 40, "sad")
    ]  # fmt: skip


def test_srt_and_vtt_are_as_players_read_them():
    srt = subtitles.srt_text(tale()).split("\n\n")
    assert srt[1].splitlines() == ["2", "00:00:10,000 --> 00:00:20,000", "😊 happy 82%"]
    vtt = subtitles.vtt_text(tale()).split("\n\n")
    assert vtt[0] == "WEBVTT"
    assert vtt[3].splitlines() == ["00:00:30.000 --> 00:00:40.000", "😢 sad 70%"]


def test_hours_and_doubt_are_written_out():
    timeline = made.timeline(np.array([np.full(7, np.nan)] * 400 + [sure("fear", 0.3)]), step=10.0)
    assert "01:06:40,000 --> 01:06:50,000\n😨 fear? 30%" in subtitles.srt_text(timeline)


def test_a_report_is_one_page_that_needs_nothing_else():
    evaluation = {"set": {"what": "A <set>", "metric": "accuracy", "items": 1234, "results": {"late": 0.625},
                          "spread": {"late": 0.01}}}  # fmt: skip
    training = {"limits": ["Not for <anything>."], "licence": "cc-by-nc-sa-4.0",
                "sources": [{"name": "Them", "use": "face", "items": "all", "licence": "MIT"}]}  # fmt: skip
    timeline = tale()
    timeline.media["name"] = "a <b>.mp4"
    text = report.html_text(timeline, evaluation, training)
    assert not re.search(r"<script|<link|src=|@import|url\((?!#)", text)
    for words in ("a &lt;b&gt;.mp4", "A &lt;set&gt;", "62% ± 1.0%", "1,234", "Not for &lt;anything&gt;.", "Them",
                  "CC BY-NC-SA 4.0", "happy at 97%", "from neutral to happy", "0:14", "<svg"):  # fmt: skip
        assert words in text
    assert "<b>.mp4" not in text and all(colour in text for colour in COLOURS.values())


def test_a_report_of_nothing_says_so(tmp_path):
    report.write(made.timeline(np.full((3, 7), np.nan)), tmp_path / "new" / "report.html")
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "Neither a face was seen nor speech heard" in text and "No moment stands out." in text
    assert "has not been measured" in text
