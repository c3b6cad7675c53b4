"""Shards of drawn faces, for the tests of training on them."""

from dataclasses import replace

import pytest

from emorec.face import detection
from support import make_corpus
from train import shards
from train.finetune import face, streamed
from train.recipes import voice

TRAIN_ITEMS, VALID_ITEMS = 16, 8  # of 2 labels, 3 people and 4 takes, when a person is held out

face_only = streamed.partial(streamed._cut_face, frames=1)  # a worker that is started afresh can import it


def write(root):
    """Write pictures, and four shards of training from them; the folder of the shards."""
    make_corpus.pictures(root / "pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
        shards.main([str(root / "pictures"), str(root / "out"), "--task", "face", "--shards", "4"])
    return root / "out"


def make_small(monkeypatch):
    """Tiny networks, and drawn faces that count as such."""
    monkeypatch.setattr(face, "NET", replace(face.NET, widths=(8, 16, 24)))
    monkeypatch.setattr(voice, "NET", replace(voice.NET, widths=(8, 12, 16, 24), embedding=16))
    monkeypatch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
    monkeypatch.setattr("signal.signal", lambda *_: None)


def given(folder, out, task="face", train="{0000..0003}", ending=""):
    """Arguments of a training on shards; all of training are named by braces, those of validation by a star."""
    return [
        *("--task", task, "--train_dir", f"{folder}/{task}-train-{train}.tar", "--device", "cpu", "--from_scratch"),
        *("--val_dir", f"{folder}/{task}-valid-*.tar", "--epochs", "2", "--batch_size", "8", "--out", f"{out}{ending}"),
    ]
