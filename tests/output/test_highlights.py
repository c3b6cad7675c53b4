"""Highlights, summary, subtitles and the report of timelines made by hand."""

import dataclasses
import re

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emorec.cli.printing import print_summary
from emorec.emotions import COLOURS, EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import prior as priors
from emorec.inference.timeline import Timeline, infer
from emorec.output import charts, notebook, report, report_parts, subtitles, trust
from emorec.output.highlights import KINDS, MAX_OF_KIND, find_highlights
from emorec.output.negative import most_negative
from emorec.output.portraits import highlighted_person
from emorec.output.summary import (
    affect_in_words,
    all_choices_in_words,
    choices_in_words,
    sentence,
    shares_in_words,
    summary,
)
from support import factories


def sure(emotion, probability=0.94):
    rest = (1 - probability) / (len(EMOTIONS) - 1)
    return np.where(np.array(EMOTIONS) == emotion, probability, rest)


def tale():
    """10 s neutral, 10 s happy with a peak at 14 s, 10 s without evidence, 10 s sad."""
    rows = [sure("neutral")] * 10 + [sure("happy", 0.8)] * 10 + [sure("fear")] * 10 + [sure("sad", 0.7)] * 10
    rows[14] = sure("happy", 0.97)
    return factories.timeline(factories.with_gaps(np.array(rows), *range(20, 30)))


def of_kind(kind, timeline):
    return [moment for moment in find_highlights(timeline) if moment.kind == kind]


def test_peaks_are_where_an_emotion_is_surest_and_never_neutral():
    assert [(moment.start, moment.emotion) for moment in of_kind("peak", tale())] == [(14.0, "happy"), (30.0, "sad")]
    assert of_kind("peak", tale())[0].text == "happy at 97%"


def test_the_shares_of_a_person_in_words_add_up_to_the_time_with_evidence():
    rows = [sure("neutral")] * 15 + [sure("happy")] * 2 + [sure("sad"), sure("angry"), sure("fear")]
    words = shares_in_words(summary(factories.timeline(np.array(rows))))
    assert words.startswith("neutral 75%, happy 10%, ") and sum(map(int, re.findall(r"(\d+)%", words))) == 100


def test_of_several_persons_the_highlights_are_those_of_each_person():
    """The face of one does not disagree with the voice of another, and who is angry is named."""
    calm, angry = np.array([sure("neutral")] * 12), np.array([sure("angry")] * 12)
    calm[5] = sure("happy", 0.8)
    none = np.full_like(calm, np.nan)
    ana = factories.timeline(calm, face=calm, voice=none, person=np.zeros(12, int), name="Ana")
    bo = factories.timeline(angry, face=none, voice=angry, person=np.ones(12, int), name="Bo")
    together = factories.timeline((calm + angry) / 2, face=calm, voice=angry, person=np.full(12, -1))
    together = dataclasses.replace(together, people=(ana, bo), disagreement=np.ones(12))
    found = find_highlights(together)
    assert [(each.kind, each.start, each.text, each.person) for each in found] == [
        ("peak", 0.0, "angry at 94% (Bo)", 1),
        ("peak", 5.0, "happy at 80% (Ana)", 0),
    ]
    assert [each.person for each in find_highlights(together, 1)] == [1]  # the strongest of all persons
    assert [highlighted_person(together, each) for each in found] == [1, 0]


def test_a_shift_is_where_one_emotion_gives_way_to_another_and_not_where_evidence_ends():
    (shift,) = of_kind("shift", tale())
    assert shift.start == pytest.approx(10, abs=1.5)
    assert (shift.text, shift.emotion) == ("from neutral to happy", "happy")


@pytest.mark.parametrize("step", [0.1, 1.0, 5.0])
def test_a_shift_is_found_at_any_step(step):
    rows = int(30 / step)
    probabilities = np.array([sure("neutral")] * rows + [sure("angry")] * rows)
    (shift,) = of_kind("shift", factories.timeline(probabilities, step=step))
    assert shift.start == pytest.approx(30, abs=max(step, 1.6))


def test_a_change_that_does_not_last_is_no_highlight():
    """2 s of anger within calm; then a change that stays."""
    rows = [sure("neutral")] * 10 + [sure("angry")] * 2 + [sure("neutral")] * 10 + [sure("sad")] * 10
    (shift,) = of_kind("shift", factories.timeline(np.array(rows)))
    assert shift.start == pytest.approx(22, abs=1.5)
    assert re.fullmatch(r"neutral in \d+% of the 5 s before, sad in \d+% of the 5 s after", shift.reason)


@pytest.mark.parametrize(
    ("angry", "said"), [(2, []), (3, ["happy in 60% of the 5 s before, angry in 60% of the 5 s after"])]
)
def test_a_change_needs_three_seconds_on_each_side_and_its_shares_are_of_all_rows(angry, said):
    """Rows without evidence and unsure ones count as not showing the emotion."""
    before = [np.full(7, np.nan), sure("sad", 0.3)] + [sure("happy")] * 3
    rows = np.array(before + [sure("angry")] * angry + [np.full(7, np.nan)] * 4)
    assert [shift.reason for shift in of_kind("shift", factories.timeline(rows))] == said


def test_a_reason_names_only_seconds_that_there_are():
    """6.6 s: the change is nearer to both ends than the seconds that are looked at."""
    rows = [sure("surprise")] * 31 + [sure("angry")] * 35
    (shift,) = of_kind("shift", factories.timeline(np.array(rows), step=0.1))
    before, after = re.fullmatch(
        r"surprise in \d+% of the ([\d.]+) s before, angry in \d+% of the ([\d.]+) s after", shift.reason
    ).groups()
    assert float(before) == pytest.approx(shift.start) and float(after) == pytest.approx(6.6 - shift.start)


def test_low_confidence_is_a_highlight_from_five_seconds_on():
    rows = [sure("happy")] * 5 + [sure("sad", 0.3)] * 4 + [sure("happy")] * 5 + [sure("sad", 0.3999)] * 6
    (found,) = of_kind("unsure", factories.timeline(np.array(rows)))
    assert (found.start, found.end, found.emotion) == (14.0, 20.0, "sad")
    assert found.reason.startswith("confidence 39% on average")  # 40 % would be sure


def test_a_person_who_follows_another_is_a_highlight():
    persons = np.array([0] * 10 + [-1] * 3 + [1] * 8 + [0] * 2 + [1] * 4)
    rows = np.array([sure("happy")] * 10 + [sure("sad")] * 17)
    (found,) = of_kind("person", factories.timeline(rows, person=persons))
    assert (found.start, found.end, found.text, found.emotion) == (13.0, 21.0, "person 1 after person 0", "sad")
    assert of_kind("person", factories.timeline(rows)) == []


def test_another_face_is_no_change_of_emotion_and_begins_another_peak():
    rows = np.vstack([sure("happy")] * 10 + [sure("happy", 0.9)] * 10 + [sure("sad")] * 10)
    one, three = (factories.timeline(rows, person=np.repeat(persons, 10)) for persons in ((0, 0, 0), (0, 1, 2)))
    assert [(peak.start, peak.emotion) for peak in of_kind("peak", one)] == [(0, "happy"), (20, "sad")]
    assert [peak.start for peak in of_kind("peak", three)] == [0, 10, 20]
    assert [shift.text for shift in of_kind("shift", one)] == ["from happy to sad"]
    assert not of_kind("shift", three)
    unseen = factories.timeline(rows, person=np.repeat((-1, 0, 0), 10))
    assert [shift.text for shift in of_kind("shift", unseen)] == ["from happy to sad"]


def test_all_highlights_are_given_on_request():
    rows = np.array(([sure("happy")] * 6 + [sure("sad")] * 6) * 5)
    timeline = factories.timeline(rows)
    assert sum(each.kind == "peak" for each in find_highlights(timeline)) == MAX_OF_KIND
    assert sum(each.kind == "peak" for each in find_highlights(timeline, None)) == 10
    assert sum(each.kind == "shift" for each in find_highlights(timeline, None)) == 9


def test_every_highlight_has_a_reason():
    timeline = factories.timeline(factories.probabilities(300, 3), person=np.repeat([0, 1, 0], 100))
    found = find_highlights(timeline, None)
    assert {each.kind for each in found} >= {"peak", "person"} and all(each.reason for each in found)


def test_the_most_negative_minutes_are_those_with_the_lowest_valence():
    """Ten minutes of calm with anger in the third minute, sadness in the eighth, and a bit of fear in the fifth."""
    rows = np.array([sure("neutral")] * 600)
    rows[120:180], rows[430:490], rows[250:270] = sure("angry"), sure("sad"), sure("fear")
    rows[560:564] = sure("sad")  # too short to make the minute around it negative
    timeline = factories.timeline(rows)
    found = most_negative(timeline)
    assert [(each.start, each.end, each.emotion) for each in found[:2]] == [(430, 490, "sad"), (120, 180, "angry")]
    assert found[2].start <= 250 and found[2].end >= 270
    assert found[0].text == "valence −0.69 over 60 s" and found[0].reason.startswith("sad 94%, ")
    assert found[0].strength == pytest.approx((1 - timeline.valence[430:490].mean()) / 2)
    assert found == most_negative(timeline, None)  # neutral minutes are not negative
    assert most_negative(factories.timeline(rows[:120])) == []
    assert [each.start for each in most_negative(timeline, 1, 20.0)] == [430]


def test_a_recording_without_a_negative_minute_says_so(capsys):
    for emotion, said in (("neutral", "  No minute is clearly negative.\n"), ("sad", "  most negative minutes:\n")):
        timeline = factories.timeline(np.array([sure(emotion)] * 120))
        print_summary(timeline, [])
        assert said in capsys.readouterr().out
        assert (said.strip() in report_parts.negative(timeline, None)) == (emotion == "neutral")
    for nothing in (timeline.between(0, 60), factories.timeline(np.full((120, 7), np.nan))):
        nothing = dataclasses.replace(nothing, duration=float(len(nothing)))
        print_summary(nothing, [])
        assert "negative" not in capsys.readouterr().out and report_parts.negative(nothing, None) == ""


def test_a_part_is_described_by_its_own_length(capsys):
    """The part from 2:30 to 2:50 of a recording: times stay those of the recording."""
    rows = np.array([sure("sad")] * 20)
    start, choices = 150.0 + np.arange(20), {"start": 150.0, "end": 170.0}
    part = factories.timeline(rows, start=start, end=start + 1, duration=170.0, choices=choices)
    print_summary(part, [])
    assert "negative" not in capsys.readouterr().out and report_parts.negative(part, None) == ""
    assert sentence(part).startswith("Timeline of made.mp4: 20.0 s, 20 rows, ")
    assert ">2:30 to 2:50, late fusion" in report.html_text(part)
    assert ">2:40 to 2:45 of 2:30 to 2:50, late fusion" in report.html_text(part.between(160, 165))


def test_stretches_without_much_evidence_are_not_the_most_negative():
    rows = np.array([sure("neutral")] * 180)
    rows[60:120] = np.nan
    rows[70:80] = sure("sad")
    assert all(not (60 < each.start < 80) for each in most_negative(factories.timeline(rows), 1))
    assert most_negative(factories.timeline(np.full((100, 7), np.nan))) == []
    assert most_negative(factories.timeline(np.zeros((0, 7)))) == []


def test_a_short_recording_is_one_stretch():
    (found,) = most_negative(factories.timeline(np.array([sure("sad")] * 10)))
    assert (found.start, found.end) == (0, 10)


@pytest.mark.parametrize("seconds", [0, -5, "60", float("nan"), None])
def test_a_stretch_of_no_length_is_one_sentence(seconds):
    with pytest.raises(EmorecError, match=r"^The length of a stretch is .*; give a number of seconds above 0\.$"):
        most_negative(factories.timeline(np.array([sure("sad")] * 10)), seconds=seconds)


@pytest.mark.parametrize("find", [find_highlights, most_negative])
@pytest.mark.parametrize("number", [-1, 2.5, "3", True])
def test_a_number_of_highlights_that_is_none_is_one_sentence(find, number):
    with pytest.raises(EmorecError, match=r"^The number of highlights is .*, or None for all of them\.$"):
        find(factories.timeline(np.array([sure("sad")] * 10)), number)


def test_face_and_voice_disagree_where_they_name_different_emotions():
    disagreement = np.full(40, np.nan)
    disagreement[[5, 20]] = 0.8, 0.2
    face, voice = np.array([sure("happy")] * 40), np.array([sure("angry")] * 40)
    timeline = factories.timeline(np.array([sure("happy")] * 40), face=face, voice=voice, disagreement=disagreement)
    (moment,) = of_kind("disagreement", timeline)
    assert (moment.start, moment.text) == (5.0, "face happy, voice angry")


@factories.quick
@given(st.integers(0, 300), st.integers(0, 99))
def test_highlights_are_few_in_order_and_apart(rows, seed):
    timeline = factories.timeline(
        factories.with_gaps(factories.probabilities(rows, seed), *range(0, rows, 7)),
        step=0.5,
        disagreement=np.random.default_rng(seed).random(rows),
        voice=factories.probabilities(rows, seed + 1),
    )
    found = find_highlights(timeline)
    assert [moment.start for moment in found] == sorted(moment.start for moment in found)
    for kind in KINDS:
        starts = [moment.start for moment in found if moment.kind == kind]
        assert len(starts) <= MAX_OF_KIND
        assert all(later - earlier >= timeline.window for earlier, later in zip(starts, starts[1:], strict=False))


def test_an_hour_is_looked_at_as_a_whole_and_not_once_for_every_change(monkeypatch):
    """Whatever asks every row of the timeline again for every stretch of it takes a minute where rows are many."""
    timeline, looks = factories.timeline(factories.probabilities(36_000), step=0.1), []
    confidence = Timeline.confidence.func
    monkeypatch.setattr(Timeline, "confidence", property(lambda self: looks.append(1) or confidence(self)))
    find_highlights(timeline)
    assert len(subtitles.cues(timeline)) > 10_000
    assert len(looks) <= 10


def test_a_summary_counts_time_and_not_rows():
    timeline = factories.timeline(np.array([sure("happy"), sure("sad", 0.5), np.full(7, np.nan)]))
    timeline.end[2] = 4.0
    figures = summary(timeline)
    assert figures.shares["happy"] == figures.shares["sad"] == 0.5
    assert (figures.known, figures.known_seconds, figures.seconds) == (0.5, 2.0, 4.0)
    assert figures.confidence == pytest.approx(0.72)
    assert (figures.face, figures.speech) == (1.0, 0.0)


def test_a_summary_averages_valence_and_arousal_over_the_time_with_evidence_and_says_they_are_derived():
    certain = np.eye(7)
    timeline = factories.timeline(np.array([certain[3], certain[5], np.full(7, np.nan)]))
    timeline.end[1] = timeline.start[2] = 4.0
    timeline.end[2] = 5.0
    figures = summary(timeline)
    assert figures.valence == pytest.approx((0.8675 + 3 * -0.725) / 4)
    assert figures.arousal == pytest.approx((0.2625 + 3 * -0.3775) / 4)
    said = "Valence −0.33 and arousal −0.22 on average (−1 to 1), derived from the emotions (Warriner, "
    assert affect_in_words(figures).startswith(said)
    assert affect_in_words(summary(factories.timeline(np.full((2, 7), np.nan)))) == ""


def test_unsure_time_counts_for_no_emotion():
    rows = np.array([sure("happy")] * 5 + [sure("sad", 0.3)] * 3 + [np.full(7, np.nan)] * 2)
    figures = summary(factories.timeline(rows))
    assert figures.shares["happy"] == 5 / 8 and figures.shares["sad"] == 0
    assert figures.unsure == pytest.approx(3 / 8)
    assert (figures.known, figures.too_little) == (0.8, False)
    lower = summary(factories.timeline(rows, unsure_below=0.25))
    assert (lower.shares["sad"], lower.unsure) == (3 / 8, 0)


def test_rows_that_lean_on_their_neighbours_are_no_evidence():
    """The window of every row sees a face, the last six rows themselves see none."""
    row_face = np.array([1.0] * 6 + [0.05] * 6)
    figures = summary(factories.timeline(np.array([sure("happy")] * 6 + [sure("sad")] * 6), row_face=row_face))
    assert (figures.known, figures.shares["happy"], figures.shares["sad"]) == (0.5, 1.0, 0.0)
    assert figures.face == pytest.approx(0.525)


@pytest.mark.parametrize(
    ("known", "seconds", "too_little"),
    [(5, 60, False), (4, 60, True), (5, 100, False), (5, 120, True), (0, 30, True), (3, 3, True), (6, 6, False)],
)
def test_too_little_evidence_is_said(known, seconds, too_little):
    """At least 5 s, and at least 5 % of the recording."""
    rows = np.array([sure("happy")] * known + [np.full(7, np.nan)] * (seconds - known))
    figures = summary(factories.timeline(rows))
    assert figures.too_little == too_little
    sentence = f"Too little to tell: evidence for only {known}.0 s of {seconds}.0 s; "
    assert figures.warning == (f"{sentence}{max(5, seconds / 20):.1f} s are needed." if too_little else "")


def test_shares_of_too_little_evidence_are_said_to_be_of_it(capsys):
    rows = np.array([sure("happy")] * 3 + [np.full(7, np.nan)] * 57)
    print_summary(factories.timeline(rows), [])
    printed = capsys.readouterr().out.splitlines()
    assert printed[printed.index("  in the 3.0 s with evidence:") + 1].split()[1:] == ["happy", "100.0%"]
    assert sentence(factories.timeline(rows)).endswith("; too little to tell (happy 100% in the 3.0 s with evidence)")
    enough = factories.timeline(np.array([sure("happy")] * 60))
    print_summary(enough, [])
    assert "with evidence:" not in capsys.readouterr().out and sentence(enough).endswith("; happy 100%")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4.97, "only 4.9 s of 5.0 s; 5.0 s are needed."),
        (100.8, "only 5.0 s of 100.8 s; 5.1 s are needed."),
        (0.04, "only 0.04 s of 0.04 s; 5.0 s are needed."),
    ],
)
def test_too_little_evidence_never_reads_like_enough(seconds, words):
    ends = np.array([min(seconds, 5.03), seconds])
    rows = np.array([sure("happy"), np.full(7, np.nan)])
    figures = summary(factories.timeline(rows, start=np.array([0.0, ends[0]]), end=ends))
    assert figures.warning == f"Too little to tell: evidence for {words}"


def test_a_summary_in_words_names_what_is_not_the_default():
    timeline = factories.timeline(factories.probabilities(3))
    assert choices_in_words(timeline) == "late fusion, even prior, 1 s steps"
    timeline.choices.update(person=2, smooth=1.5)
    assert choices_in_words(timeline) == "late fusion, even prior, 1 s steps, person 2, smoothed over 1.5 s"
    timeline.choices.update(person=None, smooth=0.0, baseline="speaker", channel="mix", start=0.0, end=None, rotate=0)
    assert choices_in_words(timeline) == all_choices_in_words(timeline) == "late fusion, even prior, 1 s steps"
    timeline.choices.update(baseline="none", channel="left", start=1.5, end=9.0, rotate=90, unsure_below=0.5)
    assert choices_in_words(timeline) == "late fusion, even prior, 1 s steps, baseline none"
    assert all_choices_in_words(dataclasses.replace(timeline, window=5.0)) == (
        f"{choices_in_words(timeline)}, 5 s windows, unsure below 50%, channel left, turned by 90°, from 1.5 s, "
        "until 9 s"
    )
    timeline = factories.timeline(factories.probabilities(3), step=5.0, window=1.0)
    assert all_choices_in_words(timeline) == "late fusion, even prior, 5 s steps, 5 s windows"
    assert all_choices_in_words(dataclasses.replace(timeline, step=3.0)) == "late fusion, even prior, 3 s steps"


def test_a_summary_in_full_tells_results_apart_by_track_checkpoint_and_own_shares():
    timeline = factories.timeline(factories.probabilities(3))
    timeline.choices.update(audio_track=2, video_track=1, model="me/mine")
    assert (
        all_choices_in_words(timeline)
        == f"{choices_in_words(timeline)}, checkpoint me/mine, audio track 2, video track 1"
    )
    own = [priors.resolve(dict.fromkeys(EMOTIONS, 1.0) | {"happy": share}) for share in (3.0, 13.0)]
    first, second = (all_choices_in_words(dataclasses.replace(timeline, prior=each)) for each in own)
    assert "happy 33.3%" in first and "happy 68.4%" in second


@pytest.mark.parametrize("step", [0.1, 0.5, 5.0])
@pytest.mark.parametrize("smooth", [0.0, 1.0])
def test_highlights_are_the_same_at_every_step(step, smooth):
    observations, model = factories.alternating(60.0), factories.checkpoint()
    expected = find_highlights(infer(observations, model, "late", step=1.0, smooth=smooth))
    assert {moment.kind for moment in expected} >= {"peak", "shift"}
    assert find_highlights(infer(observations, model, "late", step=step, smooth=smooth)) == expected


def test_highlights_come_from_sure_rows():
    rows = np.array([sure("happy", 0.9)] * 10 + [sure("angry", 0.8)] * 10)
    both = {
        "face": np.array([sure("happy")] * 20),
        "voice": np.array([sure("angry")] * 20),
        "disagreement": np.full(20, 0.9),
    }
    assert {moment.kind for moment in find_highlights(factories.timeline(rows, **both))} == set(KINDS[:3])
    (unsure,) = find_highlights(factories.timeline(rows, **both, unsure_below=0.95))
    assert (unsure.kind, unsure.start, unsure.end, unsure.text) == ("unsure", 0.0, 20.0, "unsure for 20 s")
    assert unsure.reason == "confidence 85% on average, with a face in 100% of the time and speech in 0%"
    assert find_highlights(factories.timeline(rows, **both, row_face=np.zeros(20))) == []


def test_a_peak_is_the_highest_sure_row_of_its_stretch():
    rows = np.array([sure("happy", 0.9), sure("happy", 0.97), sure("happy", 0.8)])
    (peak,) = of_kind("peak", factories.timeline(rows, row_face=np.array([1.0, 0.0, 1.0])))
    assert (peak.start, peak.text) == (0.0, "happy at 90%")


def test_a_summary_of_nothing():
    for timeline in (factories.timeline(np.zeros((0, 7))), factories.timeline(np.full((3, 7), np.nan))):
        assert (summary(timeline).shares, summary(timeline).confidence) == ({}, None)
        assert find_highlights(timeline) == []


def test_neighbours_of_one_emotion_are_one_cue_and_gaps_have_none():
    cues = subtitles.cues(tale())
    assert [(cue.start, cue.end, cue.emotion) for cue in cues] == [
        (0, 10, "neutral"),
        (10, 20, "happy"),
        (30, 40, "sad"),
    ]


def test_srt_and_vtt_are_as_players_read_them():
    srt = subtitles.srt_text(tale()).split("\n\n")
    assert srt[1].splitlines() == ["2", "00:00:10,000 --> 00:00:20,000", "😊 happy 82%"]
    vtt = subtitles.vtt_text(tale()).split("\n\n")
    assert vtt[0] == "WEBVTT"
    assert vtt[3].splitlines() == ["00:00:30.000 --> 00:00:40.000", "😢 sad 70%"]


def test_a_name_is_no_style_to_a_player_of_srt(tmp_path):
    name = "<b>Ann</b> {\\an8} --> <i>"
    timeline = dataclasses.replace(factories.timeline([sure("happy")] * 3), name=name)
    path = tmp_path / "a.srt"
    path.write_text(subtitles.srt_text(timeline), encoding="utf-8")
    with av.open(str(path)) as container:
        (shown,) = [subtitle.ass.decode() for packet in container.demux() for subtitle in packet.decode()]
    assert shown.endswith(",\u2039b\u203aAnn\u2039/b\u203a (\\an8) --\u203a \u2039i\u203a: 😊 happy 94%")


def test_hours_and_doubt_are_written_out():
    timeline = factories.timeline(np.array([np.full(7, np.nan)] * 400 + [sure("fear", 0.3)]), step=10.0)
    assert "01:06:40,000 --> 01:06:50,000\n😨 fear? 30%" in subtitles.srt_text(timeline)


def test_a_report_is_one_page_that_needs_nothing_else():
    evaluation = {
        "set": {
            "what": "A <set>",
            "metric": "accuracy",
            "items": 1234,
            "results": {"late": 0.625},
            "spread": {"late": 0.01},
        }
    }
    training = {
        "limits": ["Not for <anything>."],
        "licence": "cc-by-nc-sa-4.0",
        "sources": [{"name": "Them", "use": "face", "items": "all", "licence": "MIT"}],
    }
    timeline = tale()
    timeline.media["name"] = "a <b>.mp4"
    text = report.html_text(timeline, evaluation, training)
    assert not re.search(r"<script|<link|src=|@import|url\((?!#)", text)
    for words in (
        "a &lt;b&gt;.mp4",
        "A &lt;set&gt;",
        "62.5% ± 1.0%",
        "1,234",
        "Not for &lt;anything&gt;.",
        "Them",
        "CC BY-NC-SA 4.0",
        "happy at 97%",
        "from neutral to happy",
        "0:14",
        "<svg",
    ):
        assert words in text
    assert "<b>.mp4" not in text and all(colour in text for colour in COLOURS.values())


def test_a_report_of_nothing_says_so(tmp_path):
    nothing = factories.timeline(np.full((3, 7), np.nan), face_coverage=np.zeros(3))
    report.write(nothing, tmp_path / "new" / "report.html")
    text = (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert "Neither a face nor speech was found, so" in text and "Nothing stands out." in text
    assert trust.UNKNOWN in text and "measured" not in text.replace(trust.UNKNOWN, "")
    assert "has not been measured" in report.html_text(factories.timeline(np.full((3, 7), np.nan)), {})


def test_a_report_tells_unsure_time_the_prior_and_all_choices():
    timeline = factories.timeline(np.array([sure("happy")] * 6 + [sure("sad", 0.3)] * 2))
    timeline.choices.update(person=2, prior="even", prior_shares={"sad": 0.25}, end=None)
    text = report.html_text(timeline)
    for words in (
        "late fusion, even prior, 1 s steps, person 2",
        ">unsure</th>",
        "<td>25%</td>",
        "below 40%",
        "prior shares</th><td>sad 0.25",
        ">end</th><td>automatic",
        "<h2>Valence and arousal</h2>",
        ", derived from the emotions (Warriner, Kuperman &amp; Brysbaert, 2013).",
    ):
        assert words in text
    assert "Too little to tell" not in text


def test_too_little_to_tell_is_the_first_line_of_report_and_chart():
    timeline = factories.timeline(np.array([sure("happy")] * 3))
    body = report.html_text(timeline).partition("<body>")[2]
    first = re.findall("<p[^>]*>(.*?)</p>", body)[0]
    assert "Too little to tell: evidence for only 3.0 s of 3.0 s" in first
    assert "Too little to tell" in charts.svg_text(timeline)


def test_a_name_that_is_no_text_is_shown_with_a_mark(tmp_path):
    """How Python holds the bytes of a Latin-1 name."""
    timeline = factories.timeline(np.array([sure("happy")]), media={"name": "caf\udce9 <b>.mp4"})
    report.write(timeline, tmp_path / "report.html")
    assert "caf\ufffd &lt;b&gt;.mp4" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_every_place_names_a_highlight_with_the_same_words(capsys):
    timeline = tale()
    print_summary(timeline, [])
    places = (capsys.readouterr().out, report_parts.highlights(timeline, None), notebook.html_text(timeline))
    assert all("Change from neutral to happy" in place and "Peak: happy at 97%" in place for place in places)
