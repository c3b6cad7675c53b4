"""The command line within this process, over untrained networks: several recordings, names of results, bad input."""

import dataclasses
import errno
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emorec import analyzer, cli, files
from emorec.emotions import EMOJI, EMOTIONS
from emorec.inference import prior as priors
from emorec.output import formats, workbook
from emorec.output.names import RECORDS
from support import factories
from support.make_media import Audio, Video, record
from support.paths import ROOT


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """``same/clip.mkv`` of 2 s, ``same/clip.wav`` of 3 s, ``other/clip.wav`` of 4 s, ``third/clip.wav`` of 1 s."""
    folder = tmp_path_factory.mktemp("media")
    for name in ("same", "other", "third"):
        (folder / name).mkdir()
    record(folder / "same" / "clip.mkv", Video(duration=2.0, rate=5), Audio(duration=2.0, codec="pcm_s16le"))
    for name, seconds in (("same", 3.0), ("other", 4.0), ("third", 1.0)):
        record(folder / name / "clip.wav", audio=Audio(duration=seconds, codec="pcm_s16le"))
    return folder


@pytest.fixture(autouse=True)
def untrained(monkeypatch, tmp_path):
    """Untrained networks in place of the ones that a command would load; commands run in an empty folder."""
    tiny = analyzer.Analyzer(factories.checkpoint(), None)
    monkeypatch.setattr(analyzer, "load", lambda *_: tiny)
    monkeypatch.chdir(tmp_path)


def analyze(*arguments):
    return cli.main(["analyze", "--no_plot", *map(str, arguments)])


def lengths(folder):
    """{name of a CSV file: number of its rows}, which is the length of its recording in seconds."""
    return {file.name: len(file.read_text().splitlines()) - 1 for file in sorted(folder.glob("*.csv"))}


def test_recordings_of_one_stem_are_both_kept(media, tmp_path):
    assert analyze(media / "same" / "clip.mkv", media / "same" / "clip.wav", "--out", "out") == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 2, "clip.wav.csv": 3}


def test_a_later_command_replaces_only_results_of_the_same_recording(media, tmp_path):
    for name in ("same", "other", "third", "other", "same", "third"):
        assert analyze(media / name / "clip.wav", "--out", "out", "--format", "csv,json") == 0
        assert lengths(tmp_path / "out")["clip.csv"] == 3
    assert lengths(tmp_path / "out") == {"clip.csv": 3, "clip.wav.csv": 4, "clip.wav-2.csv": 1}
    assert analyze(media / "other" / "clip.wav", "--out", "out", "--step_sec", "2") == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 3, "clip.wav.csv": 2, "clip.wav-2.csv": 1}


def test_the_same_recording_by_another_path_is_the_same(media, tmp_path):
    (tmp_path / "link").symlink_to(media / "same")
    assert analyze(media / "same" / "clip.wav", "--out", "out") == analyze("link/clip.wav", "--out", "out") == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 3}


def test_a_file_that_emorec_did_not_write_is_left_alone(media, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "clip.csv").write_text("my own")
    assert analyze(media / "same" / "clip.wav", "--out", "out") == 0
    assert (tmp_path / "out" / "clip.csv").read_text() == "my own"
    assert lengths(tmp_path / "out")["clip.wav.csv"] == 3


def test_a_name_with_a_fusion_is_not_taken_for_another_recording(media, tmp_path):
    face = record(tmp_path / "clip.face.wav", audio=Audio(duration=1.0, codec="pcm_s16le"))
    assert analyze(media / "same" / "clip.wav", "--out", "out", "--fusion", "face") == 0
    assert analyze(face, "--out", "out") == 0
    assert lengths(tmp_path / "out") == {"clip.face.csv": 3, "clip.face.wav.csv": 1}


def test_a_chart_is_named_like_the_other_results(media, tmp_path):
    for name in ("same", "other"):
        arguments = ["analyze", str(media / name / "clip.wav"), "--out", "out", "--fusion", "voice"]
        assert cli.main(arguments) == 0
    written = {file.name for file in (tmp_path / "out").iterdir()} - {RECORDS}
    assert written == {"clip.voice.csv", "clip.voice.png", "clip.wav.voice.csv", "clip.wav.voice.png"}


def test_one_bad_recording_does_not_stop_the_others(media, tmp_path, capsys):
    (tmp_path / "empty.mp4").write_bytes(b"")
    clips = [media / "same" / "clip.wav", media / "other" / "clip.wav"]
    code = analyze("missing.mp4", clips[0], "empty.mp4", "file:///etc/passwd", clips[1], "--out", "out")
    out, err = capsys.readouterr()
    assert code == 2
    assert lengths(tmp_path / "out") == {"clip.csv": 3, "clip.wav.csv": 4}
    sentences = [line for line in err.splitlines() if "note:" not in line]
    assert len(sentences) == 3 and all(line.startswith("emorec: ") for line in sentences)
    assert [name in line for name, line in zip(("missing.mp4", "empty.mp4", "passwd"), sentences, strict=True)]
    assert [line for line in out.splitlines() if line.endswith(":")] == [f"{clip}:" for clip in clips]


def test_a_system_error_at_one_recording_does_not_stop_the_others(media, tmp_path, capsys, monkeypatch):
    tiny, whole = analyzer.load(), analyzer.Analyzer.analyze

    def fails_once(self, path, *given, **choices):
        if path.suffix == ".mkv":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(self, path, *given, **choices)

    monkeypatch.setattr(type(tiny), "analyze", fails_once)
    assert analyze(media / "same" / "clip.mkv", media / "same" / "clip.wav", "--out", "out") == 2
    assert "clip.mkv cannot be used (Permission denied)" in capsys.readouterr().err
    assert lengths(tmp_path / "out") == {"clip.csv": 3}


def test_json_of_several_is_one_line_each(media, capsys):
    assert analyze(media / "same" / "clip.wav", media / "other" / "clip.wav", "--json") == 0
    assert [len(json.loads(line)["rows"]) for line in capsys.readouterr().out.splitlines()] == [3, 4]


def test_recordings_may_stand_between_options_and_count_once(media, tmp_path):
    first, second = media / "same" / "clip.wav", media / "other" / "clip.wav"
    assert analyze(first, "--out", "out", second, first, "--media_path", first) == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 3, "clip.wav.csv": 4}


def test_behind_two_hyphens_everything_is_a_recording(media, tmp_path):
    (tmp_path / "-x.wav").write_bytes((media / "same" / "clip.wav").read_bytes())
    assert analyze(media / "other" / "clip.wav", "--out", "out", "--", "-x.wav") == 0
    assert lengths(tmp_path / "out") == {"-x.csv": 3, "clip.csv": 4}


@pytest.mark.parametrize("arguments", [["--no_such"], ["--no_such", "3"], ["clip.wav", "--step_sec", "1", "--no_such"]])
def test_an_unknown_option_is_named(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        analyze(*arguments)
    assert ended.value.code == 2 and "unrecognized arguments: --no_such" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "option", "meant"),
    [
        ("analyze", "--outdir", "--out"),
        ("batch", "--windo_sec=2", "--window_sec"),
        ("live", "--fuzion", "--fusion"),
        ("batch", "--rays", "--ray_address"),
    ],
)
def test_an_option_that_looks_like_the_unknown_one_is_proposed(command, option, meant, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, option, *(["--out", "out"] if command == "batch" else [])])
    err = capsys.readouterr().err
    assert f"emorec {command}: error: unrecognized arguments: {option}; did you mean {meant}?" in err


def test_out_with_one_hyphen_is_not_taken_for_a_folder_ut(capsys):
    with pytest.raises(SystemExit):
        analyze("clip.wav", "-out", "results")
    assert "unrecognized arguments: -out; did you mean --out?" in capsys.readouterr().err


def test_the_folder_of_results_is_also_named_by_o(media, tmp_path):
    assert analyze(media / "same" / "clip.wav", "-o", "out") == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 3}


def test_one_chart_for_several_recordings_is_refused(media, tmp_path, capsys):
    clips = [str(media / name / "clip.wav") for name in ("same", "other")]
    assert cli.main(["analyze", *clips, "--save_plot", "plot.svg"]) == 2
    assert "--save_plot names one file" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_numbers_with_a_comma_and_formats_in_capitals_are_understood(media, tmp_path):
    assert analyze(media / "same" / "clip.wav", "--out", "out", "--step_sec", "0,5", "--format", "CSV, Json") == 0
    assert lengths(tmp_path / "out") == {"clip.csv": 6}
    assert (tmp_path / "out" / "clip.json").exists()


def test_formats_that_are_given_one_by_one_are_all_written(media, tmp_path):
    clip = str(media / "same" / "clip.wav")
    assert analyze(clip, "--out", "out", "--format", "tsv", "--format", "srt,vtt") == 0
    assert {path.name for path in (tmp_path / "out").glob("clip.*")} == {"clip.tsv", "clip.srt", "clip.vtt"}


def test_all_formats_are_written_under_the_same_name(media, tmp_path, capsys):
    assert analyze(media / "same" / "clip.wav", "--out", "out", "--format", "all", "--locale", "de") == 0
    written = {file.name for file in (tmp_path / "out").iterdir()} - {RECORDS}
    assert written == {f"clip{form.suffix}" for form in formats.FORMATS.values()}
    assert (tmp_path / "out" / "clip.csv").read_text(encoding="utf-8").startswith("\ufeffstart;end;")
    out, err = capsys.readouterr()
    assert err == "" and out.count("wrote ") == len(formats.FORMATS)
    assert analyze(media / "other" / "clip.wav", "--out", "out", "--format", "textgrid,audacity") == 0
    later = {file.name for file in (tmp_path / "out").iterdir()} - {RECORDS} - written
    assert later == {"clip.wav.TextGrid", "clip.wav.audacity.txt"}


def test_all_formats_without_pyarrow_are_the_others_and_a_note(media, tmp_path, capsys, monkeypatch):
    find = importlib.util.find_spec
    for place in ("emorec.errors.find_spec", "emorec.output.formats.find_spec"):
        monkeypatch.setattr(place, lambda name: None if name == "pyarrow" else find(name))
    assert analyze(media / "same" / "clip.wav", "--out", "out", "--format", "all") == 0
    (note,) = capsys.readouterr().err.splitlines()
    assert note.startswith("emorec: note: parquet was left out") and "pip install '.[exports]'" in note
    assert not (tmp_path / "out" / "clip.parquet").exists() and (tmp_path / "out" / "clip.xlsx").exists()
    assert analyze(media / "same" / "clip.wav", "--out", "new", "--format", "csv,parquet") == 2
    assert capsys.readouterr().err.count("\n") == 1 and not (tmp_path / "new").exists()


def test_a_format_that_cannot_be_written_does_not_cost_the_others(media, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_ROWS", 1)
    clip, out = media / "same" / "clip.mkv", tmp_path / "out"
    arguments = ["analyze", clip, "--out", out, "--format", "xlsx,csv", "--report", "--save_video", "boxes.mp4"]
    assert cli.main([*map(str, arguments)]) == 2
    names = {path.name for path in out.iterdir() if path.is_file()}
    assert names == {"clip.csv", "clip.png", "clip.report.html"} and (tmp_path / "boxes.mp4").exists()
    printed, err = capsys.readouterr()
    errors = [line for line in err.splitlines() if not line.startswith("emorec: note:")]
    assert "clip.csv" in printed and "clip.xlsx" not in printed
    assert len(errors) == 1 and errors[0].startswith("emorec: A sheet of Excel has at most 1 rows")


def test_a_reason_that_keeps_every_file_from_being_written_is_told_twice_and_not_a_dozen_times(
    media, capsys, monkeypatch
):
    written = files.write

    def fail(path, content):
        if Path(path).parent.name == "out":
            raise OSError(errno.EACCES, "held" if Path(path).suffix == ".tsv" else "no space")
        written(path, content)

    monkeypatch.setattr(files, "write", fail)
    command = ["analyze", media / "same" / "clip.wav", "--out", "out", "--no_plot", "--format"]
    assert cli.main([*map(str, command), "csv,json,srt,vtt,textgrid,tsv"]) == 2
    err = capsys.readouterr().err
    assert err.count("(no space)") == 2 and "3 more files cannot be written for the same reason." in err
    assert "clip.tsv cannot be written (held)" in err


def test_a_folder_that_cannot_be_written_is_one_sentence(media, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert analyze(media / "same" / "clip.wav", "--out", "file", "--format", "all") == 2
    err = capsys.readouterr().err
    assert err.startswith("emorec: file cannot be written") and err.count("\n") == 1


@pytest.mark.parametrize("option", ["--step_sec", "--window-sec", "--smooth_sec", "--unsure_below"])
@pytest.mark.parametrize("given", ["0.5s", "", "1.000,5", "nan"])
def test_what_is_no_number_is_a_sentence_with_the_option(option, given, capsys):
    with pytest.raises(SystemExit) as ended:
        analyze("clip.wav", option, given)
    *_, last = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and option in last and "is not a number; write it like 0.5" in last


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (None, "No such file"),
        ("{", "JSON"),
        ("[1, 1, 1, 1, 1, 1, 1]", "must hold an object"),
        (dict.fromkeys(EMOTIONS[1:], 1), "lacks the emotion angry"),
        (dict.fromkeys(EMOTIONS, 1) | {"sad": -0.1}, "share of sad is -0.1"),
        (dict.fromkeys(EMOTIONS, 1) | {"sad": "1"}, "share of sad is '1'"),
        (dict.fromkeys(EMOTIONS, 1) | {"calm": 1}, "'calm'"),
        (dict.fromkeys(EMOTIONS, 0), "all 0"),
        (dict.fromkeys(EMOTIONS, 10**400), "share of angry"),
        ("[" * 100_000, "JSON"),
    ],
)
def test_a_prior_that_cannot_be_used_is_one_sentence_before_anything_is_read(
    content, word, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(analyzer, "load", lambda *_: pytest.fail("the weights were loaded"))
    if content is not None:
        (tmp_path / "own.json").write_text(content if isinstance(content, str) else json.dumps(content))
    assert analyze("clip.wav", "--prior", "own.json") == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("emorec: ") and err.count("\n") == 1
    assert word in err


@pytest.mark.parametrize("prior", ["everyday", "even", "adaptive", "mine.json"])
def test_the_prior_is_named_in_every_result(prior, media, tmp_path, capsys):
    (tmp_path / "mine.json").write_text(json.dumps(dict.fromkeys(EMOTIONS, 1) | {"sad": 3}))
    clip = media / "same" / "clip.wav"
    assert analyze(clip, "--prior", prior, "--unsure_below", "0,25", "--out", "out", "--format", "json") == 0
    choices = json.loads((tmp_path / "out" / "clip.json").read_text())["choices"]
    assert f"fusion late, prior {prior}\n" in capsys.readouterr().out
    assert (choices["prior"], choices["unsure_below"]) == (prior, 0.25)
    if prior == "mine.json":
        assert choices["prior_shares"]["sad"] == pytest.approx(1 / 3, abs=1e-3)


def test_a_confidence_out_of_range_is_refused(capsys):
    assert analyze("clip.wav", "--unsure_below", "40") == 2
    assert "40 is out of range" in capsys.readouterr().err


def test_too_little_to_tell_is_the_first_line(media, capsys):
    assert analyze(media / "same" / "clip.wav", "--out", "out") == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "Too little to tell: evidence for only 0.0 s of 3.0 s; 5.0 s are needed."


def test_one_picture_is_told_in_one_line_and_in_times_that_are_not_0(capsys):
    """The second line does not say 100 % of what the first one calls too little."""
    from emorec.cli import printing

    one = factories.timeline([[0.94, *[0.01] * 6]], end=np.array([0.04]), duration=0.04)
    printing.print_summary(one, [])
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == "Too little to tell: evidence for only 0.04 s of 0.04 s; 5.0 s are needed."
    assert second == "0.04 s, 1 row of 1 s, fusion late, prior even"
    assert not any("evidence" in line for line in rest)
    printing.print_summary(ANSWER, [])
    assert "  evidence for 100% of the time\n" in capsys.readouterr().out


def test_what_only_the_prior_decides_is_printed(capsys):
    """Nothing speaks for an emotion in three of four rows, but neutral is expected most."""
    from emorec.cli import printing

    everyday, clear = priors.resolve("everyday"), np.full(7, 0.01)
    clear[EMOTIONS.index("neutral")] = 0.94
    rows = priors.posterior(np.log([np.full(7, 1 / 7)] * 3 + [clear]), everyday.log)
    timeline = dataclasses.replace(factories.timeline(rows), prior=everyday)
    printing.print_summary(timeline, [])
    assert "  For 75% of the time with evidence the prior decides: if all" in capsys.readouterr().out
    printing.print_summary(dataclasses.replace(timeline, prior=priors.resolve("even")), [])
    assert "the prior decides" not in capsys.readouterr().out


def test_unsure_time_is_printed_apart(capsys):
    from emorec.cli import printing

    printing.print_summary(ANSWER, [])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "8.0 s, 8 rows of 1 s, fusion late, prior even"
    assert [line.split()[1:] for line in lines[1:3]] == [["angry", "75.0%"], ["unsure", "25.0%"]]
    assert (
        lines[3].startswith("  Valence −0.48 and arousal +0.21 on average") and "derived from the emotions" in lines[3]
    )


ANSWER = factories.timeline([[0.94, *[0.01] * 6]] * 6 + [[1 / 7] * 7] * 2)


def answering(answer):
    """A function in place of ``Analyzer.analyze`` that gives this timeline, whatever the recording."""

    def analyze(self, media, progress, **_):
        progress(factories.observations(8.0, {}))
        return answer

    return analyze


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_terminal_without_emoji_or_a_name_that_is_no_text_costs_no_result(encoding, tmp_path, monkeypatch):
    """The name is how Python holds the bytes of a Latin-1 name."""
    name, printed = "caf\udce9.wav", io.BytesIO()
    answer = dataclasses.replace(ANSWER, media={"name": name})
    monkeypatch.setattr(analyzer.Analyzer, "analyze", answering(answer))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding))
    assert cli.main(["analyze", name, "--out", "out", "--format", "csv,json,srt"]) == 0
    assert {file.name for file in (tmp_path / "out").glob("[!.]*")} == {
        f"caf\udce9.{form}" for form in ("csv", "json", "srt", "png")
    }
    text = printed.getvalue().decode(encoding)
    assert os.path.join("out", "caf?.png") in text
    assert f"  {EMOJI['angry'] if encoding == 'utf-8' else '?'} angry      75.0%" in text


def test_a_number_keeps_its_sign_in_an_encoding_without_a_minus(monkeypatch, tmp_path):
    """As that of a pipe on Windows."""
    printed = io.BytesIO()
    monkeypatch.setattr(analyzer.Analyzer, "analyze", answering(ANSWER))
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="cp1252"))
    assert cli.main(["analyze", "clip.wav", "--out", "out"]) == 0
    assert re.search(r"Valence -0\.\d\d and arousal .* on average \(-1 to 1\)", printed.getvalue().decode("cp1252"))


PROGRAM = """
import sys
import test_cli_results as here
from emorec import analyzer, cli
analyzer.load = lambda *_: analyzer.Analyzer(here.factories.checkpoint(), "none")
analyzer.Analyzer.analyze = here.answering(here.ANSWER)
sys.exit(cli.main())
"""


PATHS = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "cli")])}


@pytest.mark.skipif(os.name == "nt", reason="a program is started without a descriptor")
@pytest.mark.parametrize("closed", [(0, 1, 2), (0,), (1,), (2,)])
def test_results_are_written_by_a_program_that_was_started_without_standard_streams(closed, tmp_path):
    # The null device, and not a file of a library, has the place of each stream. What is answered with is imported
    # after the program has opened it, because already the import of numpy takes the place on some systems.
    program = """
import os, sys
from emorec import cli, standard_streams
open_missing = standard_streams.open_missing
def and_prepare():
    open_missing()
    import test_cli_results as here
    from emorec import analyzer
    analyzer.load = lambda *_: analyzer.Analyzer(here.factories.checkpoint(), "none")
    analyzer.Analyzer.analyze = here.answering(here.ANSWER)
standard_streams.open_missing = and_prepare
code = cli.main()
same = lambda number: os.path.samestat(os.fstat(number), os.stat(os.devnull))
"""
    program += f"sys.exit(code or not all(map(same, {closed})))"
    done = subprocess.run(
        [sys.executable, "-c", program, "analyze", "clip.wav", "--no_plot"],
        cwd=tmp_path,
        env=os.environ | PATHS,
        preexec_fn=lambda: [os.close(number) for number in closed],
        timeout=300,
    )
    assert done.returncode == 0
    assert (tmp_path / "emorec-out" / "clip.csv").exists()


def test_without_any_language_of_the_system_results_are_written(tmp_path):
    environment = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""} | PATHS
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "analyze", os.fsencode("clip.wav"), "--no_plot"],
        cwd=tmp_path,
        env=os.environ | environment,
        capture_output=True,
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"  ? angry      75.0%" in done.stdout
    assert (tmp_path / "emorec-out" / "clip.csv").exists()
