"""What a user names, turned into folders and files of weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from emorec.errors import EmorecError
from emorec.models import pretrained
from support.loopback_hub import LoopbackHub, ask_at, environment_of, use_hub
from support.paths import FACE_MODEL, ROOT

CLOSED_PORT = "http://127.0.0.1:9"

ASK_OFTEN = """
import json, threading
from emorec.errors import EmorecError
from emorec.models import pretrained
found = []
def ask():
    try:
        found.append(str(pretrained.face_detector_file()))
    except EmorecError as error:
        found.append(f"error: {error}")
threads = [threading.Thread(target=ask) for _ in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
ask()
print(json.dumps(found))
"""


@pytest.fixture
def checkpoint(tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in pretrained.CHECKPOINT_FILES:
        (folder / name).touch()
    return folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with a model, org/name, at the tag v1."""
    with LoopbackHub() as running:
        running.commit("org/name", dict.fromkeys(pretrained.CHECKPOINT_FILES, b"something"), tag="v1")
        use_hub(running, tmp_path / "hub-home", monkeypatch)
        yield running


def ask_often(hub, home):
    environment = environment_of(hub, home)
    environment["EMOREC_FACE_MODEL"] = "YuNet"
    command = [sys.executable, "-c", ASK_OFTEN]
    process = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def publish_detector(hub, content):
    hub.commit(pretrained.FACE_MODEL_REPO, {pretrained.FACE_MODEL_NAME: content})


def test_a_folder_of_data_beside_the_module_does_not_hide_it():
    assert Path(pretrained.__file__).name == "pretrained.py"
    assert pretrained.BUNDLED == ROOT / "emorec" / "weights" / "default"


def test_the_bundled_checkpoint_is_whole_and_small():
    origin = pretrained.resolve()
    assert origin == pretrained.Origin(folder=pretrained.BUNDLED)
    assert (origin.folder / "README.md").is_file()
    assert (origin.folder / "model.safetensors").stat().st_size < 20e6


@pytest.mark.parametrize("kind", [str, Path])
def test_a_checkpoint_folder_is_taken_as_it_is(checkpoint, kind):
    origin = pretrained.resolve(kind(checkpoint))
    assert origin == pretrained.Origin(folder=checkpoint)
    assert str(origin) == str(checkpoint)
    assert origin.sha256 == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # of nothing


def test_the_environment_names_the_model_unless_the_caller_does(checkpoint, monkeypatch, tmp_path):
    monkeypatch.setenv("EMOREC_MODEL", str(checkpoint))
    assert pretrained.resolve().folder == checkpoint
    with pytest.raises(EmorecError, match="elsewhere"):
        pretrained.resolve(tmp_path / "elsewhere")


@pytest.mark.parametrize("name", pretrained.CHECKPOINT_FILES)
def test_what_a_folder_lacks_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    with pytest.raises(EmorecError, match=f"has no {name};"):
        pretrained.resolve(checkpoint)


@pytest.mark.parametrize(
    "model",
    ["name", "./org/name", "/org/name", "a/b/c", "org/name@", "org/name@-x", "org/na me", "https://h/org/name"]
    + ["~nobody-of-this-name/model"],
)
def test_what_is_neither_a_folder_nor_a_name_on_the_hub_asks_nobody(hub, model):
    with pytest.raises(EmorecError, match="is not a folder; give the folder of a checkpoint, or org/name"):
        pretrained.resolve(model)
    assert hub.requests == []


def test_a_folder_comes_before_a_name_on_the_hub(hub, tmp_path, monkeypatch, checkpoint):
    checkpoint.rename(tmp_path / "name")
    (tmp_path / "org").mkdir()
    (tmp_path / "name").rename(tmp_path / "org" / "name")
    monkeypatch.chdir(tmp_path)
    assert pretrained.resolve("org/name") == pretrained.Origin(folder=Path("org/name"))
    assert hub.requests == []


@pytest.mark.parametrize("by", ["argument", "environment"])
def test_a_name_on_the_hub_is_pulled(hub, monkeypatch, by):
    monkeypatch.setenv("EMOREC_MODEL", "org/name@v1" if by == "environment" else "elsewhere")
    origin = pretrained.resolve("org/name@v1" if by == "argument" else None)
    commit = hub.repos["org/name"].tags["v1"]
    assert (origin.repo, origin.revision, origin.commit, origin.notices) == ("org/name", "v1", commit, ())
    assert str(origin) == "org/name@v1"
    assert all((origin.folder / name).read_bytes() == b"something" for name in pretrained.CHECKPOINT_FILES)
    # The Hub goes; what was pulled stays usable, and says that it may be old.
    ask_at(CLOSED_PORT, monkeypatch)
    again = pretrained.resolve("org/name@v1")
    assert again.folder == origin.folder
    assert len(again.notices) == 1 and commit[:12] in again.notices[0] and "pulled before" in again.notices[0]


def test_other_weights_are_used_only_when_asked_for_and_never_silently(hub, monkeypatch):
    ask_at(CLOSED_PORT, monkeypatch)
    with pytest.raises(EmorecError, match=r"org/name@main is not available .* set EMOREC_MODEL_FALLBACK=bundled"):
        pretrained.resolve("org/name")
    monkeypatch.setenv("EMOREC_MODEL_FALLBACK", "bundled")
    origin = pretrained.resolve("org/name")
    assert (origin.folder, origin.repo) == (pretrained.BUNDLED, None)
    assert "These are the bundled weights, not those of org/name." in origin.notices[0]
    monkeypatch.setenv("EMOREC_MODEL_FALLBACK", "yes")
    with pytest.raises(EmorecError, match="EMOREC_MODEL_FALLBACK is 'yes'"):
        pretrained.resolve("org/name")


def test_a_wrong_name_is_never_replaced_by_other_weights(hub, monkeypatch):
    monkeypatch.setenv("EMOREC_MODEL_FALLBACK", "bundled")
    for model, expected in (
        ("org/nothing", "a folder org/nothing is not here either"),
        ("org/name@v9", "no such revision"),
    ):
        with pytest.raises(EmorecError, match=expected) as raised:
            pretrained.resolve(model)
        assert "\n" not in str(raised.value) and str(raised.value).endswith(".")


def test_the_environment_names_the_face_detector(tmp_path, monkeypatch):
    chosen = tmp_path / "mine.onnx"
    monkeypatch.setenv("EMOREC_FACE_MODEL", str(chosen))
    with pytest.raises(EmorecError, match=r"mine\.onnx"):
        pretrained.face_detector_file()
    chosen.touch()
    assert pretrained.face_detector_file() == chosen


def test_without_a_choice_nothing_is_fetched(hub, monkeypatch):
    monkeypatch.delenv("EMOREC_FACE_MODEL", raising=False)
    assert pretrained.face_detector_file() is None
    assert hub.requests == []


def test_the_face_detector_is_downloaded_once(shared, hub, tmp_path):
    publish_detector(hub, FACE_MODEL.read_bytes())
    found = ask_often(hub, tmp_path)
    assert len(set(found)) == 1 and len(found) == 4
    assert Path(found[0]).read_bytes() == FACE_MODEL.read_bytes()
    assert hub.count("GET") == 1


def test_an_impostor_of_the_face_detector_is_not_used(hub, tmp_path):
    publish_detector(hub, bytes(pretrained.FACE_MODEL_SIZE))
    told = ask_often(hub, tmp_path)
    assert len(told) == 4 and all("or unset it to use the bundled face detector." in line for line in told)


def test_a_hub_that_never_answers_is_asked_once(hub, tmp_path):
    hub.fault("", "silent")
    (told,) = set(ask_often(hub, tmp_path))
    assert told.startswith("error: ") and "connect to the internet once" in told
    assert len(hub.requests) == 1
