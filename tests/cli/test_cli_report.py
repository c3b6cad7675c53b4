"""``emorec analyze --report``: the page beside the other results, alone with ``--json``, with hidden faces."""

import json
import re

import pytest

from emorec import cli
from support.make_media import Audio, record

pytestmark = pytest.mark.usefixtures("untrained")

FACE = re.compile(r'src="(data:image/jpeg[^"]*)"')


def analyze(*arguments):
    return cli.main(["analyze", "--no_plot", *map(str, arguments)])


def test_the_report_is_beside_the_results_and_knows_the_names(recording, tmp_path, capsys):
    assert analyze(recording, "--out", "out") == 0
    named = tmp_path / "out" / "two.people.json"
    assert "small picture" not in capsys.readouterr().err  # nobody asked for hidden faces
    people = json.loads(named.read_text(encoding="utf-8"))
    people["persons"][0]["name"] = "Anna"
    (tmp_path / "names.json").write_text(json.dumps(people), encoding="utf-8")
    assert analyze(recording, "--out", "out", "--report", "--people", "names.json") == 0
    assert f"wrote {tmp_path / 'out' / 'two.report.html'}".replace(str(tmp_path) + "/", "") in capsys.readouterr().out
    text = (tmp_path / "out" / "two.report.html").read_text(encoding="utf-8")
    assert "<b>Anna</b>" in text and "<b>person 1</b>" in text
    assert {people["persons"][0]["thumbnail"], people["persons"][1]["thumbnail"]} <= set(FACE.findall(text))


def test_blur_hides_the_faces_of_a_report_without_a_video(recording, tmp_path, capsys):
    assert analyze(recording, "--out", "out", "--report", "--blur") == 0
    people = json.loads((tmp_path / "out" / "two.people.json").read_text(encoding="utf-8"))
    assert not (tmp_path / "out" / "two.report.html").exists()  # the name of a report with faces
    text = (tmp_path / "out" / "two.report.faces-hidden.html").read_text(encoding="utf-8")
    assert len(FACE.findall(text)) >= 2
    assert not {person["thumbnail"] for person in people["persons"]} & set(FACE.findall(text))
    told = capsys.readouterr().err
    assert "shows the faces" not in told and "two.people.json has a small picture of each person in which" in told
    (tmp_path / "out" / "two.report.html").write_text("of an earlier run")
    assert analyze(recording, "--out", "out", "--report", "--blur") == 0
    assert "two.report.html, the report of an earlier run, shows the faces." in capsys.readouterr().err


def test_a_printed_result_leaves_only_the_report(tmp_path, capsys):
    sound = record(tmp_path / "clip.wav", audio=Audio(codec="pcm_s16le", rate=16_000))
    assert analyze(sound, "--json", "--report", "--fusion", "voice") == 0
    assert json.loads(capsys.readouterr().out)["rows"]
    assert [file.name for file in (tmp_path / "emorec-out").glob("clip*")] == ["clip.voice.report.html"]
