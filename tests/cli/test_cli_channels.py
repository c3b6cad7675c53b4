"""A call whose channels are split, on the command line, within this process."""

import csv
import json
import re

import numpy as np
import pytest

from emorec import analyzer, cli
from support import factories
from support.make_tracks import RATE, record_tracks, speech

SECONDS = 24.0


@pytest.fixture(autouse=True)
def untrained(monkeypatch, tmp_path, tmp_path_factory):
    """Untrained networks; each call is only extracted once."""
    monkeypatch.setattr(analyzer, "load", lambda *_: analyzer.Analyzer(factories.checkpoint(), None))
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path_factory.getbasetemp() / "cache-channels"))
    monkeypatch.chdir(tmp_path)


def call(path, left_until=SECONDS / 2):
    """The left one speaks until a time (s), then the right one."""
    voice, other = speech(SECONDS), 0.7 * np.roll(speech(SECONDS), 5 * RATE)
    late = np.arange(len(voice)) >= left_until * RATE
    return record_tracks(path, [np.stack([np.where(late, 0, voice), np.where(late, other, 0)])])


def analyze(*arguments):
    return cli.main(["analyze", "--no_plot", "--out", "out", *map(str, arguments)])


def rows(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_call_has_rows_and_speakers_for_both_voices(tmp_path, capsys):
    formats = "csv,rttm,textgrid,eaf,json"
    assert analyze(call(tmp_path / "call.wav"), "--channel", "split", "--format", formats) == 0
    found = rows(tmp_path / "out" / "call.all.csv")
    assert len(found) == 2 * SECONDS and {row["name"] for row in found} == {"voice left", "voice right"}
    for name, heard in (("voice left", found[:16]), ("voice right", found[-16:])):
        assert {row["name"] for row in heard if float(row["row_speech"]) > 0.5} == {name}
    speakers = {line.split()[7] for line in (tmp_path / "out" / "call.all.rttm").read_text().splitlines()}
    assert speakers == {"voice_left", "voice_right"}
    for suffix in ("TextGrid", "eaf"):
        assert "voice right" in (tmp_path / "out" / f"call.all.{suffix}").read_text(encoding="utf-8")
    result = json.loads((tmp_path / "out" / "call.all.json").read_text(encoding="utf-8"))
    assert [person["name"] for person in result["people"]] == ["voice left", "voice right"]
    assert result["choices"]["channel"] == "split"
    assert re.search(r"voice right: .*voice heard \d+% of the time", capsys.readouterr().out)


def test_one_voice_is_chosen_where_no_picture_is_decoded(tmp_path):
    path = call(tmp_path / "call.wav")
    chosen = ["--channel", "split", "--fusion", "voice", "--person", "voice right"]
    assert analyze(path, *chosen) == 0
    found = rows(tmp_path / "out" / "call.voice.voice-right.csv")
    assert len(found) == SECONDS and {row["name"] for row in found} == {"voice right"}


def test_a_person_who_cannot_be_chosen_without_pictures_is_said(tmp_path):
    path = call(tmp_path / "call.wav")
    assert analyze(path, "--fusion", "voice", "--person", "Anna", "--format", "json") == 0
    result = json.loads((tmp_path / "out" / "call.voice.json").read_text(encoding="utf-8"))
    assert any("choice of the person 'Anna' was not used" in note for note in result["notes"])
    assert result["choices"]["person"] is None


def test_a_voice_is_named_in_the_names_file_and_chosen_by_its_name(tmp_path):
    path = call(tmp_path / "call.wav")
    assert analyze(path, "--channel", "split") == 0
    names = tmp_path / "out" / "call.all.people.json"
    content = json.loads(names.read_text(encoding="utf-8"))
    persons = [(person["number"], person["thumbnail"]) for person in content["persons"]]
    assert persons == [(100001, None), (100002, None)]
    content["persons"][1]["name"] = "Ina"
    names.write_text(json.dumps(content))
    assert analyze(path, "--channel", "split", "--people", names, "--person", "Ina") == 0
    found = rows(tmp_path / "out" / "call.Ina.csv")
    assert {row["name"] for row in found} == {"Ina"} and {row["person"] for row in found} == {"100002"}
    assert not any(float(row["row_speech"]) for row in found[:10]) and found[-1]["dominant"]


def test_the_same_sound_in_both_channels_is_one_voice_and_a_note_says_so(tmp_path, capsys):
    path = record_tracks(tmp_path / "twice.wav", [np.stack([speech(SECONDS)] * 2)])
    assert analyze(path, "--channel", "split") == 0
    assert "Both channels hold the same voices" in capsys.readouterr().err
    assert len(rows(tmp_path / "out" / "twice.csv")) == SECONDS


def test_a_report_and_a_chart_have_a_lane_for_each_voice(tmp_path):
    path = call(tmp_path / "call.wav")
    assert cli.main(["analyze", str(path), "--out", "out", "--channel", "split", "--report"]) == 0
    report = (tmp_path / "out" / "call.all.report.html").read_text(encoding="utf-8")
    assert "voice left" in report and "voice right" in report
    assert (tmp_path / "out" / "call.all.png").stat().st_size > 10_000
