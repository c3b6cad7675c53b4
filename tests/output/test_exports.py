"""A timeline written down, and read back by others."""

import csv
import dataclasses
import errno
import io
import json
import math
import os
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from emorec import __version__
from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.people import People, Person
from emorec.inference.timeline import infer
from emorec.output import formats, names, result_names, tables
from emorec.output.highlights import find_highlights
from support import factories
from support.paths import ROOT

HEADER = (
    "start,end,person,angry,disgust,fear,happy,neutral,sad,surprise,dominant,confidence,face_coverage,speech_coverage,"
    "sure,evidence,row_face,row_speech,valence,arousal,name"
)
GAP = 2
TIMELINE = factories.timeline(
    factories.with_gaps(factories.probabilities(5), GAP),
    step=0.5,
    person=np.array([0, 0, -1, 1, 1]),
    disagreement=np.array([0.25, np.nan, np.nan, np.nan, np.nan]),
    unsure_below=0.35,
    notes=("The sound is cut off after 2 s.",),
)


def strict(text):
    """JSON read as the standard says: NaN and Infinity are no values."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def read_csv(timeline):
    return list(csv.DictReader(io.StringIO(tables.csv_text(timeline))))


def test_the_header_is_what_was_promised():
    assert tables.csv_text(TIMELINE).splitlines()[0] == HEADER


def test_an_empty_timeline_is_a_header():
    timeline = infer(factories.observations(0.0), factories.checkpoint())
    assert tables.csv_text(timeline) == HEADER + "\n"
    assert strict(tables.json_text(timeline))["rows"] == []


def test_a_line_a_row_with_its_values():
    lines = read_csv(TIMELINE)
    assert [(line["start"], line["end"]) for line in lines[:2]] == [("0.0", "0.5"), ("0.5", "1.0")]
    for line, dominant, values in zip(lines, TIMELINE.dominant, TIMELINE.probabilities, strict=True):
        if dominant:
            assert [float(line[emotion]) for emotion in EMOTIONS] == pytest.approx(values, abs=1e-6)
            assert line["dominant"] == dominant and line[dominant] == line["confidence"]


def test_what_is_not_known_is_an_empty_cell():
    gap = read_csv(TIMELINE)[GAP]
    unknown = {"person", *EMOTIONS, "dominant", "confidence", "valence", "arousal", "name"}
    assert {name for name, cell in gap.items() if cell == ""} == unknown
    assert not {"nan", "None"} & {cell for line in read_csv(TIMELINE) for cell in line.values()}


def test_columns_of_the_csv_are_told_apart():
    timeline = factories.timeline(
        factories.probabilities(1),
        person=np.array([7]),
        face_coverage=np.array([0.25]),
        speech_coverage=np.array([0.75]),
    )
    line = read_csv(timeline)[0]
    assert (line["person"], line["face_coverage"], line["speech_coverage"]) == ("7", "0.25", "0.75")


def test_sure_rows_are_marked_as_every_reader_of_csv_understands():
    values = factories.with_gaps(np.array([np.eye(7)[3], np.full(7, 1 / 7), np.eye(7)[3], np.eye(7)[3]]), 3)
    coverage = {"row_face": np.array([0.5, 0.5, 0.0, 0.0]), "row_speech": np.array([0.0, 0.25, 0.0, 0.0])}
    timeline = factories.timeline(values, **coverage)
    lines = read_csv(timeline)
    assert [line["sure"] for line in lines] == ["true", "false", "false", "false"]
    assert [line["row_face"] for line in lines] == ["0.5", "0.5", "0.0", "0.0"]
    assert [line["row_speech"] for line in lines] == ["0.0", "0.25", "0.0", "0.0"]
    assert [line["evidence"] for line in lines] == ["1.0", "1.0", "1.0", "0.0"]
    assert [row["sure"] for row in strict(tables.json_text(timeline))["rows"]] == [True, False, False, False]


def test_json_holds_everything_that_made_it_and_the_highlights():
    model = factories.checkpoint()
    own = dict.fromkeys(EMOTIONS, 1) | {"neutral": 4}
    observations = dataclasses.replace(factories.alternating(30.0), settings={"face_rate": 5.0, "channel": "left"})
    timeline = infer(
        observations, model, "face", step=0.5, window=2.0, person=0, smooth=0.5, prior=own, unsure_below=0.3
    )
    read = strict(tables.json_text(timeline))
    assert read["choices"] == {
        "fusion": "face",
        "step": 0.5,
        "window": 2.0,
        "smooth": 0.5,
        "person": 0,
        "prior": "own",
        "prior_shares": dict.fromkeys(EMOTIONS, 0.1) | {"neutral": 0.4},
        "unsure_below": 0.3,
        "baseline": "speaker",
        "baseline_weight": 0.0,
        "face_rate": 5.0,
        "channel": "left",
        "model": None,
        "fingerprint": model.fingerprint,
        "emorec": __version__,
    }
    assert [moment["start"] for moment in read["highlights"]] == [moment.start for moment in find_highlights(timeline)]
    assert {"start", "end", "kind", "emotion", "strength", "text", "reason", "person"} == read["highlights"][0].keys()


@pytest.mark.parametrize(
    ("fusion", "person", "name"),
    [
        ("late", None, "interview.csv"),
        ("face", None, "interview.face.csv"),
        ("late", 0, "interview.person-0.csv"),
        ("intermediate", 2, "interview.intermediate.person-2.csv"),
        ("late", "all", "interview.all.csv"),
        ("late", "Anna/../B: ü", "interview.Anna-..-B-ü.csv"),
    ],
)
def test_a_file_is_named_after_what_is_not_the_default(fusion, person, name):
    timeline = factories.timeline(factories.probabilities(1), fusion=fusion)
    timeline.choices["person"] = person
    assert result_names.file_name("interview", timeline, ".csv") == name


LONG = "Prof. Dr. Maximilian Alexander von Hohenfels"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Anna B", "Ben"), ["x.Anna-B.csv", "x.Ben.csv"]),
        (("Anna B", "Anna/B", "anna b!"), ["x.Anna-B-0.csv", "x.Anna-B-1.csv", "x.anna-b-2.csv"]),
        (("Anna!", "Anna?", "Anna-1"), ["x.Anna-0.csv", "x.Anna-1.csv", "x.Anna-1-2.csv"]),
        ((f"{LONG} (Host)", f"{LONG} (Guest)"), [f"x.Prof.-Dr.-Maximilian-Alexander-von-Hoh-{n}.csv" for n in (0, 1)]),
        (("😀", "😎"), ["x.person-0.csv", "x.person-1.csv"]),
        (("\u2764\ufe0f", "Anna \u2764\ufe0f"), ["x.person.csv", "x.Anna.csv"]),
        (("all?", "Ben"), ["x.all-0.csv", "x.Ben.csv"]),
        (("กี", "กิ"), ["x.กี.csv", "x.กิ.csv"]),
        (("प्रिया", "مُحَمَّد"), ["x.प्रिया.csv", "x.مُحَمَّد.csv"]),
    ],
)
def test_persons_with_names_that_look_alike_have_files_of_their_own(names, expected):
    numbered = dict(enumerate(names))
    rows = {"probabilities": factories.probabilities(3), "names": numbered}
    made = [
        factories.timeline(**rows, name=name, person=np.full(3, number), choices={"person": name})
        for number, name in numbered.items()
    ]
    found = [result_names.file_name("x", timeline, ".csv") for timeline in made]
    assert found == expected and max(map(len, found)) <= len("x..csv") + result_names.MAX_PERSON_BYTES
    together = factories.timeline(**rows, choices={"person": "all"})
    assert result_names.file_name("x", together, ".csv") == "x.all.csv"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../x", "_.._x.csv"),
        ("/tmp/x", "_tmp_x.csv"),
        ("AC/DC", "AC_DC.csv"),
        ("con", "_con.csv"),
        ("Aux.2026", "_Aux.2026.csv"),
        ("console", "console.csv"),
        ("..\\x\0\n:?", "_x____.csv"),
        (".hidden", "hidden.csv"),
        ("...", "recording.csv"),
        ("Ma vie – 1.2 (fin)", "Ma vie – 1.2 (fin).csv"),
    ],
)
def test_a_title_is_never_a_path(title, name):
    timeline = factories.timeline(factories.probabilities(1))
    assert result_names.file_name(title, timeline, ".csv") == name == Path(name).name


def test_recordings_with_the_same_long_beginning_have_names_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(names.itertools, "count", lambda first: range(first, 9))  # with an end, if none is free
    timeline = factories.timeline(factories.probabilities(1), fusion="intermediate")
    timeline.choices["person"] = "名" * 60
    media = [Path(f"{'ж' * 90}{letter}.mp4") for letter in "abc"]

    def claimed(path):
        return names.claim(tmp_path, path, str(path), lambda stem: result_names.file_name(stem, timeline, ""), [".csv"])

    found = [claimed(path) for path in media]
    assert len({*found}) == 3 and found == [claimed(path) for path in media]
    longest = max(len(suffix) for suffix in (*names.REPORTS, *(form.suffix for form in formats.FORMATS.values())))
    assert max(len(name.encode()) for name in found) + longest <= 255
    (tmp_path / f"{found[-1]}.csv").write_text("fits")


def claim(folder, media="clip.mp4", source=None):
    return names.claim(folder, Path(media), source or media, str, [".csv"])


def no_links(*_):
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("link", [os.link, no_links])
def test_a_name_belongs_to_one_recording_also_where_files_have_one_name_only(link, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", link)
    found = [claim(tmp_path, "clip.mp4", source) for source in ("/a/clip.mp4", "/b/clip.mp4", "/c/clip.mp4")]
    assert found == ["clip", "clip.mp4", "clip.mp4-2"]
    assert claim(tmp_path, "clip.mp4", "/b/clip.mp4") == "clip.mp4"
    records = {path.name: path.read_text() for path in (tmp_path / names.RECORDS).iterdir()}
    assert records == dict(zip(found, ("/a/clip.mp4", "/b/clip.mp4", "/c/clip.mp4"), strict=True))


def test_an_empty_record_costs_no_recording_its_name(tmp_path, monkeypatch):
    """A command was killed, or found the disk full, after it had made the record."""
    monkeypatch.setattr(names, "PAUSE", 0.0)
    (tmp_path / names.RECORDS).mkdir()
    for stem in ("clip", "mine"):
        (tmp_path / names.RECORDS / stem).touch()
    (tmp_path / "mine.csv").touch()  # of the user
    assert claim(tmp_path) == "clip" == claim(tmp_path)
    assert claim(tmp_path, "clip.mp4", "/other") == "clip.mp4"
    assert claim(tmp_path, "mine.mp4") == "mine.mp4"


def test_a_full_disk_leaves_no_record(tmp_path, monkeypatch):
    opened = Path.open

    def full(path, mode="r", *more, **named):
        file = opened(path, mode, *more, **named)
        if mode[0] not in "wx":
            return file
        file.close()  # it is there, and empty
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(EmorecError, match=r"cannot be written \(No space left on device\)"):
        claim(tmp_path)
    assert not [*(tmp_path / names.RECORDS).iterdir()]


def test_commands_that_begin_at_the_same_time_agree_on_the_name_of_a_recording(tmp_path):
    def claims(folder):
        barrier = threading.Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            return {*pool.map(lambda _: (barrier.wait(), claim(folder))[1], range(4))}

    assert [claims(tmp_path / str(turn)) for turn in range(50)] == [{"clip"}] * 50


def test_two_recordings_that_find_an_empty_record_at_the_same_time_have_a_name_each(tmp_path, monkeypatch):
    barrier, is_empty = threading.Barrier(2, timeout=60), names._is_empty
    monkeypatch.setattr(names, "_is_empty", lambda record: (is_empty(record), record.exists() and barrier.wait())[0])
    # Each waits for the other, however slow. Not ``time.sleep`` itself, which other threads of this process call too.
    monkeypatch.setattr(names, "time", SimpleNamespace(sleep=lambda _: barrier.wait()))

    def claims(folder):
        (folder / names.RECORDS).mkdir(parents=True)
        (folder / names.RECORDS / "clip").touch()
        with ThreadPoolExecutor(2) as pool:
            return {*pool.map(lambda source: claim(folder, "clip.mp4", source), ("/a/clip.mp4", "/b/clip.mp4"))}

    assert [claims(tmp_path / str(turn)) for turn in range(20)] == [{"clip", "clip.mp4"}] * 20


def test_every_column_and_key_is_explained():
    text = (ROOT / "docs" / "SCHEMA.md").read_text(encoding="utf-8")
    observed = dataclasses.replace(factories.alternating(30.0), settings={"face_rate": 5.0})
    read = strict(tables.json_text(infer(observed, factories.checkpoint())))
    everybody = strict(tables.json_text(infer(observed, factories.checkpoint(), person="all")))
    parts = [everybody, everybody["people"][0]]
    parts += [read, read["choices"], read["summary"], read["rows"][0], read["highlights"][0]]
    names = {*tables.COLUMNS, *(name for part in parts for name in part)} - set(EMOTIONS)
    assert {name for name in names if f"`{name}`" not in text} == set()


@factories.quick
@given(st.integers(1, 20), st.integers(0, 1000), st.floats(0.1, 10))
def test_rows_sum_to_one(count, seed, step):
    for line in read_csv(factories.timeline(factories.probabilities(count, seed), step)):
        assert sum(float(line[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-5)


def test_json_holds_null_where_nothing_is_known():
    rows = strict(tables.json_text(TIMELINE))["rows"]
    gap = rows[GAP]
    assert {name for name, value in gap.items() if value is None} == {
        "person",
        "name",
        "probabilities",
        "dominant",
        "confidence",
        "face",
        "voice",
        "disagreement",
        *(f"{kind}{name}" for kind in ("", "face_", "voice_") for name in ("valence", "arousal")),
    }
    assert rows[0]["disagreement"] == 0.25 and rows[1]["disagreement"] is None


def test_json_holds_each_modalitys_opinion():
    timeline = factories.timeline(
        factories.probabilities(2, 1), face=factories.probabilities(2, 2), voice=factories.probabilities(2, 3)
    )
    for number, row in enumerate(strict(tables.json_text(timeline))["rows"]):
        for name in ("probabilities", "face", "voice"):
            assert list(row[name]) == list(EMOTIONS)
            assert list(row[name].values()) == pytest.approx(getattr(timeline, name)[number], abs=1e-6)


def test_valence_and_arousal_come_from_the_probabilities_beside_them():
    faces, voices = factories.probabilities(3, 2), factories.with_gaps(factories.probabilities(3, 3), 1)
    timeline = factories.timeline(factories.probabilities(3, 1), face=faces, voice=voices)
    rows = strict(tables.json_text(timeline))["rows"]
    for row, line in zip(rows, read_csv(timeline), strict=True):
        for kind, column in (("probabilities", ""), ("face", "face_"), ("voice", "voice_")):
            pair = [row[f"{column}valence"], row[f"{column}arousal"]]
            if row[kind] is None:
                assert pair == [None, None]
            else:
                assert pair == pytest.approx(valence_arousal(list(row[kind].values())), abs=1e-5)
        assert [float(line["valence"]), float(line["arousal"])] == [row["valence"], row["arousal"]]
    assert [row["voice_valence"] is None for row in rows] == [False, True, False]


def test_json_holds_the_facts_and_a_summary():
    read = strict(tables.json_text(TIMELINE))
    assert read["emorec"] == __version__
    assert (read["fusion"], read["step"], read["window"], read["duration"]) == ("late", 0.5, 3.0, 2.5)
    assert read["complete"] is True and read["notes"] == list(TIMELINE.notes)
    assert read["summary"]["known_share"] == pytest.approx(0.8)
    shares = sum(read["summary"]["dominant_shares"].values())
    assert 0 < shares < 1 and shares + read["summary"]["unsure_share"] == pytest.approx(1)
    assert read["summary"]["too_little"] is True and read["summary"]["known_seconds"] == 2.0


def test_json_of_nothing_known_parses():
    read = strict(tables.json_text(factories.timeline(np.full((3, 7), np.nan))))
    assert read["summary"] == {
        "known_share": 0,
        "dominant_shares": {},
        "unsure_share": 0,
        "too_little": True,
        "known_seconds": 0,
        "seconds": 3,
        "face_share": 1,
        "speech_share": 0,
        "confidence": None,
        "valence": None,
        "arousal": None,
        "by_prior_share": 0,
    }
    assert read["highlights"] == []


@pytest.mark.parametrize("form", formats.FORMATS)
def test_a_file_holds_what_the_text_says(form, tmp_path):
    path = tmp_path / "new" / f"timeline.{form}"
    formats.FORMATS[form].write(TIMELINE, path)
    content = formats.FORMATS[form].content(TIMELINE)
    if form not in ("eaf", "xlsx"):  # these hold the time at which they were written
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert path.stat().st_size == pytest.approx(len(content), abs=200) if form != "rttm" else content == ""
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["Zoë – 映画 🎬.mp4", "caf\udce9.mp4"])
def test_any_name_of_a_file_can_be_written(name, tmp_path):
    """The second is how Python holds a Latin-1 name, of an old disk; not every reader of JSON takes it."""
    made = factories.timeline(factories.probabilities(1), media={"name": name}, notes=(f"{name} is cut off.",))
    made.choices["baseline"] = name
    for form in ("json", "parquet"):
        formats.FORMATS[form].write(made, tmp_path / form)
    facts = parquet.read_schema(tmp_path / "parquet").metadata[b"emorec"]
    for read in (strict((tmp_path / "json").read_text(encoding="utf-8")), strict(facts.decode())):
        kept = read["media"]["name"]
        assert kept == name.replace("\udce9", "\ufffd") == read["choices"]["baseline"]
        assert read["notes"] == [f"{kept} is cut off."]


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "timeline.csv"
    path.write_text("old")
    formats.FORMATS["csv"].write(TIMELINE, path)
    assert path.read_text().startswith(HEADER)


def test_a_link_stays_and_the_file_that_it_points_to_is_replaced(tmp_path):
    target, link = tmp_path / "disk" / "kept.csv", tmp_path / "timeline.csv"
    target.parent.mkdir()
    link.symlink_to(target)
    for _ in range(2):  # the first time the file is not there yet
        formats.FORMATS["csv"].write(TIMELINE, link)
        assert link.is_symlink() and target.read_text() == tables.csv_text(TIMELINE)
        target.write_text("old")
    assert [path.name for path in target.parent.iterdir()] == ["kept.csv"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions, and no such pipes")
def test_who_may_not_read_a_file_may_not_read_what_replaces_it(tmp_path):
    path = tmp_path / "timeline.csv"
    path.write_text("old")
    for mode in (0o600, 0o664):
        path.chmod(mode)
        formats.FORMATS["csv"].write(TIMELINE, path)
        assert path.stat().st_mode & 0o777 == mode and path.read_text().startswith(HEADER)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
@pytest.mark.parametrize("form", ["csv", "srt"])
def test_a_pipe_is_written_to_and_stays(form, tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # so that a writer need not wait
    try:
        formats.FORMATS[form].write(TIMELINE, path)
        assert os.read(reader, 10**6).decode() == formats.FORMATS[form].content(TIMELINE)
    finally:
        os.close(reader)
    assert path.is_fifo() and list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_half_way_leaves_the_older_one(tmp_path, monkeypatch):
    path = tmp_path / "timeline.csv"
    path.write_text("old")

    def half(_):
        raise OSError(errno.ENOSPC, "No space left on device")  # when what is written goes to the disk

    monkeypatch.setattr(os, "fsync", half)
    with pytest.raises(EmorecError, match=r"timeline\.csv cannot be written \(No space left on device\)"):
        formats.FORMATS["csv"].write(TIMELINE, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("form", formats.FORMATS)
def test_what_is_no_folder_is_named_and_left_alone(form, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(EmorecError, match=f"out.{form} cannot be written"):
        formats.FORMATS[form].write(TIMELINE, tmp_path / "file" / f"out.{form}")
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_folder_where_the_file_should_be_is_left_alone(tmp_path):
    (tmp_path / "timeline.csv").mkdir()
    with pytest.raises(EmorecError, match="cannot be written"):
        formats.FORMATS["csv"].write(TIMELINE, tmp_path / "timeline.csv")
    assert [path.name for path in tmp_path.rglob("*")] == ["timeline.csv"]


def test_a_table_is_ready_for_a_page():
    table = tables.table(TIMELINE)
    assert all(tuple(row) == tables.COLUMNS for row in table)
    assert table[GAP]["happy"] is None and table[GAP]["dominant"] is None and table[GAP]["person"] is None
    assert not any(isinstance(cell, float) and math.isnan(cell) for row in table for cell in row.values())


def everybody():
    """Two persons in a recording of 4 s, the second one only in its second half, and their mean."""
    times = factories.frame_times(4.0)
    times = np.sort(np.concatenate([times, times[times > 2]]), kind="stable")
    persons = np.where(np.diff(times, prepend=-1) > 0, 0, 5)
    features = factories.observations(4.0, factories.seen(times, persons))
    return infer(
        features.with_people(People((Person(number=5, name="Änna"),))), factories.checkpoint(), "face", person="all"
    )


@pytest.mark.parametrize("make", [everybody, lambda: TIMELINE, lambda: factories.timeline(np.zeros((0, 7)))])
def test_json_is_indented_as_by_the_module_json(make):
    timeline = make()
    assert tables.json_text(timeline) == json.dumps(tables.as_dict(timeline), indent=1, allow_nan=False) + "\n"


@pytest.mark.parametrize("form", ["csv", "tsv", "json"])
def test_rows_are_written_one_by_one(form, tmp_path):
    """All rows of a day and many persons at once are gigabytes."""
    one = factories.timeline(factories.probabilities(100), face=factories.probabilities(100, 1))
    people = tuple(dataclasses.replace(one, person=np.full(100, number), name=f"P{number}") for number in range(20))
    timeline = dataclasses.replace(one, people=people)
    formats.FORMATS[form].write(timeline, tmp_path / "first")  # what a timeline keeps is there before
    tracemalloc.start()
    formats.FORMATS[form].write(timeline, tmp_path / "file")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2000 * 600  # bytes; a dict with the values of a row takes 3,000


def test_all_persons_are_rows_of_one_table_in_order_of_time():
    lines = read_csv(everybody())
    assert [(line["start"], line["person"], line["name"]) for line in lines] == [
        (f"{second}.0", *who) for second in range(4) for who in (("0", "person 0"), ("5", "Änna"))
    ]
    assert lines[1]["dominant"] == "" and lines[1]["row_face"] == "0.0" and lines[7]["dominant"]
    assert len(tables.table(everybody(), max_rows=3)) == 3


def test_json_of_all_persons_has_their_summaries_and_the_rows_of_the_mean():
    read, timeline = strict(tables.json_text(everybody())), everybody()
    assert [(row["start"], row["person"]) for row in read["rows"][:3]] == [(0.0, 0), (0.0, 5), (1.0, 0)]
    assert [(person["number"], person["name"]) for person in read["people"]] == [(0, "person 0"), (5, "Änna")]
    assert read["people"][1]["summary"]["face_share"] == pytest.approx(0.5, abs=0.03)
    assert [row["person"] for row in read["mean_rows"]] == [None] * 4
    assert [*read["mean_rows"][3]["probabilities"].values()] == pytest.approx(timeline.probabilities[3], abs=1e-6)
    assert read["summary"]["face_share"] == pytest.approx(1.0, abs=0.03)
