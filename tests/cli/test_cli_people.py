"""Persons on the command line, within this process: all of them, by name, and the names file."""

import base64
import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from emorec import cli
from emorec.extraction import people_changes
from support.make_media import Audio, record

pytestmark = pytest.mark.usefixtures("untrained")


def analyze(*arguments):
    return cli.main(["analyze", "--no_plot", "--out", "out", *map(str, arguments)])


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_all_persons_are_rows_of_one_table_beside_their_names_file(recording, tmp_path, capsys):
    assert analyze(recording, "--person", "all", "--fusion", "face") == 0
    found = rows(tmp_path / "out" / "two.face.all.csv")
    assert len(found) == 12 and {row["name"] for row in found} == {"person 0", "person 1"}
    people = json.loads((tmp_path / "out" / "two.face.all.people.json").read_text(encoding="utf-8"))
    assert [round(person["seconds"]) for person in people["persons"]] == [6, 3]
    printed = capsys.readouterr().out
    assert "person 1: " in printed and "face seen 50% of the time" in printed and "two.face.all.people.json" in printed


def test_a_names_file_has_a_small_picture_of_every_person(recording, tmp_path):
    assert analyze(recording) == 0
    people = json.loads((tmp_path / "out" / "two.people.json").read_text(encoding="utf-8"))
    for person in people["persons"]:
        content = base64.b64decode(person["thumbnail"].removeprefix("data:image/jpeg;base64,"))
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == (64, 64) and len(content) < 5000
            assert np.asarray(picture.convert("L")).std() > 30  # it shows something


def test_an_edited_names_file_is_used_and_a_person_is_chosen_by_name(recording, tmp_path):
    assert analyze(recording) == 0
    names = tmp_path / "out" / "two.people.json"
    content = json.loads(names.read_text(encoding="utf-8"))
    content["persons"][1]["name"] = "Eva"
    names.write_text(json.dumps(content))
    assert analyze(recording, "--people", names, "--person", "Eva", "--fusion", "face") == 0
    found = rows(tmp_path / "out" / "two.face.Eva.csv")
    assert {row["name"] for row in found} == {"Eva"} and found[0]["person"] == "1" and found[5]["person"] == ""
    again = json.loads((tmp_path / "out" / "two.face.Eva.people.json").read_text(encoding="utf-8"))
    assert [person["name"] for person in again["persons"]] == ["", "Eva"]


def test_what_a_person_typed_into_a_names_file_stays(recording, tmp_path, capsys):
    assert analyze(recording) == 0
    names = tmp_path / "out" / "two.people.json"
    fresh = json.loads(names.read_text(encoding="utf-8"))
    assert analyze(recording, "--start", "1", "--end", "5") == 0  # a file that nobody changed follows the part
    assert json.loads(names.read_text(encoding="utf-8"))["persons"][0]["seconds"] == 4.0
    assert "stays as it is" not in capsys.readouterr().err
    fresh["persons"][0]["name"], fresh["persons"][1]["name"] = "Anna", "Eva"
    names.write_text(typed := json.dumps(fresh))
    for arguments, told in (
        ([], True),
        (["--people", names], False),
        (["--people", names, "--start", "4", "--end", "6"], False),
    ):
        assert analyze(recording, *arguments) == 0
        assert names.read_text() == typed
        printed, err = capsys.readouterr()
        assert ("two.people.json holds names or changes of yours, and stays as it is" in err) == told
        assert "two.people.json" not in printed and "two.csv" in printed
    # What came from another file follows that one, but is not lost to a run without names.
    names.unlink()
    for name in ("Anna", "Anne"):
        fresh["persons"][0]["name"] = name
        (tmp_path / "names.json").write_text(json.dumps(fresh))
        assert analyze(recording, "--people", "names.json") == 0
        assert json.loads(names.read_text(encoding="utf-8"))["persons"][0]["name"] == name
    assert analyze(recording) == 0
    assert json.loads(names.read_text(encoding="utf-8"))["persons"][0]["name"] == "Anne"


def test_persons_who_were_described_without_names_are_not_lost_to_a_run_without_them(recording, tmp_path, capsys):
    assert analyze(recording) == 0
    names = tmp_path / "out" / "two.people.json"
    content = json.loads(names.read_text(encoding="utf-8"))
    content["persons"][0]["number"], content["persons"][1]["number"] = 8, 9
    (tmp_path / "numbers.json").write_text(json.dumps(content))
    assert analyze(recording, "--people", "numbers.json") == 0
    written = names.read_text(encoding="utf-8")
    assert {person["number"] for person in json.loads(written)["persons"]} == {8, 9}
    assert "stays as it is" not in capsys.readouterr().err
    assert analyze(recording) == 0
    assert names.read_text(encoding="utf-8") == written
    assert "two.people.json holds names or changes of yours, and stays as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "changed"),
    [
        (None, (False, False)),
        ('{"persons": [{"number": 0, "name": ""}]}', (False, False)),
        ('{"persons": [{"number": 0, "name": "Anna"}]}', (True, True)),
        ('{"persons": [{"number": 0, "name": "Anna",}]}', (True, True)),
        ('{"persons": [{"number": 1, "name": ""}], "digest": "of another number"}', (True, True)),
        ([{"number": 0, "name": ""}], (False, False)),
        ([{"number": 0, "name": "Anna"}], (False, True)),
    ],
)
def test_what_counts_as_changed_in_a_names_file(content, changed, tmp_path):
    path = tmp_path / "names.json"
    if isinstance(content, list):
        content = json.dumps({"persons": content, "digest": people_changes.digest(content)})
    if content is not None:
        path.write_text(content)
    assert (people_changes.is_changed(path), people_changes.is_changed(path, named=True)) == changed


def test_one_person_has_no_names_file_unless_one_was_given(tmp_path):
    sound = record(tmp_path / "tone.wav", audio=Audio(duration=2.0, codec="pcm_s16le"))
    assert analyze(sound) == 0
    assert not (tmp_path / "out" / "tone.people.json").exists()
    (tmp_path / "names.json").write_text('{"persons": [{"number": 0, "name": "Anna"}]}')
    assert analyze(sound, "--people", tmp_path / "names.json") == 0
    assert json.loads((tmp_path / "out" / "tone.people.json").read_text())["persons"] == []


@pytest.mark.parametrize(
    ("content", "word"),
    [('{"persons": 3}', "is not a names file"), ("start,end", "it is not JSON"), (None, "No such file")],
)
def test_a_wrong_names_file_is_one_sentence_before_anything_is_read(content, word, tmp_path, capsys):
    if content is not None:
        (tmp_path / "names.json").write_text(content)
    assert analyze("missing.mp4", "--people", tmp_path / "names.json") == 2
    error = capsys.readouterr().err
    assert word in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_an_unknown_name_lists_the_known_ones_and_writes_nothing(recording, tmp_path, capsys):
    assert analyze(recording, "--person", "Bob") == 2
    assert "no person called 'Bob' in this recording; it has person 0 and person 1." in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_names_file_that_makes_one_of_two_in_a_picture_is_refused(recording, tmp_path, capsys):
    assert analyze(recording) == 0
    names = tmp_path / "out" / "two.people.json"
    content = json.loads(names.read_text(encoding="utf-8"))
    for person in content["persons"]:
        person["name"] = "Anna"
    names.write_text(json.dumps(content))
    assert analyze(recording, "--people", names) == 2
    assert "two faces in one picture are listed as this person" in capsys.readouterr().err
