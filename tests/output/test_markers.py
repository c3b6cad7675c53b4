"""Markers of the user's own: on the chart, in the mean timeline around them, and as files."""

import csv
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from emorec import EmorecError, analyzer, cli
from emorec.annotation import Marker
from emorec.emotions import EMOTIONS
from emorec.output import charts, lane_chart, lane_data, marker_charts, markers
from emorec.timeline import Timeline
from support import factories
from support.make_media import Audio, record

CALM, GLAD = (np.where(np.array(EMOTIONS) == name, 0.94, 0.01) for name in ("neutral", "happy"))


def reactions(times, count=120, window=1.0, **columns):
    """Calm rows of 1 s, and gladness from 2 s to 5 s after each of some times."""
    rows = np.array([CALM] * count)
    for time in times:
        rows[time + 2 : time + 5] = GLAD
    return Timeline.of(factories.timeline(rows, window=window, **columns))


def column(name):
    return markers.MEASURES.index(name)


def test_the_mean_around_markers_shows_what_follows_them():
    times = (20, 50, 80)
    (average,) = reactions(times).around([(time, "joke") for time in times])
    assert (average.label, average.markers) == ("joke", 3) and repr(average) == "Around(label='joke', markers=3)"
    assert average.lag.tolist() == [lag + 0.5 for lag in range(-5, 10)]
    glad = (average.lag > 2) & (average.lag < 5)
    assert average.mean[glad, column("happy")] == pytest.approx(0.94)
    assert average.change[glad, column("happy")] == pytest.approx(0.93)
    assert average.change[~glad] == pytest.approx(0, abs=1e-9)
    assert average.change[glad, column("valence")] == pytest.approx(0.93 * (0.8675 - 0.125), abs=0.01)
    assert (average.count == 3).all()


def test_the_interval_is_that_of_markers_and_covers_their_spread():
    """Half of the markers are followed by gladness: the mean change is about a half, and the interval is wide."""
    times = np.arange(10, 210, 10)
    (average,) = reactions(times[::2], count=230).around([(time, "tone") for time in times])
    row = int(np.flatnonzero(average.lag == 3.5)[0])
    low, mean, high = (getattr(average, name)[row, column("happy")] for name in ("low", "mean", "high"))
    assert mean == pytest.approx((0.94 + 0.01) / 2)
    # 0.93 times a share of a half among 20: its standard error is 0.112.
    assert (low, high) == pytest.approx((mean - 1.96 * 0.93 * 0.112, mean + 1.96 * 0.93 * 0.112), abs=0.05)
    (single,) = reactions([20]).around([(20, "tone")])
    assert np.isnan(single.low).all() and not np.isnan(single.mean).any()


def test_the_interval_of_very_many_markers_is_the_same_and_needs_little_memory(monkeypatch):
    values = np.random.default_rng(1).random((50, 3, 2))
    whole = markers._interval(values)
    drawn, multinomial = [], np.random.Generator.multinomial
    generator = SimpleNamespace(multinomial=lambda *given: drawn.append(given[2]) or multinomial(made, *given))
    made = np.random.default_rng(markers.SEED)
    monkeypatch.setattr(markers.np.random, "default_rng", lambda seed: generator)
    monkeypatch.setattr(markers, "MAX_DRAWN", 50 * 300)
    parts = markers._interval(values)
    assert drawn == [300, 300, 300, 100]
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_the_time_before_a_marker_is_that_whose_windows_end_before_it():
    """The 2 s before a marker already see what follows it, through a window of 4 s."""
    timeline = reactions([20], window=4.0)
    timeline.probabilities[18:20] = GLAD
    (average,) = timeline.around([(20, "tone")])
    assert average.change[average.lag < -2, column("happy")] == pytest.approx(0, abs=1e-9)
    assert average.change[(average.lag > -2) & (average.lag < 0), column("happy")] == pytest.approx(0.93)


@pytest.mark.parametrize("place", [0.0, 0.25, 0.6, 0.9])
def test_no_window_of_the_time_before_reaches_past_a_marker_within_a_row(place):
    """Windows of 3 s see gladness from the marker on, in the row with it and in those before."""
    marker, middle = 50 + place, np.arange(100) + 0.5
    glad = np.clip((middle + 1.5 - marker) / 3, 0, 1)[:, None]
    timeline = Timeline.of(factories.timeline(glad * GLAD + (1 - glad) * CALM))
    (average,) = timeline.around([(marker, "tone")])
    assert (average.mean - average.change)[0, column("happy")] == pytest.approx(0.01, abs=1e-9)


@pytest.mark.parametrize(("before", "step"), [(0, 1.0), (5, 10.0)])
def test_without_a_row_before_the_marker_there_is_no_change(before, step):
    timeline = Timeline.of(factories.timeline(np.array([CALM] * 12), step=step))
    times = [(2 * step, "tone"), (5 * step, "tone")]
    averages = timeline.around(times, before, 10)
    assert averages[0].lag[0] > 0 and averages[0].mean[0, column("neutral")] == pytest.approx(0.94)
    for values in (averages[0].change, averages[0].change_low, averages[0].change_high):
        assert np.isnan(values).all()
    row = next(csv.DictReader(io.StringIO(markers.csv_text(averages))))
    assert row["mean"] and not row["change"]
    drawn = json.dumps(marker_charts.around_chart(averages, "clip", charts.INK, charts.FONT).to_dict())
    assert "Means, as nothing before the marker is known" in drawn and '"mean": 0.94' in drawn
    # A recording that begins with the marker has nothing before it either, beside a label that has.
    averages = timeline.around([(0.0, "begin"), (6 * step, "later")], 3 * step, 10)
    drawn = json.dumps(marker_charts.around_chart(averages, "clip", charts.INK, charts.FONT).to_dict())
    assert "or means where nothing before it is known" in drawn and '"mean": 0.94' in drawn and '"change": 0.0' in drawn
    averages = timeline.around(times, 2 * step, 10)
    drawn = json.dumps(marker_charts.around_chart(averages, "clip", charts.INK, charts.FONT).to_dict())
    assert "Change from the mean" in drawn and '"change": 0.0' in drawn


def test_labels_are_averaged_each_by_itself_and_time_without_evidence_does_not_count():
    timeline = reactions([20])
    timeline.probabilities[52:55] = np.nan
    joke, pause = timeline.around([(50, "pause"), (20, "joke"), (80, "pause")], before=0, after=5)
    assert [each.label for each in (joke, pause)] == ["joke", "pause"]
    assert pause.count.tolist() == [2, 2, 1, 1, 1]
    assert pause.mean[:, column("neutral")] == pytest.approx(0.94)


def test_time_beyond_the_ends_of_the_recording_does_not_count():
    first, last = reactions([], count=20).around([(0, "first"), (20, "last")])
    assert first.count.tolist() == [0] * 5 + [1] * 10
    assert last.count.tolist() == [1] * 5 + [0] * 10
    assert np.isnan(last.mean[-1]).all()


def test_markers_outside_the_recording_are_left_out_with_a_note_and_if_all_are_refused_in_one_sentence():
    marked = reactions([]).with_markers([(5, "in time"), (130, "late")])
    assert [marker.label for marker in marked.markers] == ["in time"]
    assert marked.notes[-1] == "1 of 2 markers was left out: outside of 0 to 120 s."
    with pytest.raises(
        EmorecError, match="^The marker 'late' at 130 s is outside the recording, which is 120.0 s long"
    ):
        reactions([]).with_markers([(130, "late")])
    with pytest.raises(EmorecError, match="and 1 more are"):
        reactions([]).with_markers([(130, "late"), (140, "later")])


@pytest.mark.parametrize(
    "given",
    [
        [("0:03", "a")],
        [1.0, 2.0],
        [(None, "a")],
        [(1.0,)],
        [{"time": 1.0}],
        5,
        None,
        [("x" * 99, "a")],
        ["35"],
        {"35": "a"},
        [(3.5, 5.0, "a")],
        [(0, 3.5, "a")],  # a row of a data frame with its index
        pd.DataFrame({"time": [3.5], "label": ["a"]}).iterrows(),
        [(1.0, ["a"])],
        [b"35"],
        np.array([[1.0], [2.0]]),
        [(10**400, "a")],
    ],
)
def test_what_are_no_pairs_is_one_sentence(given):
    with pytest.raises(EmorecError, match=r"^Markers are a file, or pairs of [^\n]{,160}\.$"):
        reactions([]).with_markers(given)


@pytest.mark.parametrize("error", [ValueError("of the caller"), TypeError("of the caller"), EmorecError("A sentence.")])
def test_an_error_of_a_generator_of_markers_stays_what_it_is(error):
    def pairs():
        yield 1.0, "a"
        raise error

    with pytest.raises(type(error), match=str(error)):
        reactions([]).with_markers(pairs())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({}, "There are no markers"),
        ({"markers": [(1, "a")], "before": -1}, "choose 0 to 600 s each"),
        ({"markers": [(1, "a")], "before": "1"}, "is a number of seconds each, not '1'"),
        ({"markers": [(1, "a")], "before": 0.1, "after": 0.1}, "shorter than a row"),
    ],
)
def test_what_cannot_be_averaged_is_one_sentence(arguments, sentence):
    with pytest.raises(EmorecError, match=sentence):
        reactions([]).around(**arguments)


def test_the_table_has_a_line_for_each_label_lag_and_measure():
    averages = reactions([20]).around([(20, "a, b"), (50, "c")])
    rows = list(csv.DictReader(io.StringIO(markers.csv_text(averages))))
    assert len(rows) == 2 * 15 * 9 and tuple(rows[0]) == markers.COLUMNS
    (row,) = (row for row in rows if (row["label"], row["lag"], row["measure"]) == ("a, b", "3.5", "happy"))
    assert (row["mean"], row["low"], row["change"], row["markers"]) == ("0.94", "", "0.93", "1")


def test_the_table_is_written_like_every_other():
    text = markers.csv_text(reactions([20]).around([(20, "=1+1")]), "de")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=";"))
    (row,) = (row for row in rows if (row["lag"], row["measure"]) == ("3,5", "happy"))
    assert text.startswith("\ufeff") and (row["label"], row["mean"], row["low"]) == ("'=1+1", "0,94", "")


def test_the_chart_of_a_timeline_shows_rules_with_labels():
    timeline = reactions([20]).with_markers([(20, "joke"), (80, "pause")])
    for style in charts.STYLES:
        drawn = timeline.plot(style).to_dict()
        layers = [layer for layer in drawn["layer"] if "marker" in json.dumps(layer.get("encoding", {}))]
        assert [layer["mark"]["type"] for layer in layers] == ["rule", "rule", "text", "text"]
    assert ">joke<" in charts.svg_text(timeline)
    assert "joke" not in charts.svg_text(reactions([20]))


def test_many_markers_are_ticks_without_labels():
    many = [Marker(float(time), "x") for time in range(marker_charts.MAX_LABELS + 1)]
    assert len(marker_charts.rules(many, 1.0)) == 2
    ends = [
        [each.to_dict()["encoding"].get("y2") for each in marker_charts.rules(some, 1.0)[:2]]
        for some in (many, many[1:])
    ]
    assert ends == [[{"value": marker_charts.TICK}] * 2, [None] * 2]  # whole rules would cover the chart


def test_markers_are_part_of_the_json():
    written = json.loads(reactions([20]).with_markers([(20, "joke")]).to_json())
    assert written["markers"] == [{"time": 20.0, "label": "joke"}]


@pytest.fixture
def clip(tmp_path, monkeypatch):
    monkeypatch.setattr(analyzer, "load", lambda *_: analyzer.Analyzer(factories.checkpoint(), None))
    monkeypatch.chdir(tmp_path)
    return record(tmp_path / "clip.wav", audio=Audio(duration=3.0, codec="pcm_s16le"))


def test_the_command_writes_the_mean_around_markers(clip, tmp_path):
    (tmp_path / "labels.txt").write_text("1.0\t1.0\ttone\n")
    command = ["analyze", str(clip), "--markers", "labels.txt", "--marker_window", "1,2", "--out", "out"]
    assert cli.main(command) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()} - {".emorec"}
    assert names == {"clip.csv", "clip.png", "clip.markers.csv", "clip.markers.png"}
    rows = list(csv.DictReader((tmp_path / "out" / "clip.markers.csv").open()))
    assert sorted({float(row["lag"]) for row in rows}) == [-0.5, 0.5, 1.5]


def test_markers_outside_of_a_part_are_left_out_with_a_note(clip, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("0.5\t0.5\tearly\n1.5\t1.5\ttone\n2.5\t2.5\tlate\n")
    part = ["--start", "1", "--end", "2", "--format", "json", "--no_plot", "--out", "out"]
    assert cli.main(["analyze", str(clip), "--markers", "labels.txt", *part]) == 0
    assert "2 of 3 markers were left out: outside of 1 to 2 s." in capsys.readouterr().err
    written = json.loads((tmp_path / "out" / "clip.json").read_text())
    assert written["markers"] == [{"time": 1.5, "label": "tone"}]
    assert (tmp_path / "out" / "clip.markers.csv").exists()
    (tmp_path / "labels.txt").write_text("2.5\t2.5\tlate\n")
    assert cli.main(["analyze", str(clip), "--markers", "labels.txt", *part]) == 2
    assert "The marker 'late' at 2.5 s is outside the part from 1 to 2 s." in capsys.readouterr().err


def test_a_marker_after_the_end_of_the_only_recording_does_not_cost_the_others(clip, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("1.5\t1.5\ttone\n9.0\t9.0\tlate\n")
    assert cli.main(["analyze", str(clip), "--markers", "labels.txt", "--no_plot", "--out", "out"]) == 0
    assert "1 of 2 markers was left out: outside of 0 to 3 s." in capsys.readouterr().err
    assert (tmp_path / "out" / "clip.markers.csv").exists()


def test_several_recordings_share_markers_beyond_the_end_of_some(clip, tmp_path, capsys):
    longer = record(tmp_path / "longer.wav", audio=Audio(duration=6.0, codec="pcm_s16le"))
    (tmp_path / "labels.txt").write_text("5.0\t5.0\ttone\n")
    command = ["analyze", str(clip), str(longer), "--markers", "labels.txt", "--no_plot", "--out", "out"]
    assert cli.main(command) == 0
    assert "clip.wav: 1 of 1 markers was left out" in capsys.readouterr().err
    names = {path.name for path in (tmp_path / "out").iterdir()} - {".emorec"}
    assert names == {"clip.csv", "longer.csv", "longer.markers.csv"}


def test_a_marker_that_is_outside_only_after_the_analysis_does_not_cost_the_result(clip, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("3.5\t3.5\ttone\n")
    assert cli.main(["analyze", str(clip), "--markers", "labels.txt", "--no_plot", "--out", "out"]) == 2
    assert "The marker 'tone' at 3.5 s is outside the recording, which is 3.0 s long." in capsys.readouterr().err
    assert (tmp_path / "out" / "clip.csv").exists() and not (tmp_path / "out" / "clip.markers.csv").exists()


@pytest.mark.parametrize(
    ("text", "more", "sentence"),
    [
        ("9.0\t9.0\ttone\n", [], "The marker 'tone' at 9 s is outside the recording, which is 3.0 s long."),
        ("nothing\n", [], "labels.txt is no txt file that can be read"),
        ("1\t1\tx\n", ["--marker_window", "5"], "The marker window '5' is no pair of seconds"),
    ],
)
def test_wrong_markers_are_one_sentence_and_nothing_is_written(clip, tmp_path, capsys, text, more, sentence):
    (tmp_path / "labels.txt").write_text(text)
    assert cli.main(["analyze", str(clip), "--markers", "labels.txt", "--out", "out", *more]) == 2
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert error.startswith("emorec: ") and sentence in error
    assert not (tmp_path / "out").exists()


def test_the_label_of_a_marker_covers_no_name_of_a_lane():
    one = replace(reactions([]), person=np.zeros(120, int))
    for people, top in (((), 1.0), ((one,), lane_data.PLOT[0])):
        spec = charts.timeline_spec(replace(reactions([]), people=people, markers=(Marker(5.0, "look"),)))
        texts = [layer for layer in spec["layer"] if layer.get("encoding", {}).get("text", {}).get("field") == "marker"]
        assert len(texts) == 2 and {layer["encoding"]["y"]["datum"] for layer in texts} == {top}
        if people:  # from below the name of the first lane to above that of the second
            assert lane_chart.LANE_HEIGHT * (1 + lane_data.NAME_AT - top) - 6 >= texts[0]["mark"]["limit"]
