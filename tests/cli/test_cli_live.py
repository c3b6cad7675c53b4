"""``emorec live``: a file in place of the devices, what is printed and saved, and devices that are not there."""

import csv
import json
import re

import numpy as np
import pytest

from emorec.cli import live
from emorec.live import reading_of
from support import factories, two_people
from support.command import emorec
from support.make_media import Audio, Video, record

SECONDS = 4


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    """A drawn picture and a tone."""
    path = tmp_path_factory.mktemp("device") / "device.mp4"
    return record(path, Video(duration=SECONDS, rate=10), Audio(duration=SECONDS, tones=((0.0, SECONDS),)))


def test_faces_are_read_and_saved_with_their_names(tmp_path):
    clip = two_people.record(tmp_path / "clip.mkv")
    saved = ["--save", "monday", "--out", tmp_path / "out", "--format", "csv,json", "--no_plot"]
    code, out, err = emorec("live", "--video_device", clip, "--fusion", "face", *saved)
    assert (code, [line for line in err.splitlines() if "faster than this machine" not in line]) == (0, [])
    assert "delay" in out and "pictures a second" in out
    with open(tmp_path / "out" / "monday.face.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert 5 <= len(rows) <= 7 and {row["dominant"] for row in rows[1:5]} == {"happy"}
    result = json.loads((tmp_path / "out" / "monday.face.json").read_text())
    assert result["media"]["container"] == "live" and result["complete"]
    assert len(json.loads((tmp_path / "out" / "monday.face.people.json").read_text())["persons"]) == 2


def test_ctrl_c_ends_it_and_loses_nothing(device, tmp_path, monkeypatch):
    shown = []

    def show(self, reading, rate):
        shown.append(live.reading_line(reading, rate))
        if reading.time > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(live._Line, "show", show)
    for name in ("twice.csv", "twice.live.csv"):  # the second does not replace the first
        code, out, err = emorec("live", "--video_device", device, "--save", "twice", "--out", tmp_path, "--no_plot")
        assert code == 0 and f"wrote {tmp_path / name}" in out, err
        assert (tmp_path / name).read_text().count("\n") > 1
    assert re.match(r"0:0\d  ❔ no face and no speech  \(delay ", shown[-1])


def test_who_stops_reading_its_lines_does_not_end_a_session_that_is_saved(device, tmp_path, monkeypatch):
    shown = []

    def show(self, reading, rate):
        shown.append(reading.time)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(live._Line, "show", show)
    code, out, err = emorec("live", "--video_device", device, "--save", "kept", "--out", tmp_path, "--no_plot")
    assert code == 0 and f"wrote {tmp_path / 'kept.csv'}" in out and "can no longer be shown (No space" in err
    assert len(shown) == 1 and (tmp_path / "kept.csv").read_text().count("\n") >= SECONDS
    code, out, err = emorec("live", "--video_device", device)  # nothing would be left of this one
    assert code == 2 and "No space left" in err and len(shown) == 2


def test_a_baseline_that_the_session_does_not_reach_does_not_cost_the_session(device, tmp_path):
    arguments = ["--save", "short", "--out", tmp_path, "--no_plot", "--format", "json", "--baseline", "0:10-0:40"]
    code, out, err = emorec("live", "--video_device", device, *arguments)
    assert (code, "counts for the result at the end" in err) == (0, True), err
    assert "before the baseline 0:10-0:40 began" in err
    result = json.loads((tmp_path / "short.json").read_text())
    assert result["rows"] and result["choices"]["baseline"] == "speaker"


def test_a_folder_that_cannot_be_written_is_told_before_the_session(device, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, err = emorec("live", "--video_device", device, "--save", "monday", "--out", tmp_path / "file" / "out")
    assert (code, out) == (2, "") and "file/out cannot be written (" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--video_device", "/dev/video-none"], "There is no camera '/dev/video-none' here ("),
        (["--video_device", "none", "--audio_device", "no-such-microphone"], "There is no microphone 'no-such-"),
        (["--video_device", "none", "--audio_device", "none"], "There is neither a camera nor a microphone"),
        (["--save", "a/b"], "'a/b' cannot be the name of a result"),
        (["--format", "pages"], "The format 'pages' does not exist"),
        (["--window_sec", "0"], "The window of 0 s is out of range"),
        (["--step_sec", "20"], "The step of 20 s is out of range"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(arguments, sentence):
    code, out, err = emorec("live", *arguments)
    assert (code, out) == (2, "") and err.count("\n") == 1 and err.startswith(f"emorec: {sentence}")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--video_device", "sound.wav", "--audio_device", "none"], "sound.wav has no picture that can be decoded, so"),
        (["--video_device", "sound.wav"], "sound.wav has no picture that can be decoded, so"),
        (["--video_device", "none", "--audio_device", "picture.mp4"], "picture.mp4 has no sound that can be decoded"),
    ],
)
def test_a_file_of_the_wrong_kind_is_refused(options, sentence, tmp_path):
    record(tmp_path / "sound.wav", None, Audio(duration=1.0, codec="pcm_s16le"))
    record(tmp_path / "picture.mp4", Video(duration=1.0, rate=10), None)
    files = [tmp_path / option if "." in option else option for option in options]
    code, out, err = emorec("live", *files)
    assert (code, out) == (2, "") and err.count("\n") == 1 and err.startswith(f"emorec: {sentence}")


def test_a_file_that_is_damaged_is_named(device, tmp_path):
    whole = record(tmp_path / "whole.mkv", Video(duration=4.0, rate=10), Audio(duration=4.0)).read_bytes()
    (tmp_path / "half.mkv").write_bytes(whole[: len(whole) // 2])
    arguments = ["--save", "half", "--out", tmp_path, "--no_plot", "--format", "json"]
    code, _, err = emorec("live", "--video_device", tmp_path / "half.mkv", *arguments)
    notes = json.loads((tmp_path / "half.json").read_text())["notes"]
    damaged = [note.partition(" is ")[0] for note in notes if "damaged" in note]
    assert code == 0 and damaged == ["The video", "The audio"]
    assert all(note in err for note in notes)


def test_a_reading_on_one_line():
    assert live.reading_line(reading_of(factories.timeline(np.eye(7)[:0]), None), 0.0).startswith(
        "waiting for the first"
    )
    reading = reading_of(factories.timeline(np.eye(7)[[0, 0]]), 0.24)
    words = live.reading_line(reading, 4.96)
    assert words.startswith("0:02  ") and words.endswith("100%, no speech  (delay 0.2 s, 5.0 pictures a second)")
