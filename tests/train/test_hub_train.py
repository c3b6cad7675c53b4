"""From training to analysis by way of the Hub: trained, pushed, pulled, and the same byte for byte."""

import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from emorec import analyzer
from emorec.models import checkpoint, pretrained
from emorec.output import tables
from emorec.ui import example
from support import make_corpus
from support.loopback_hub import LoopbackHub, environment_of, use_hub
from support.loopback_routes import TOKEN
from support.paths import ROOT
from train import run

REPO = "org/mine"
FUSIONS = ("late", "intermediate", "voice")


@pytest.fixture
def hub():
    with LoopbackHub() as running:
        yield running


def training(corpus, out):
    """What ``train/run.py`` is asked, on a corpus that takes it a few seconds."""
    given = ["--task", "voice", "--dataset", "folder", "--train_dir", corpus, "--out", out]
    given += ["--epochs", 2, "--batch_size", 4, "--device", "cpu", "--push-to-hub", REPO]
    return [str(part) for part in given]


def analysed(model_path, clip):
    """Everything that an analysis writes, by the name of its file; and the engine that did it."""
    loaded = analyzer.load(model_path, "cpu")
    found = {}
    for fusion in FUSIONS:
        timeline = loaded.analyze(clip, fusion=fusion)
        # Where the weights lie, and what they are called there, is no part of what they say.
        timeline = replace(timeline, choices=timeline.choices | {"model": None})
        assert timeline.known.mean() > 0.5, "too little evidence to compare anything"
        found |= {f"{fusion}.json": tables.json_text(timeline), f"{fusion}.csv": tables.csv_text(timeline)}
    return found, loaded


def test_what_was_trained_and_pushed_analyses_the_same_once_pulled(hub, tmp_path, monkeypatch):
    corpus = make_corpus.recordings(tmp_path / "recordings", takes=2)
    environment = environment_of(hub, tmp_path / "home of training") | {"HF_TOKEN": TOKEN}
    command = [sys.executable, "train/run.py", *training(corpus, tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    pushed = hub.repos[REPO].branches["main"]
    assert f"pushed to {REPO} at commit {pushed}" in done.stdout and TOKEN not in done.stdout + done.stderr
    local = tmp_path / "out" / "checkpoint"
    files = hub.repos[REPO].commits[pushed]
    for name in (checkpoint.CONFIG_FILE, checkpoint.WEIGHTS_FILE):
        assert files[name] == (local / name).read_bytes()
    assert "validation-voice" in files["README.md"].decode(), "its card states what was measured"

    clip = tmp_path / "clip.mp4"
    example.record(clip)
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache of local"))
    expected, _ = analysed(local, clip)
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache of bundled"))
    other, _ = analysed(pretrained.BUNDLED, clip)
    assert all(expected[name] != other[name] for name in expected), "any weights would do"

    # Another machine: no cache of the Hub, no stored features, and the folder no longer exists.
    use_hub(hub, tmp_path / "clean home", monkeypatch)
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "clean cache"))
    local.rename(tmp_path / "gone")
    found, loaded = analysed(REPO, clip)
    assert (loaded.origin.repo, loaded.origin.commit) == (REPO, pushed)
    assert loaded.origin.folder.is_relative_to(tmp_path / "clean home")
    assert found == expected


def test_a_name_that_no_repository_can_have_is_refused_before_training(tmp_path, capsys):
    given = training(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(SystemExit) as ended:
        run.main([*given, "--push_to_hub", "badname"])
    assert ended.value.code == 2 and not (tmp_path / "out").exists()
    assert capsys.readouterr().err == "'badname' is not the name of a repository; give it as org/name.\n"


def test_training_that_may_not_push_says_so_and_keeps_what_it_trained(hub, tmp_path, monkeypatch, capsys):
    theirs = hub.commit(REPO, {"README.md": b"somebody else's"})
    corpus = make_corpus.recordings(tmp_path / "recordings", takes=2)
    use_hub(hub, tmp_path / "home", monkeypatch)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit) as ended:
        run.main(training(corpus, tmp_path / "out"))
    assert ended.value.code == 2
    *_, last = capsys.readouterr().err.strip().splitlines()
    assert last.startswith(f"The checkpoint cannot be pushed to {REPO}: ") and "log in with `hf auth login`" in last
    assert hub.repos[REPO].branches["main"] == theirs
    assert checkpoint.load(tmp_path / "out" / "checkpoint").evaluation
