"""The command line with the bundled networks: what it writes, prints and returns."""

import contextlib
import csv
import io
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from emorec import cli
from emorec.emotions import EMOTIONS
from emorec.models import pretrained
from emorec.output import formats, tables
from emorec.output.names import RECORDS
from support.command import emorec
from support.make_media import Audio, Video, record


def rows_of(file):
    with open(file, newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A drawn picture and a tone: neither a face nor speech."""
    return record(tmp_path_factory.mktemp("media") / "drawn clip.mp4", Video(duration=6.0), Audio(duration=6.0))


@pytest.fixture(scope="module")
def talking(media):
    return media / "talking_head_12s.mp4"


@pytest.mark.parametrize("fusion", ["late", "intermediate", "face", "voice"])
def test_a_talking_head_gives_a_row_a_step_and_a_picture(talking, tmp_path, fusion):
    plot = tmp_path / "out" / "plot.png"
    code, out, err = emorec(
        "analyze", talking, "--step_sec", 0.5, "--fusion", fusion, "--out", tmp_path / "out", "--save_plot", plot
    )
    assert (code, err) == (0, "")
    rows = rows_of(tmp_path / "out" / f"talking_head_12s{'' if fusion == 'late' else '.' + fusion}.csv")
    assert 23 <= len(rows) <= 25
    assert tuple(rows[0]) == tables.COLUMNS
    assert [float(row["start"]) for row in rows] == [0.5 * k for k in range(len(rows))]
    known = [row for row in rows if row["dominant"]]
    assert len(known) >= (20 if fusion != "voice" else 5)
    for row in known:
        values = [float(row[emotion]) for emotion in EMOTIONS]
        assert sum(values) == pytest.approx(1, abs=1e-4)
        assert row["dominant"] == EMOTIONS[values.index(max(values))]
        if float(row["evidence"]) == 1:
            assert float(row["confidence"]) == pytest.approx(max(values), abs=1e-6)
        assert 1 / 7 <= float(row["confidence"]) <= max(values) + 1e-6
    if fusion != "voice":
        assert all(float(row["face_coverage"]) > 0.9 for row in rows)
    assert plot.read_bytes().startswith(b"\x89PNG") and plot.stat().st_size > 10_000
    assert str(plot) in out


def test_no_face_is_not_neutral(media, tmp_path):
    emorec("analyze", media / "no_face.mp4", "--fusion", "face", "--out", tmp_path, "--no_plot")
    rows = rows_of(tmp_path / "no_face.face.csv")
    assert rows and all(row["dominant"] == "" and row["neutral"] == "" and row["person"] == "" for row in rows)
    assert all(float(row["face_coverage"]) == 0 for row in rows)


def test_silence_says_nothing(media, tmp_path):
    clip = media / "expressions_silent_20s.mp4"
    emorec("analyze", clip, "--fusion", "voice", "--out", tmp_path, "--no_plot")
    assert all(row["dominant"] == "" for row in rows_of(tmp_path / f"{clip.stem}.voice.csv"))
    emorec("analyze", clip, "--fusion", "late", "--out", tmp_path, "--no_plot")
    rows = rows_of(tmp_path / f"{clip.stem}.csv")
    assert all(float(row["speech_coverage"]) == 0 for row in rows)
    assert len({row["dominant"] for row in rows} - {""}) >= 2


def test_a_face_that_leaves_takes_its_emotion_along(media, tmp_path):
    emorec("analyze", media / "face_then_none.mov", "--fusion", "face", "--out", tmp_path, "--no_plot", "--json")
    rows = rows_of(tmp_path / "face_then_none.face.csv")
    assert rows[0]["dominant"] and not rows[-1]["dominant"]


def test_a_voice_alone_is_heard(shared, tmp_path):
    clip = shared / "data" / "RAVDESS" / "Actor_02" / "03-01-05-02-01-01-02.opus"
    code, _, _ = emorec("analyze", clip, "--out", tmp_path, "--no_plot", "--step_sec", 1)
    rows = rows_of(tmp_path / f"{clip.stem}.csv")
    assert code == 0
    assert any(row["dominant"] for row in rows)
    assert all(float(row["face_coverage"]) == 0 and row["person"] == "" for row in rows)


def test_json_goes_to_standard_output_and_nothing_is_written(recording, tmp_path):
    code, out, err = emorec("analyze", recording, "--json", cwd=tmp_path)
    assert code == 0
    result = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert len(result["rows"]) == 6
    assert all(row["probabilities"] is None for row in result["rows"])
    assert result["duration"] == pytest.approx(6, abs=0.1)
    assert not list(tmp_path.iterdir())


def test_formats_and_the_plot_go_to_the_folder(recording, tmp_path):
    code, out, _ = emorec("analyze", "--media_path", recording, "--format", "csv,json", cwd=tmp_path)
    assert code == 0
    written = {path.name for path in (tmp_path / "emorec-out").iterdir()}
    assert written == {"drawn clip.csv", "drawn clip.json", "drawn clip.png", RECORDS}
    assert "neither a face nor speech" in out


@pytest.mark.parametrize("spelling", ["--step_sec", "--step-sec"])
def test_options_take_underscores_and_hyphens(recording, tmp_path, spelling):
    dashes = spelling.replace("step_sec", "no_plot").replace("step-sec", "no-plot")
    assert emorec("analyze", recording, spelling, "2", dashes, "--out", tmp_path)[0] == 0
    assert len(rows_of(tmp_path / "drawn clip.csv")) == 3


def test_progress_is_quiet_in_a_pipe(recording, tmp_path):
    assert emorec("analyze", recording, "--no_plot", "--out", tmp_path)[2] == ""


def test_progress_shows_speed_and_time_left_on_a_terminal(recording, tmp_path):
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with ThreadPoolExecutor() as reading, open(theirs, "w") as terminal:
        shown = reading.submit(_read_all, ours)
        with contextlib.redirect_stderr(terminal):
            code = cli.main(["analyze", str(recording), "--no_plot", "--out", str(tmp_path)])
    os.close(ours)
    assert code == 0
    assert b"100%" in shown.result() and b"left" in shown.result() and b"s/s" in shown.result()


def _read_all(handle):
    shown = b""
    while chunk := _read(handle):
        shown += chunk
    return shown


def _read(handle):
    try:
        return os.read(handle, 4096)
    except OSError:  # how Linux reports that the other end is closed
        return b""


BAD_FILES = {
    "missing.mp4": (None, "missing.mp4"),
    "empty.mp4": (b"", "empty"),
    "notes.txt": (b"just words, nothing else\n" * 40, "notes.txt"),
    "archive.mp4": (b"PK\x03\x04" + bytes(2000), "archive.mp4"),
    "noise.mkv": (bytes(range(256)) * 64, "noise.mkv"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_recording_is_one_sentence(tmp_path, name):
    content, word = BAD_FILES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert_refused(emorec("analyze", tmp_path / name, "--out", tmp_path / "out"), word)
    assert not (tmp_path / "out").exists()


def test_a_directory_and_a_picture_are_refused(tmp_path):
    assert_refused(emorec("analyze", tmp_path), "director")
    picture = tmp_path / "picture.png"
    made = io.BytesIO()
    from PIL import Image

    Image.new("RGB", (64, 64), "red").save(made, "PNG")
    picture.write_bytes(made.getvalue())
    assert_refused(emorec("analyze", picture), "picture")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--step_sec", "0.01"], "step"),
        (["--step_sec", "11"], "step"),
        (["--step_sec", "inf"], "step"),
        (["--window_sec", "0"], "window"),
        (["--fusion", "both"], "fusion"),
        (["--prior", "nowhere.json"], "prior"),
        (["--baseline", "room"], "baseline"),
        (
            ["--format", "docx"],
            f"choose from {', '.join(formats.FORMATS)}, all.",
        ),
        (["--locale", "fr"], "The locale 'fr' does not exist; choose from en, de."),
        (["--save_plot", "plot.gif"], "gif"),
        (["--device", "tpu"], "device"),
        (["--person", "7"], "person"),
        (["--model_path", "nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence(recording, tmp_path, options, word):
    assert_refused(
        emorec("analyze", recording, "--no_plot" if word != "gif" else "--json", *options, cwd=tmp_path), word
    )


def test_no_recording_is_refused():
    assert_refused(emorec("analyze"), "at least one recording")


@pytest.mark.parametrize("damage", ["missing tensor", "wrong shape", "unknown key"])
def test_a_checkpoint_that_is_none_is_named(recording, tmp_path, damage):
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "checkpoint"
    shutil.copytree(pretrained.BUNDLED, folder)
    tensors = load_file(folder / "model.safetensors")
    if damage == "missing tensor":
        del tensors["face.head.bias"]
    elif damage == "wrong shape":
        tensors["face.head.bias"] = tensors["face.head.bias"][:3].copy()
    else:
        config = json.loads((folder / "config.json").read_text())
        config["networks"]["face"]["depth"] = 3
        (folder / "config.json").write_text(json.dumps(config))
    save_file(tensors, folder / "model.safetensors")
    word = "networks.face.depth" if damage == "unknown key" else "face.head.bias"
    assert_refused(emorec("analyze", recording, "--model_path", folder), word)


def test_a_cut_off_recording_is_analysed_and_said(tmp_path):
    whole = record(tmp_path / "whole.mkv", Video(duration=8.0), Audio(duration=8.0)).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) * 2 // 3])
    code, _, err = emorec("analyze", cut, "--out", tmp_path, "--no_plot")
    assert code == 0
    assert "note:" in err and 3 <= len(rows_of(tmp_path / "cut.csv")) <= 6


def test_info_shows_what_is_in_use_and_how_good_it_is():
    code, out, err = emorec("info")
    assert (code, err) == (0, "")
    config = json.loads((pretrained.BUNDLED / "config.json").read_text())
    for protocol in ("ferplus", "ravdess-voice", "javanese-av"):
        for value in config["evaluation"][protocol]["results"].values():
            assert f"{value:.1%}" in out
    assert all(limit in out for limit in config["training"]["limits"])
    assert "everyday  neutral 65%, happy 15%" in out and "adaptive  estimated from the recording" in out


def assert_refused(done, word):
    code, out, err = done
    assert code == 2, err
    assert out == ""
    assert err.startswith("emorec: ") and err.count("\n") == 1, err
    assert word in err
    assert "Traceback" not in err
