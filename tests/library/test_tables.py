"""The four tables of a recording."""

import json

import numpy as np
import pytest
from pyarrow import parquet

from emorec.emotions import EMOTIONS
from emorec.inference.timeline import infer
from emorec.library import schema
from emorec.library.schema import FACTS, KEY, VERSION
from emorec.library.tables import write_tables
from emorec.output import parquet as output_parquet
from emorec.output import tables
from emorec.output.highlights import find_highlights
from emorec.output.markers import with_markers
from emorec.output.summary import summary
from support import factories


def written(folder, timeline, features, model=None):
    write_tables(folder, timeline, features, model)
    names = ("windows", "people", "highlights", "markers")
    return {name: parquet.read_table(folder / f"{name}.parquet") for name in names}


def two_people(duration=24.0):
    times = factories.frame_times(duration)
    persons = np.where(times < 9, 0, 1)
    return factories.observations(duration, factories.seen(times, persons), factories.heard(np.ones(90)))


def test_the_tables_say_what_the_timeline_says(tmp_path):
    features = two_people()
    timeline = with_markers(infer(features, factories.checkpoint()), [(3.0, "begin"), (20.0, "end\nof it")])
    found = written(tmp_path, timeline, features)
    assert all(table.schema.metadata[KEY] == VERSION for table in found.values())
    assert found["windows"]["start"].to_pylist() == timeline.start.tolist()
    assert found["windows"]["happy"].to_numpy() == pytest.approx(timeline.probabilities[:, EMOTIONS.index("happy")])
    assert json.loads(found["windows"].schema.metadata[FACTS])["prior"]["shares"] == list(timeline.prior.shares)
    people = {row["person"]: row for row in found["people"].to_pylist()}
    assert {number: row["name"] for number, row in people.items()} == features.names
    assert people[0]["seconds"] == pytest.approx(9, abs=0.3) and people[1]["seconds"] == pytest.approx(15, abs=0.3)
    for row in people.values():
        assert sum(row[emotion] for emotion in EMOTIONS) + row["unsure"] == pytest.approx(1)
    highlights = found["highlights"].to_pylist()
    assert [row["text"] for row in highlights] == [found.text for found in find_highlights(timeline)] != []
    assert found["markers"].to_pylist() == [{"time": 3.0, "label": "begin"}, {"time": 20.0, "label": "end of it"}]


def test_of_all_persons_each_has_its_own_rows(tmp_path):
    features = two_people()
    timeline = infer(features, factories.checkpoint(), person="all")
    found = written(tmp_path, timeline, features)
    assert len(found["windows"]) == 2 * len(timeline)
    alone = infer(features, factories.checkpoint(), person=1)
    expected = alone.shares()[0]
    row = next(row for row in found["people"].to_pylist() if row["person"] == 1)
    assert {emotion: row[emotion] for emotion in EMOTIONS} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("fusion", ["late", "voice"])
def test_each_person_is_counted_as_in_a_timeline_of_that_person_whoever_the_rows_show(tmp_path, fusion):
    """Person 1 is in view beside person 0, who is shown: no row is about person 1."""
    times = np.repeat(factories.frame_times(12.0), 2)
    faces = factories.seen(times, np.arange(len(times)) % 2)
    features = factories.observations(12.0, faces, factories.heard(np.ones(factories.hops(12.0))))
    model, choices = factories.checkpoint(), {"fusion": fusion, "step": 0.5, "smooth": 1.0, "prior": "even"}
    timeline = infer(features, model, **choices)
    assert 1 not in timeline.person
    for row in written(tmp_path, timeline, features, model)["people"].to_pylist():
        figures = summary(infer(features, model, person=row["person"], **choices))
        assert {emotion: row[emotion] for emotion in EMOTIONS} == pytest.approx(figures.shares, abs=1e-6)
        assert row["known_seconds"] == pytest.approx(figures.known_seconds) and row["known_seconds"] > 5


def test_a_chosen_person_has_the_numbers_of_the_result_whatever_the_baseline(tmp_path):
    """A file with one person is about whoever is chosen, whatever that person is called in it."""
    times = np.repeat(factories.frame_times(12.0), 2)
    faces = factories.seen(times, np.arange(len(times)) % 2)
    features = factories.observations(12.0, faces, factories.heard(np.ones(factories.hops(12.0))))
    model = factories.checkpoint()
    before = tables.as_dict(infer(features, model, person=1, prior="even"))
    (tmp_path / "before.json").write_text(json.dumps(before))
    timeline = infer(features, model, person=0, prior="even", baseline=tmp_path / "before.json")
    found = {row["person"]: row for row in written(tmp_path, timeline, features, model)["people"].to_pylist()}
    assert found[0]["confidence"] == pytest.approx(summary(timeline).confidence, abs=1e-6)
    plain = summary(infer(features, model, person=0, prior="even"))
    assert found[0]["confidence"] != pytest.approx(plain.confidence, abs=1e-4)


def test_all_persons_have_the_prior_that_was_estimated_for_the_rows(tmp_path):
    """Else their numbers could not be compared, and would differ from those of all persons together."""
    features, model = two_people(60.0), factories.checkpoint()
    timeline = infer(features, model, prior="adaptive")
    shares = dict(zip(EMOTIONS, timeline.prior.shares, strict=True))
    rows = {row["person"]: row for row in written(tmp_path, timeline, features, model)["people"].to_pylist()}
    for number, row in rows.items():
        shared = summary(infer(features, model, person=number, prior=shares))
        assert row["confidence"] == pytest.approx(shared.confidence, abs=1e-6)
    own = [summary(infer(features, model, person=number, prior="adaptive")).confidence for number in rows]
    assert own != pytest.approx([row["confidence"] for row in rows.values()], abs=1e-4)


def test_sound_alone_has_no_people(tmp_path):
    features = factories.observations(8.0, factories.heard(np.ones(30)), frames=False)
    found = written(tmp_path, infer(features, factories.checkpoint()), features)
    assert len(found["people"]) == 0 < len(found["windows"])
    assert set(found["windows"]["person"].to_pylist()) == {None}


def test_the_files_that_are_read_are_the_files_that_are_written():
    assert schema.JSON_SCHEMA == tables.JSON_SCHEMA and schema.ANYBODY == output_parquet.ANYBODY
