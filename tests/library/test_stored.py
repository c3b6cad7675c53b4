"""Timelines from stored rows, means of several recordings, and the list of past analyses."""

import dataclasses
import json
import os
import shutil
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from pyarrow import compute as pc
from pyarrow import parquet as read_parquet

from emorec import library
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import people_file
from emorec.inference.timeline import infer
from emorec.library import items, plain_results, stored
from emorec.library.groups import means
from emorec.library.schema import ANYBODY
from emorec.library.tables import write_tables
from emorec.output import formats, parquet, tables
from emorec.output.chart_data import has_pictures
from emorec.output.highlights import find_highlights
from emorec.output.negative import most_negative
from emorec.output.summary import sentence, summary
from emorec.ui.page.library_handlers import LibraryHandlers
from emorec.ui.shelf import Shelf, search_entries
from support import factories, result_folders


def item(folder, name):
    return next(one for one in items.find(folder).items if one.name == name)


@pytest.mark.parametrize("person", [None, "all"])
def test_a_timeline_comes_back_from_its_rows(tmp_path, person):
    made = result_folders.item(tmp_path, "talk-1", person=person)
    again = stored.timeline(item(tmp_path, "talk-1"))
    for name in ("start", "probabilities", "face", "voice", "evidence", "row_face", "speech_coverage"):
        for before, after in zip(made.each, again.each, strict=True):
            assert getattr(after, name) == pytest.approx(getattr(before, name), nan_ok=True)
    assert again.probabilities == pytest.approx(made.probabilities, nan_ok=True)
    assert tables.table(again) == tables.table(made)
    assert (again.markers, again.duration, again.complete) == (made.markers, made.duration, made.complete)
    assert summary(again).shares == pytest.approx(summary(made).shares)


def test_of_sound_alone_nothing_is_said_about_faces(tmp_path):
    features = result_folders.two_people(media={"name": "note.m4a", "has_video": False})
    (tmp_path / "note-1").mkdir()
    write_tables(tmp_path / "note-1", infer(features, factories.checkpoint(), fusion="voice"), features)
    result_folders.item(tmp_path, "talk-1")
    assert [has_pictures(stored.timeline(item(tmp_path, name))) for name in ("note-1", "talk-1")] == [False, True]
    by_name = {entry.item: entry for entry in Shelf(tmp_path).entries()[0]}
    assert by_name["note-1"].persons is None


def test_a_json_result_is_a_timeline_too(tmp_path):
    features = result_folders.two_people()
    made = infer(features, factories.checkpoint())
    formats.FORMATS["json"].write(made, tmp_path / "talk.json")
    again = stored.timeline(item(tmp_path, "talk"))
    assert again.probabilities == pytest.approx(made.probabilities, abs=1e-6, nan_ok=True)
    assert again.sure.tolist() == made.sure.tolist()


def written(folder, kept, made, features):
    """The timeline that is opened from the tables of a timeline, or from a result in a format."""
    if kept == "tables":
        write_tables(folder / "talk", made, features)
    else:
        formats.FORMATS[kept].write(made, folder / f"talk.{kept}")
    return stored.timeline(item(folder, "talk"))


@pytest.mark.parametrize("kept", ["tables", "json", "parquet"])
@pytest.mark.parametrize("person", [0, "main", "speaker", None])
def test_a_result_about_one_person_is_about_that_person_when_it_is_opened(tmp_path, kept, person):
    features = result_folders.two_people()  # person 0 is out of view from 9 s on
    features, _ = people_file.apply({"persons": [{"number": 0, "name": "Anna"}]}, features)
    made = infer(features, factories.checkpoint(), person=person)
    again = written(tmp_path, kept, made, features)
    assert (again.name, sentence(again)) == (made.name, sentence(made))
    assert formats.FORMATS["eaf"].content(again) == formats.FORMATS["eaf"].content(made)
    assert again.row_names == made.row_names
    if kept == "tables":
        assert again.names == made.names


def test_whoever_is_visible_has_no_name_though_all_rows_show_one_person(tmp_path):
    times = factories.frame_times(12.0)
    features = factories.observations(12.0, factories.seen(times, 0))
    made = infer(features, factories.checkpoint())
    assert written(tmp_path, "json", made, features).name == made.name == "" != made.row_names[-1]


@pytest.mark.parametrize("kept", ["tables", "json", "parquet"])
def test_a_result_of_the_beginning_of_a_sound_file_is_still_one(tmp_path, kept):
    media = {"name": "note.m4a", "has_video": False}
    speech = factories.heard(np.ones(factories.hops(60.0)))
    features = factories.observations(60.0, speech, frames=False, complete=False, duration=3600.0, media=media)
    made = infer(features, factories.checkpoint())
    again = written(tmp_path, kept, made, features)
    assert (again.complete, again.duration, has_pictures(again)) == (False, 3600.0, False)
    with library.open(tmp_path) as found:
        assert found.query("select duration from media").to_pylist() == [{"duration": 3600.0}]


def test_a_json_result_without_a_schema_is_named_as_an_early_one_and_left_out(tmp_path):
    made = infer(result_folders.two_people(), factories.checkpoint())
    for name in ("early", "later", "talk"):
        formats.FORMATS["json"].write(made, tmp_path / f"{name}.json")
    for name, change in (("early", None), ("later", 2)):
        values = json.loads((tmp_path / f"{name}.json").read_text())
        values = {key: value for key, value in values.items() if key != "schema"}
        (tmp_path / f"{name}.json").write_text(json.dumps(values | ({"schema": change} if change else {})))
    with library.open(tmp_path) as found:
        assert found.query("select item from media").to_pylist() == [{"item": "talk"}]
        assert list(found.notes) == [
            plain_results.EARLY.format(name="early.json"),
            plain_results.OTHER.format(name="later.json", found=2, known=1),
        ]


def test_a_parquet_result_that_does_not_tell_its_length_is_as_long_as_its_rows(tmp_path):
    made = infer(result_folders.two_people(), factories.checkpoint())
    formats.FORMATS["parquet"].write(made, tmp_path / "talk.parquet")
    table = read_parquet.read_table(tmp_path / "talk.parquet")
    facts = json.loads(table.schema.metadata[b"emorec"])
    del facts["duration"], facts["complete"]
    read_parquet.write_table(table.replace_schema_metadata({"emorec": json.dumps(facts)}), tmp_path / "talk.parquet")
    again = stored.timeline(item(tmp_path, "talk"))
    assert (again.duration, again.complete) == (made.end[-1], True)


@pytest.mark.parametrize("step", [0.5, 5.0])
@pytest.mark.parametrize("person", [None, "all"])
def test_highlights_of_a_stored_result_do_not_depend_on_its_step(tmp_path, step, person):
    made = result_folders.item(tmp_path, "talk-1", duration=130.0, person=person, step=step)
    again = stored.timeline(item(tmp_path, "talk-1"))
    assert shown(again) == shown(made) != shown(dataclasses.replace(made, grid=None))
    assert most_negative(again) == most_negative(made)
    assert [shown(one) for one in again.people] == [shown(one) for one in made.people]
    with library.open(tmp_path) as found:
        assert found.query("select count(*) as n from windows").to_pylist() == [{"n": len(tables.table(made))}]


def shown(timeline):
    return [(found.start, found.end, found.kind, found.sentence) for found in find_highlights(timeline, None)]


def test_a_grid_that_an_earlier_result_or_a_recording_of_that_name_left_is_passed_over(tmp_path):
    earlier = result_folders.item(tmp_path, "talk-1", step=5.0)
    features = result_folders.two_people(40.0)
    made = infer(features, factories.checkpoint())
    write_tables(tmp_path / "talk-1", made, features)
    again = stored.timeline(item(tmp_path, "talk-1"))
    assert again.grid is None and shown(again) == shown(made) != shown(earlier)
    made = result_folders.item(tmp_path, "talk-2", step=5.0)
    formats.FORMATS["parquet"].write(made, tmp_path / "talk-2" / "grid.parquet")
    assert stored.timeline(item(tmp_path, "talk-2")).grid is None


@pytest.mark.parametrize("fault", ["damaged", "removed", "of one person", "of others"])
def test_a_result_whose_grid_is_of_no_use_is_opened_without_it(tmp_path, fault):
    made = result_folders.item(tmp_path, "talk-1", person="all", step=5.0)
    found, grid = item(tmp_path, "talk-1"), tmp_path / "talk-1" / "grid.parquet"
    if fault == "damaged":
        content = grid.read_bytes()
        grid.write_bytes(content[:200] + bytes(700) + content[900:])
    elif fault == "removed":
        grid.unlink()
    else:
        table = read_parquet.read_table(grid)
        first, number = pc.equal(table["person"], 0), table.schema.get_field_index("person")
        other = pc.add(table["person"], 1).cast(table.schema.field(number).type)
        changed = table.set_column(number, table.schema.field(number), other)
        read_parquet.write_table(table.filter(first) if fault == "of one person" else changed, grid)
    assert items.find_missing(found) is None and items.find_damage(found) is None
    again = stored.timeline(found)
    assert again.grid is None and [one.grid for one in again.people] == [None, None]
    assert again.probabilities == pytest.approx(made.probabilities, nan_ok=True)


@pytest.mark.parametrize("kept", ["tables", "json", "parquet", "older"])
def test_somebody_is_visible_in_the_mean_for_as_long_as_before(tmp_path, kept, monkeypatch):
    times = factories.frame_times(24.0)
    features = factories.observations(24.0, factories.seen(times, times // 2 % 2), factories.heard(np.ones(90)))
    made = infer(features, factories.checkpoint(), person="all")
    monkeypatch.setattr(parquet, "ANYBODY", () if kept == "older" else ANYBODY)
    if kept in ("json", "parquet"):
        formats.FORMATS[kept].write(made, tmp_path / f"talk.{kept}")
    else:
        write_tables(tmp_path / "talk", made, features)
    again = stored.timeline(item(tmp_path, "talk"))
    largest = np.max([one.row_face for one in made.people], axis=0)
    assert largest.mean() < made.row_face.mean() - 0.02
    assert again.row_face == pytest.approx(largest if kept == "older" else made.row_face, abs=1e-6)
    if kept != "older":
        assert again.face_coverage == pytest.approx(made.face_coverage, abs=1e-6)
        assert tables.as_dict(again)["summary"] == tables.as_dict(made)["summary"]


@pytest.mark.parametrize("status", ["failed", "waiting"])
def test_an_earlier_result_keeps_its_length_when_its_recording_is_tried_again(tmp_path, status):
    made = result_folders.item(tmp_path, "anna-1")
    row = {"item": "anna-1", "source": "/operators/own/anna.mp4", "status": status, "error": "It is empty."}
    result_folders.manifest(tmp_path, row)
    (entry,), notes = Shelf(tmp_path).entries()
    assert (entry.duration, entry.persons, entry.name, notes) == (made.duration, 2, "anna.mp4", [])
    with library.open(tmp_path) as found:
        (row,) = found.query("select status, error, duration, persons from media").to_pylist()
    assert row == {"status": status, "error": "It is empty.", "duration": made.duration, "persons": 2}


def test_a_timeline_of_damaged_rows_is_one_sentence(tmp_path):
    result_folders.item(tmp_path, "talk-1")
    broken = item(tmp_path, "talk-1")
    broken = dataclasses.replace(broken, paths=broken.paths | {"windows": broken.paths["people"]})
    with pytest.raises(EmorecError, match="cannot be opened"):
        stored.timeline(broken)


def test_a_result_whose_file_is_gone_is_one_sentence_without_the_folder(tmp_path):
    result_folders.item(tmp_path, "talk-1")
    gone = item(tmp_path, "talk-1")
    gone.paths["windows"].unlink()
    with pytest.raises(EmorecError) as error:
        stored.timeline(gone)
    assert "(No such file or directory)" in str(error.value) and str(tmp_path) not in str(error.value)


def of_shares(happy, **more):
    one = factories.timeline(factories.probabilities(20, int(100 * happy)))
    shares = dict.fromkeys(EMOTIONS, 0.0) | {"happy": happy}
    return dataclasses.replace(summary(one), shares=shares, **more)


def test_means_have_the_interval_of_students_t():
    values = [0.2, 0.4, 0.5, 0.7]
    happy = next(one for one in means([of_shares(value) for value in values]) if one.measure == "happy")
    # 3 degrees of freedom: 3.182 times the standard error.
    half = 3.182 * np.std(values, ddof=1) / 2
    assert (happy.mean, happy.low, happy.high) == pytest.approx((0.45, 0.45 - half, 0.45 + half))
    many = next(
        one for one in means([of_shares(value) for value in np.linspace(0.3, 0.5, 31)]) if one.measure == "happy"
    )
    assert many.high - many.mean == pytest.approx(2.042 * np.std(np.linspace(0.3, 0.5, 31), ddof=1) / 31**0.5, rel=1e-3)


def test_means_of_one_recording_have_no_interval_and_without_evidence_there_are_none():
    assert all(one.low is None for one in means([of_shares(0.3)]))
    assert means([dataclasses.replace(of_shares(0.3), shares={}, valence=None, arousal=None)]) == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Jose\u0301.mp4", "JOSÉ"),
        ("José.mp4", "jose\u0301"),
        ("İstanbul.mp4", "istanbul"),
        ("ISPARTA.mp4", "ısparta"),
        ("Straße.mp4", "STRASSE"),
        ("访谈１２.mp4", "访谈12"),
    ],
)
def test_an_analysis_is_found_however_its_name_is_written(tmp_path, name, words):
    result_folders.batch(tmp_path)
    one = dataclasses.replace(Shelf(tmp_path).entries()[0][0], name=name)
    assert search_entries([one], words, "name") == [one] and search_entries([one], "joze", "name") == []


def test_analyses_are_found_by_name_emotion_and_date_and_sorted(tmp_path):
    result_folders.batch(tmp_path)
    entries, notes = Shelf(tmp_path).entries()
    assert notes == [] and [entry.name for entry in search_entries(entries, "", "date")] == [
        "cara-3.mp4",
        "ben-2.mp4",
        "anna-1.mp4",
    ]
    assert [entry.name for entry in search_entries(entries, "ANNA", "date")] == ["anna-1.mp4"]
    assert [entry.name for entry in search_entries(entries, "2026-11-21", "date")] == ["ben-2.mp4"]
    assert [entry.name for entry in search_entries(entries, "", "length")] == ["cara-3.mp4", "ben-2.mp4", "anna-1.mp4"]
    assert search_entries(entries, entries[0].dominant, "name")[0].name == "anna-1.mp4"
    for share in (0.05, 0.04):
        figures = dataclasses.replace(entries[0].figures, shares={"sad": 0.9, "happy": share})
        one = dataclasses.replace(entries[0], figures=figures)
        # Not only the most common emotion is found.
        assert search_entries([one], "happy", "name") == ([one] if share >= 0.05 else [])
        assert search_entries([one], "sad ANNA", "name") == [one] and search_entries([one], "fear", "name") == []
    little = dataclasses.replace(entries[0], figures=dataclasses.replace(entries[0].figures, shares={"fear": 0.03}))
    assert search_entries([little], "fear", "name") == [little]  # its line names it
    assert search_entries(entries, "nobody", "name") == []
    assert [entry.figures.unsure for entry in search_entries(entries, "", "unsure")] == sorted(
        (entry.figures.unsure for entry in entries), reverse=True
    )


@pytest.mark.parametrize("name", ["..", "../outside", "/etc", "anna-1/../../outside", "", "outside"])
def test_no_name_leads_out_of_the_folder(tmp_path, name):
    result_folders.item(tmp_path, "outside")
    result_folders.batch(tmp_path / "library")
    (tmp_path / "library" / "outside").symlink_to(tmp_path / "outside", target_is_directory=True)
    shelf = Shelf(tmp_path / "library")
    assert len(shelf.entries()[0]) == 3
    with pytest.raises(EmorecError, match="is not in the library"):
        shelf.get(name)


def test_a_file_that_is_a_link_is_no_result(tmp_path):
    result_folders.item(tmp_path, "outside")
    result_folders.batch(tmp_path / "library")
    inside = tmp_path / "library" / "anna-1" / "windows.parquet"
    inside.unlink()
    inside.symlink_to(tmp_path / "outside" / "windows.parquet")
    entries, notes = Shelf(tmp_path / "library").entries()
    assert len(entries) == 2 and "anna-1 is left out" in notes[0]


def test_results_of_one_name_are_told_apart(tmp_path):
    made = {"a-1": 16.0, "a-1-2": 20.0}
    if sys.platform == "linux":  # others have no names that are no UTF-8
        made |= {os.fsdecode(b"a\xff"): 24.0, os.fsdecode(b"a\xfe"): 28.0}
    for name, duration in made.items():
        result_folders.item(tmp_path, name, duration=duration)
    formats.FORMATS["json"].write(infer(result_folders.two_people(32.0), factories.checkpoint()), tmp_path / "a-1.json")
    result_folders.manifest(tmp_path, {"item": "a\ufffd", "source": "b.mp4", "status": "failed"})
    shelf = Shelf(tmp_path)
    listed = {entry.item: entry.duration for entry in shelf.entries()[0]}
    assert listed == {name: shelf.timeline(name).duration for name in listed}
    assert listed["a-1"] == 16.0 and listed["a-1-3"] == 32.0 and sorted(listed.values()) == [*sorted(made.values()), 32]
    with library.open(tmp_path) as found:
        rows = found.query("select item, duration from media where status = 'done'").to_pylist()
        assert {row["item"]: row["duration"] for row in rows} == listed
        assert found.query("select source from media where status = 'failed'").to_pylist() == [{"source": "b.mp4"}]


def test_a_new_result_is_seen(tmp_path):
    result_folders.batch(tmp_path)
    shelf = Shelf(tmp_path)
    assert len(shelf.entries()[0]) == 3
    result_folders.item(tmp_path, "dora-4", seed=7)
    assert len(shelf.entries()[0]) == 4


def test_the_folder_is_read_when_the_tab_is_opened_and_not_at_every_letter(tmp_path, monkeypatch):
    shelf, find, looks = Shelf(tmp_path), items.find, []
    monkeypatch.setattr(items, "find", lambda folder: looks.append(folder) or find(folder))
    handlers = LibraryHandlers(SimpleNamespace(shelf=shelf))
    handlers.look()
    assert "has no results yet" in handlers.show("", "date")
    result_folders.batch(tmp_path)
    handlers.look()
    looks.clear()
    shown = [handlers.show(words, "name") for words in ("", "a", "an", "anna")]
    assert [each.count("data-open") for each in shown] == [3, 3, 1, 1] and looks == []
    result_folders.item(tmp_path, "dora-4", seed=7)
    handlers.look()
    assert handlers.show("dora", "name").count("data-open") == 1 and looks == [tmp_path]
    shutil.rmtree(tmp_path)
    handlers.look()
    assert "cannot be read" in handlers.show("dora", "name")
