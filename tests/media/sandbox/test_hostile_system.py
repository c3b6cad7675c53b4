"""Failures of the system, files that disappear, simultaneous changes of the cache: a clear sentence, no corruption."""

import errno
import os
import subprocess

import numpy as np
import pytest

from emorec import cli, files
from emorec.errors import EmorecError
from emorec.extraction import pipeline
from emorec.media import sandbox
from support.make_media import Audio, Video, record


def test_a_file_that_vanishes_while_it_is_read_is_read_to_its_end_or_told_of(recording, analyzer, tmp_path):
    path = tmp_path / "gone.mkv"
    path.write_bytes(recording.read_bytes())
    growing = analyzer.extract(path, cache=tmp_path / "cache")
    next(growing)
    path.unlink()
    try:
        assert [*growing][-1].complete
    except EmorecError as error:
        assert "gone.mkv" in str(error) and "\n" not in str(error)
    with pytest.raises(EmorecError, match="There is no file"):
        sandbox.probe(path)


@pytest.mark.parametrize("after", ["probe", "key"])
def test_a_file_that_vanishes_at_any_step_is_one_sentence(after, recording, analyzer, tmp_path, monkeypatch):
    """Between two steps of an analysis: a session's files may be removed at any moment."""
    path = tmp_path / "gone.mkv"
    path.write_bytes(recording.read_bytes())
    step = {"probe": (sandbox, "probe"), "key": (pipeline, "key_of")}[after]
    real = getattr(*step)

    def then_gone(*arguments):
        done = real(*arguments)
        path.unlink()
        return done

    monkeypatch.setattr(*step, then_gone)
    with pytest.raises(EmorecError, match=r"^gone\.mkv is no longer there; put it back\.$"):
        list(analyzer.extract(path, cache=tmp_path / "cache"))


def test_a_file_that_cannot_be_read_any_more_is_one_sentence(recording, analyzer, tmp_path, monkeypatch):
    def failing(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("hashlib.file_digest", failing)
    with pytest.raises(EmorecError, match=r"^clip\.mkv cannot be read \(Input/output error\)\.$"):
        list(analyzer.extract(recording, cache=tmp_path / "cache"))


def test_what_is_stored_of_a_recording_can_be_forgotten(recording, analyzer, tmp_path):
    model, detector = analyzer.model, Finds()
    other = record(tmp_path / "other.wav", audio=Audio(duration=2.0, codec="pcm_s16le", rate=16_000))
    for path in (recording, other):
        list(pipeline.extract(path, model, detector, cache=tmp_path / "cache"))
    stored = {path.name for path in (tmp_path / "cache").iterdir()}
    assert pipeline.forget(recording, model, detector, cache=tmp_path / "cache")
    left = {path.name for path in (tmp_path / "cache").iterdir()}
    assert len(stored) == 2 and len(left) == 1 and left < stored
    assert not pipeline.forget(recording, model, detector, cache=tmp_path / "cache")
    again = list(pipeline.extract(recording, model, detector, cache=tmp_path / "cache"))
    assert len(again) > 1 and again[-1].complete, "observed again, from the beginning"
    assert len(list(pipeline.extract(other, model, detector, cache=tmp_path / "cache"))) == 1, "still known"


class Finds:
    """A detector that finds nothing."""

    name = "nothing"

    def detect(self, image, side=None):
        return []


def test_forgetting_beside_a_run_harms_neither(recording, analyzer, tmp_path):
    model, detector = analyzer.model, Finds()
    whole = list(pipeline.extract(recording, model, detector, cache=tmp_path / "whole"))[-1]
    growing = pipeline.extract(recording, model, detector, cache=tmp_path / "cache")
    next(growing)
    assert pipeline.forget(recording, model, detector, cache=tmp_path / "cache")
    assert [*growing][-1].complete
    again = list(pipeline.extract(recording, model, detector, cache=tmp_path / "cache"))[-1]
    assert again.complete
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(again.arrays[name], values, err_msg=name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
def test_a_full_or_failing_disk_is_one_sentence_and_keeps_what_was_stored(
    number, recording, analyzer, tmp_path, monkeypatch
):
    cache, real = tmp_path / "cache", files.write
    written = []

    def failing(path, content):
        written.append(path)
        if len(written) > 2:
            raise OSError(number, os.strerror(number))
        real(path, content)

    monkeypatch.setattr(files, "write", failing)
    with pytest.raises(EmorecError, match="EMOREC_CACHE") as refused:
        list(analyzer.extract(recording, cache=cache))
    assert os.strerror(number) in str(refused.value)
    monkeypatch.setattr(files, "write", real)
    resumed = list(analyzer.extract(recording, cache=cache))
    assert len(resumed[0].segments) == 1 and resumed[-1].complete


def test_a_disk_that_is_really_full_is_one_sentence(recording, analyzer, tmp_path):
    """A limit of the kernel on the size of files stands for a full disk."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(EmorecError, match="cannot be stored .*File too large"):
            list(analyzer.extract(recording, cache=tmp_path / "cache"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.suffix == ".partial"] == []


@pytest.fixture
def read_only(tmp_path):
    """A read-only folder."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        return
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("needs to mount a read-only disk, for root may write everywhere else")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("what", ["--out", "--save_plot"])
def test_a_place_for_results_that_cannot_be_written_is_one_sentence_and_costs_no_work(
    what, read_only, tmp_path, monkeypatch, capsys
):
    recording = record(tmp_path / "short.mp4", Video(duration=2.0), Audio(duration=2.0))
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache"))
    place = read_only if what == "--out" else read_only / "plot.svg"
    ask = ["analyze", str(recording), "--no_plot" if what == "--out" else "--json", what, str(place)]
    assert cli.main(ask) == 2
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert "cannot be written" in last and str(read_only) in last and last.endswith(".")
    assert list(read_only.iterdir()) == []

    def here(*_, **__):
        raise AssertionError("observed again")

    monkeypatch.setattr(sandbox, "frames", here)
    assert cli.main(["analyze", str(recording), "--no_plot", "--out", str(tmp_path / "out")]) == 0
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["short.csv"]


def test_a_cache_that_cannot_be_written_is_one_sentence(read_only, analyzer, tmp_path):
    recording = record(tmp_path / "short.mp4", Video(duration=2.0), Audio(duration=2.0))
    with pytest.raises(EmorecError, match="cannot be stored .*EMOREC_CACHE"):
        list(analyzer.extract(recording, cache=read_only))
