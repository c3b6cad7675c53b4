"""A timeline written down, and read back by others."""

import csv
import errno
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from emorec import __version__, exports
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.subtitles import srt_text, vtt_text
from emorec.timeline import decide

HEADER = (
    "start,end,person,angry,disgust,fear,happy,neutral,sad,surprise,dominant,confidence,face_coverage,speech_coverage"
)
GAP = 2
TIMELINE = made.timeline(
    made.with_gaps(made.probabilities(5), GAP),
    step=0.5,
    person=np.array([0, 0, -1, 1, 1]),
    disagreement=np.array([0.25, np.nan, np.nan, np.nan, np.nan]),
    notes=("The sound is cut off after 2 s.",),
)


def strict(text):
    """JSON read as the standard says: NaN and Infinity are no values."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def read_csv(timeline):
    return list(csv.DictReader(io.StringIO(exports.csv_text(timeline))))


def test_the_header_is_what_was_promised():
    assert exports.csv_text(TIMELINE).splitlines()[0] == HEADER


def test_an_empty_timeline_is_a_header():
    timeline = decide(made.observations(0.0), made.checkpoint())
    assert exports.csv_text(timeline) == HEADER + "\n"
    assert strict(exports.json_text(timeline))["rows"] == []


def test_a_line_a_row_with_its_values():
    lines = read_csv(TIMELINE)
    assert [(line["start"], line["end"]) for line in lines[:2]] == [("0.0", "0.5"), ("0.5", "1.0")]
    for line, dominant, values in zip(lines, TIMELINE.dominant, TIMELINE.probabilities, strict=True):
        if dominant:
            assert [float(line[emotion]) for emotion in EMOTIONS] == pytest.approx(values, abs=1e-6)
            assert line["dominant"] == dominant and line[dominant] == line["confidence"]


def test_what_is_not_known_is_an_empty_cell():
    gap = read_csv(TIMELINE)[GAP]
    unknown = {"person", *EMOTIONS, "dominant", "confidence"}
    assert {name for name, cell in gap.items() if cell == ""} == unknown
    assert not {"nan", "None"} & {cell for line in read_csv(TIMELINE) for cell in line.values()}


def test_columns_of_the_csv_are_told_apart():
    timeline = made.timeline(
        made.probabilities(1), person=np.array([7]), face_coverage=np.array([0.25]), speech_coverage=np.array([0.75])
    )
    line = read_csv(timeline)[0]
    assert (line["person"], line["face_coverage"], line["speech_coverage"]) == ("7", "0.25", "0.75")


@made.quick
@given(st.integers(1, 20), st.integers(0, 1000), st.floats(0.1, 10))
def test_rows_sum_to_one(count, seed, step):
    for line in read_csv(made.timeline(made.probabilities(count, seed), step)):
        assert sum(float(line[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5)


def test_json_holds_null_where_nothing_is_known():
    rows = strict(exports.json_text(TIMELINE))["rows"]
    gap = rows[GAP]
    assert {name for name, value in gap.items() if value is None} == {
        "person", "probabilities", "dominant", "confidence", "face", "voice", "disagreement"
    }  # fmt: skip
    assert rows[0]["disagreement"] == 0.25 and rows[1]["disagreement"] is None


def test_json_holds_each_modalitys_opinion():
    timeline = made.timeline(made.probabilities(2, 1), face=made.probabilities(2, 2), voice=made.probabilities(2, 3))
    for number, row in enumerate(strict(exports.json_text(timeline))["rows"]):
        for name in ("probabilities", "face", "voice"):
            assert list(row[name]) == list(EMOTIONS)
            assert list(row[name].values()) == pytest.approx(getattr(timeline, name)[number], abs=1e-6)


def test_json_holds_the_facts_and_a_summary():
    read = strict(exports.json_text(TIMELINE))
    assert read["emorec"] == __version__
    assert (read["fusion"], read["step"], read["window"], read["duration"]) == ("late", 0.5, 3.0, 2.5)
    assert read["complete"] is True and read["notes"] == list(TIMELINE.notes)
    assert read["summary"]["known_share"] == pytest.approx(0.8)
    assert sum(read["summary"]["dominant_shares"].values()) == pytest.approx(1)


def test_json_of_nothing_known_parses():
    read = strict(exports.json_text(made.timeline(np.full((3, 7), np.nan))))
    assert read["summary"] == {"known_share": 0, "dominant_shares": {}}


@pytest.mark.parametrize("form", exports.WRITERS)
def test_a_file_holds_what_the_text_says(form, tmp_path):
    path = tmp_path / "new" / f"timeline.{form}"
    exports.WRITERS[form](TIMELINE, path)
    texts = {"csv": exports.csv_text, "json": exports.json_text, "srt": srt_text, "vtt": vtt_text}
    text = texts[form](TIMELINE)
    assert path.read_bytes() == text.encode()
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["Zoë – 映画 🎬.mp4", "caf\udce9.mp4"])
def test_any_name_of_a_file_can_be_written(name, tmp_path):
    """The second is how Python holds a Latin-1 name that a disk of another time may carry."""
    path = tmp_path / "timeline.json"
    exports.write_json(made.timeline(made.probabilities(1), media={"name": name}), path)
    assert strict(path.read_text(encoding="utf-8"))["media"]["name"] == name


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "timeline.csv"
    path.write_text("old")
    exports.write_csv(TIMELINE, path)
    assert path.read_text().startswith(HEADER)


def test_a_file_that_fails_half_way_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "timeline.csv"
    path.write_text("old")
    whole = Path.write_bytes

    def half(self, content):
        whole(self, content[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(EmorecError, match=r"timeline\.csv cannot be written \(No space left on device\)"):
        exports.write_csv(TIMELINE, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", exports.WRITERS)
def test_what_is_no_folder_is_named_and_left_alone(form, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EmorecError, match=f"out.{form} cannot be written"):
        exports.WRITERS[form](TIMELINE, tmp_path / "file" / f"out.{form}")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_folder_where_the_file_should_be_is_left_alone(tmp_path):
    (tmp_path / "timeline.csv").mkdir()
    with pytest.raises(EmorecError, match="cannot be written"):
        exports.write_csv(TIMELINE, tmp_path / "timeline.csv")
    assert [path.name for path in tmp_path.rglob("*")] == ["timeline.csv"]


def test_a_table_is_ready_for_a_page():
    table = exports.table(TIMELINE)
    assert all(tuple(row) == exports.COLUMNS for row in table)
    assert table[GAP]["happy"] is None and table[GAP]["dominant"] is None and table[GAP]["person"] is None
    assert not any(isinstance(cell, float) and math.isnan(cell) for row in table for cell in row.values())
