"""The command line in a shell: a recording through standard input, short names of options, the line of valence."""

import errno
import io
import json
import shutil
import sys

import numpy as np
import pytest

from emorec import EmorecError, analyzer, cli
from emorec.cli import options, sparkline, standard_input, streams
from emorec.emotions import EMOTIONS
from support import factories, make_media
from support.command import emorec
from support.unread import full, unread


class Piped(io.BytesIO):
    """Standard input with this content."""

    def __init__(self, content, terminal=False):
        super().__init__(content)
        self.buffer, self.isatty = self, lambda: terminal


@pytest.fixture(scope="module")
def tone(tmp_path_factory):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=3, tones=((0, 3),))
    return make_media.record(tmp_path_factory.mktemp("tone") / "tone.wav", audio=audio)


def test_a_recording_comes_through_standard_input(tone, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    written = tmp_path / "emorec-out"
    for names in ({"stdin.csv"}, {"stdin.csv"}):  # the same recording replaces its own result
        monkeypatch.setattr(sys, "stdin", Piped(tone.read_bytes()))
        code, out, error = emorec("analyze", "--no_plot", "-", cwd=tmp_path)
        assert code == 0, error
        assert "3.0 s, 3 rows of 1 s" in out
        assert {path.name for path in written.iterdir() if not path.name.startswith(".")} == names
    assert not list((tmp_path / "temporary").glob("emorec-*"))


def test_standard_input_prints_json_of_the_chosen_step(tone, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Piped(tone.read_bytes()))
    code, out, error = emorec("analyze", "-", "--json", "--step", "0.5", "--window", "1", cwd=tmp_path)
    assert code == 0, error
    result = json.loads(out)
    assert len(result["rows"]) == 6 and result["media"]["name"] == "stdin"


@pytest.mark.parametrize(
    ("piped", "words"), [(Piped(b""), "Nothing came through"), (Piped(b"", terminal=True), "stands for standard input")]
)
def test_standard_input_without_a_recording_is_one_sentence(tmp_path, monkeypatch, piped, words):
    monkeypatch.setattr(sys, "stdin", piped)
    code, out, error = emorec("analyze", "-", cwd=tmp_path)
    assert (code, out, error.count("\n")) == (2, "", 1) and words in error
    assert not list(tmp_path.iterdir())


def test_an_endless_stream_does_not_fill_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(standard_input, "MAX_BYTES", 3 << 20)
    with pytest.raises(EmorecError, match="larger than"):
        standard_input.receive(tmp_path, Piped(bytes(4 << 20)))
    monkeypatch.setattr(standard_input, "KEEP_FREE", 1 << 60)
    with pytest.raises(EmorecError, match="no space"):
        standard_input.receive(tmp_path, Piped(b"x"))


@pytest.fixture
def tones(tone, tmp_path, monkeypatch):
    """Three names of recordings, of which the first is missing, in the working folder."""
    for name in ("a.wav", "b.wav"):
        shutil.copy(tone, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return ["none.wav", "a.wav", "b.wav"]


def test_recordings_are_analysed_although_nobody_reads_what_is_printed(tones, tmp_path):
    with unread("stdout", "stderr"):
        assert cli.main(["analyze", *tones, "--no_plot"]) == 2
    assert {path.name for path in (tmp_path / "emorec-out").glob("*.csv")} == {"a.csv", "b.csv"}


def test_a_video_is_written_although_nobody_reads_what_is_printed(tones, monkeypatch):
    videos = []
    monkeypatch.setattr(analyzer.Analyzer, "save_video", lambda *given, **_: videos.append(given[1].name))
    with unread("stdout"):
        assert cli.main(["analyze", "a.wav", "--json", "--save_video", "a.mp4"]) == 0
    assert videos == ["a.wav"]


def test_a_full_disk_behind_the_output_costs_no_video_and_is_told(tones, monkeypatch, capsys):
    videos = []
    monkeypatch.setattr(analyzer.Analyzer, "save_video", lambda *given, **_: videos.append(given[1].name))
    with full():
        assert cli.main(["analyze", "a.wav", "--out", "o", "--no_plot", "--save_video", "a.mp4"]) == 0
    assert videos == ["a.wav"]
    assert "standard output cannot be written (No space left on device), so nothing" in capsys.readouterr().err


def test_nothing_is_analysed_for_json_that_nobody_reads(tones, monkeypatch):
    analyzed, analyze = [], analyzer.Analyzer.analyze
    monkeypatch.setattr(
        analyzer.Analyzer, "analyze", lambda *given, **more: analyzed.append(given[1].name) or analyze(*given, **more)
    )
    with unread("stdout"):
        assert cli.main(["analyze", *tones[1:], "--json"]) == 0
    assert analyzed == ["a.wav"]


class Unread(io.StringIO):
    """Standard output into a pipe of Windows that nobody reads."""

    def flush(self):
        raise OSError(errno.EINVAL, "Invalid argument")


@pytest.mark.parametrize("given", [["analyze", "a.wav", "b.wav", "--json"], ["analyze", "a.wav"]])
def test_a_pipe_of_windows_that_nobody_reads_is_no_error(tones, monkeypatch, capsys, given):
    monkeypatch.setattr(streams, "ON_WINDOWS", True)
    monkeypatch.setattr(sys, "stdout", Unread())
    assert cli.main(given) == 0
    assert "Invalid argument" not in capsys.readouterr().err


@pytest.mark.parametrize("command", ["analyze", "live"])
def test_the_short_names_of_options_mean_the_same_as_the_long_ones(command):
    given = [command, *(["a.mp4"] if command == "analyze" else [])]
    run = dict.fromkeys(("analyze", "image", "compare", "info", "live", "serve", "batch", "query"), lambda _: 0)
    for short in ("step", "window", *(["smooth"] if command == "analyze" else [])):
        names = (f"--{short}", f"--{short}_sec", f"--{short}-sec")
        values = [vars(options.parse([*given, name, "2"], run))[f"{short}_sec"] for name in names]
        assert values == [2.0] * 3


def rising():
    """Anger, then nothing, then happiness."""
    rows = np.full((12, 7), 0.01)
    rows[:4, EMOTIONS.index("angry")] = rows[8:, EMOTIONS.index("happy")] = 0.94
    rows[4:8] = np.nan
    return factories.timeline(rows)


def test_the_line_of_valence_rises_with_it_and_is_blank_where_nothing_is_known():
    drawn = sparkline.valence(rising())
    assert len(drawn) == 12 and drawn[4:8] == "    "
    assert sparkline.BLOCKS.index(drawn[0]) < 3 < sparkline.BLOCKS.index(drawn[-1])
    assert sparkline.valence(factories.timeline(np.full((4, 7), np.nan))) == ""
    assert len(sparkline.valence(factories.timeline(factories.probabilities(500)))) <= sparkline.WIDTH


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyze", "clip.wav"], "stopped; what was extracted is kept, and the same command continues from there."),
        (["info"], "stopped."),
    ],
)
def test_only_a_command_that_extracts_says_that_it_continues(arguments, said, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(analyzer, "load", stop)
    assert cli.main(arguments) == cli.INTERRUPTED
    assert capsys.readouterr().err == f"emorec: {said}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", None, "no such encoding"])
def test_a_terminal_without_blocks_gets_ascii(encoding):
    drawn = sparkline.valence(rising(), encoding)
    assert drawn.isascii() and sparkline.ASCII.index(drawn[0]) < 3 < sparkline.ASCII.index(drawn[-1])


@pytest.mark.parametrize("terminal", [True, False])
def test_the_summary_has_the_line_on_a_terminal_only(monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    cli.printing.print_summary(rising(), [])
    assert ("valence over time |" in capsys.readouterr().out) == terminal
