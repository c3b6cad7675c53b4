"""``emorec batch``: what it prints and returns."""

import errno
import os
from types import SimpleNamespace

import pytest
from pyarrow import parquet

from emorec import cli
from emorec.batch.engine import Outcome
from emorec.cli.batch import ProgressDisplay
from support import batches
from support.command import emorec
from support.unread import unread


@pytest.fixture
def batch(tmp_path):
    model = batches.small_model(tmp_path / "model")
    media = batches.recordings(tmp_path / "media", 3, videos=0, bad=1)

    def run(*more):
        given = ["--out", tmp_path / "out", "--model-path", model, "--workers", 0, *more]
        return emorec("batch", media, *given)

    return run


def test_a_batch_says_how_far_it_is_what_failed_and_where_the_manifest_is(batch, tmp_path):
    code, printed, errors = batch()
    assert code == 2
    assert printed.splitlines()[0] == "2 done, 1 failed; 3 of them in this run"
    assert printed.splitlines()[-1] == f"wrote {tmp_path / 'out' / 'manifest.parquet'}"
    lines = errors.splitlines()
    assert lines[0] == "0 done, 0 failed of 3" and lines[-1].startswith("2 done, 1 failed of 3, ")
    assert [line for line in lines if line.startswith("emorec: bad-0-")]
    code, printed, _ = batch()
    assert code == 2 and printed.splitlines()[:2] == [
        "2 done, 1 failed; 0 of them in this run",
        "1 of the failures are of earlier runs; the same command with --retry tries again what failed.",
    ]
    code, printed, errors = batch("--retry", "--quiet")
    assert (code, printed) == (2, "") and len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--workers", -1], "There cannot be -1 workers"),
        (["--step_sec", 100], "The step of 100 s is out of range"),
        (["--channel", "up"], "The channel 'up' does not exist"),
        (["none.txt"], "The list none.txt cannot be read"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(batch, tmp_path, more, sentence):
    code, _, errors = batch(*more)
    assert code == 2 and errors.startswith(f"emorec: {sentence}") and errors.count("\n") == 1
    assert not (tmp_path / "out" / "manifest.parquet").exists()


def test_hidden_faces_are_told_from_those_in_names_files(batch):
    assert "names file" not in batch()[2]
    _, _, errors = batch("--report", "--blur", "--quiet")
    assert "a names file, NAME.people.json, has a small picture of each person" in errors


def test_a_batch_goes_on_when_nobody_reads_what_it_prints(batch, tmp_path):
    with unread("stdout", "stderr"):
        media, model = tmp_path / "media", tmp_path / "model"
        given = ["none.mp4", media, "--out", tmp_path / "out", "--model-path", model, "--workers", 0]
        assert cli.main(["batch", *map(str, given)]) == 2
    statuses = parquet.read_table(tmp_path / "out" / "manifest.parquet")["status"].to_pylist()
    assert sorted(statuses) == ["done", "done", "failed", "failed"]


def test_a_failure_on_a_terminal_that_is_gone_ends_nothing():
    def gone(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    shown, failed = ProgressDisplay(quiet=True), Outcome(item="a", status="failed", error="It is empty.")
    shown._bar = SimpleNamespace(write=gone)
    shown.show(SimpleNamespace(last=failed))
    assert shown.failed_now == 1


def test_a_batch_of_nothing_is_refused():
    assert emorec("batch", "--out", "x")[1:] == ("", "emorec: Give at least one recording, folder, list or link.\n")
