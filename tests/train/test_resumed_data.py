"""A run that is resumed with other data of the same size is refused; the folder of the data may be moved."""

import json
import shutil
import signal
from dataclasses import replace

import pytest

from emorec.face import detection
from support import make_corpus
from support.refusals import refusal
from train import loop, run
from train.finetune import face
from train.run_dir import CONFIG_FILE, WHICH_ITEMS, read_log

MORE = ("--epochs", 2, "--batch_size", 4)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(face, "NET", replace(face.NET, widths=(8, 16, 24)))
    monkeypatch.setattr(detection, "detector", lambda file: make_corpus.MiddleFace())
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def given(data, out, *more):
    given = ("--task", "face", "--dataset", "folder", "--train_dir", data, "--out", out, "--from_scratch")
    return [str(part) for part in (*given, *MORE, *more)]


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """The data and the folder of a run that was stopped in its second epoch."""
    data, out = tmp_path / "data", tmp_path / "out"
    make_corpus.pictures(data, takes=2)

    def interrupted(self, epoch, generator, draw=face.Batches.__call__):
        if epoch == 1:
            raise KeyboardInterrupt
        return draw(self, epoch, generator)

    with monkeypatch.context() as patch:
        patch.setattr(face.Batches, "__call__", interrupted)
        with pytest.raises(SystemExit):
            run.main(given(data, out))
    assert loop.finished_epochs(out / "face") == 1
    return data, out


def test_another_meaning_of_the_labels_is_refused(stopped, tmp_path, capsys):
    data, out = stopped
    swapped = tmp_path / "labels.json"
    swapped.write_text(json.dumps({"happy": "sad", "sad": "happy"}))
    said = refusal(capsys, run.main, *given(data, out, "--labels", swapped, "--resume"))
    assert "started with other files, or with other labels or persons" in said and "--out" in said
    assert loop.finished_epochs(out / "face") == 1


def test_an_item_that_was_given_another_label_is_refused(stopped, capsys):
    data, out = stopped
    happy, sad = (sorted((data / label).rglob("*.png"))[0] for label in ("happy", "sad"))
    happy.rename(data / "sad" / happy.parent.name / "moved.png")
    sad.rename(data / "happy" / sad.parent.name / "moved too.png")
    assert "other labels or persons" in refusal(capsys, run.main, *given(data, out, "--resume"))


def test_a_moved_folder_and_a_run_of_an_earlier_version_go_on(stopped, tmp_path):
    data, out = stopped
    shutil.move(data, tmp_path / "elsewhere")
    config = out / "face" / CONFIG_FILE
    settings = json.loads(config.read_text())
    assert len(settings["settings"][WHICH_ITEMS]) == 16
    older = tmp_path / "older"
    shutil.copytree(out, older)
    run.main(given(tmp_path / "elsewhere", out, "--resume"))
    assert len(read_log(out / "face")) == 2

    del settings["settings"][WHICH_ITEMS]
    (older / "face" / CONFIG_FILE).write_text(json.dumps(settings))
    run.main(given(tmp_path / "elsewhere", older, "--resume"))
    assert len(read_log(older / "face")) == 2
