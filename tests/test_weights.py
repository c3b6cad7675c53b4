"""What a user names, turned into folders and files of weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import FACE_MODEL, ROOT
from emorec import weights
from emorec.errors import EmorecError
from loopback_hub import LoopbackHub
from test_hub import client_environment

ASK_OFTEN = """
import json, threading, time
from emorec import weights
start = time.monotonic()
found = []
threads = [threading.Thread(target=lambda: found.append(weights.face_detector_file())) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
found.append(weights.face_detector_file())
print(json.dumps({"found": [file and str(file) for file in found], "seconds": time.monotonic() - start}))
"""


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in weights.CHECKPOINT_FILES:
        (folder / name).touch()
    return folder


def ask_often(hub, home):
    environment = client_environment(hub, home)
    environment.pop("EMOREC_FACE_MODEL", None)
    command = [sys.executable, "-c", ASK_OFTEN]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_a_folder_of_data_beside_the_module_does_not_hide_it():
    assert Path(weights.__file__).name == "weights.py"
    assert weights.BUNDLED == ROOT / "emorec" / "weights" / "default"


def test_the_bundled_checkpoint_is_whole_and_small():
    folder = weights.resolve()
    assert folder == weights.BUNDLED
    assert (folder / "README.md").is_file()
    assert (folder / "model.safetensors").stat().st_size < 20e6


@pytest.mark.parametrize("kind", [str, Path])
def test_a_checkpoint_folder_is_taken_as_it_is(checkpoint, kind):
    assert weights.resolve(kind(checkpoint)) == checkpoint


def test_the_environment_names_the_model_unless_the_caller_does(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOREC_MODEL", str(checkpoint))
    assert weights.resolve() == checkpoint
    with pytest.raises(EmorecError, match="elsewhere"):
        weights.resolve(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", weights.CHECKPOINT_FILES)
def test_what_a_folder_lacks_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    with pytest.raises(EmorecError, match=f"has no {name};"):
        weights.resolve(checkpoint)


def test_a_file_or_a_name_on_the_hub_is_no_folder(checkpoint):
    for model in (checkpoint / "config.json", "someone/something@v1"):
        with pytest.raises(EmorecError, match="is not a folder"):
            weights.resolve(model)


def test_the_environment_names_the_face_detector(tmp_path, monkeypatch):
    chosen = tmp_path / "mine.onnx"
    monkeypatch.setenv("EMOREC_FACE_MODEL", str(chosen))
    with pytest.raises(EmorecError, match=r"mine\.onnx"):
        weights.face_detector_file()
    chosen.touch()
    assert weights.face_detector_file() == chosen


def test_the_face_detector_is_downloaded_once(shared, tmp_path):
    with LoopbackHub(weights.FACE_MODEL_REPO, weights.FACE_MODEL_NAME, FACE_MODEL.read_bytes()) as hub:
        outcome = ask_often(hub, tmp_path)
        downloads = [request for request in hub.requests if request.startswith("GET")]
    assert len(set(outcome["found"])) == 1
    assert Path(outcome["found"][0]).read_bytes() == FACE_MODEL.read_bytes()
    assert len(downloads) == 1


def test_an_impostor_of_the_face_detector_is_not_used(tmp_path):
    impostor = bytes(weights.FACE_MODEL_SIZE)
    with LoopbackHub(weights.FACE_MODEL_REPO, weights.FACE_MODEL_NAME, impostor) as hub:
        outcome = ask_often(hub, tmp_path)
    assert outcome["found"] == [None] * 4


def test_a_hub_that_never_answers_is_asked_once(tmp_path):
    with LoopbackHub(weights.FACE_MODEL_REPO, weights.FACE_MODEL_NAME, b"", behaviour="silent") as hub:
        outcome = ask_often(hub, tmp_path)
        assert len(hub.requests) == 1
    assert outcome["found"] == [None] * 4
    assert outcome["seconds"] < 7  # 5 for the Hub, the rest for a busy machine
