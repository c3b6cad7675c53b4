"""``python -m emorec analyze LINK``, from the link to the files."""

import json
import os
import subprocess
import sys

import pytest

from emorec import EmorecError, analyzer, cli, download
from support import factories
from support.command import emorec
from support.loopback_media import serving
from support.make_media import Audio, Video, record
from support.paths import ROOT


def analyze(*arguments, **environment):
    command = [sys.executable, "-m", "emorec", "analyze", *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=500)


def test_a_link_is_analysed_and_the_result_says_where_it_is_from(tmp_path, monkeypatch):
    whole = record(tmp_path / "whole.mp4", Video(duration=2.0), Audio(duration=2.0)).read_bytes()
    page = b"<html><head><title>A short talk</title></head><body><video src='/whole.mp4'></video></body></html>"
    with serving({"/talk": ("text/html", page), "/whole.mp4": ("video/mp4", whole)}) as server:
        link = f"{server.address}/talk"
        (tmp_path / "temporary").mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
        out = ("--out", tmp_path / "out", "--format", "csv,json", "--no_plot")
        code, _, errors = emorec("analyze", link, *out, EMOREC_ALLOW_HOSTS=f"localhost:{server.port}")
    assert code == 0, errors
    assert sorted(path.name for path in (tmp_path / "out").glob("[!.]*")) == ["A short talk.csv", "A short talk.json"]
    media = json.loads((tmp_path / "out" / "A short talk.json").read_text())["media"]
    assert media["title"] == "A short talk" and media["source"] == link
    assert list((tmp_path / "temporary").glob("emorec-*")) == []


@pytest.mark.parametrize(("more", "sound_only"), [([], True), (["--save_video", "x.mp4"], False)])
def test_of_a_link_only_the_sound_is_fetched_if_no_picture_is_needed(more, sound_only, monkeypatch, tmp_path, capsys):
    asked = []

    def fetch(*_, sound_only, **__):
        asked.append(sound_only)
        raise EmorecError("Enough is known.")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(download, "fetch", fetch)
    monkeypatch.setattr(analyzer, "load", lambda *_: analyzer.Analyzer(factories.checkpoint(), None))
    assert cli.main(["analyze", "https://example.com/a.mp4", "--fusion", "voice", *more]) == 2
    assert asked == [sound_only], capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["http://127.0.0.1:9/a.mp4"], {}, "not public"),
        (["file:///etc/passwd"], {}, "must begin with http"),
        (["https://example.com/a.mp4"], {"EMOREC_LINKS": "off"}, "turned off"),
        (["https://example.com/a.mp4", "--max_height", "0"], {}, "--max_height"),
        (["https://example.com/a.mp4"], {"EMOREC_MAX_MB": "few"}, "EMOREC_MAX_MB"),
    ],
)
def test_a_link_that_cannot_be_used_is_one_sentence(arguments, environment, expected, monkeypatch, capsys):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cli.main(["analyze", *arguments]) == 2
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert expected in last and "Traceback" not in last
