"""hub_pull.py, whole models: the real client, in its child processes, against a Hub on the loopback interface."""

import hashlib
import os
import subprocess
import sys
import threading

import pytest

from emorec.models import hub_child
from emorec.models.hub import HubError, Unreachable, pull
from support.loopback_hub import go_offline
from support.loopback_routes import TOKEN
from support.paths import ROOT

MODEL = "org/name"
REQUIRED = ("config.json", "model.safetensors")
PICKLE = "pytorch_model.bin"
SHORT = 4.0  # seconds without a sign of life, for a Hub that shall not answer
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def model(hub):
    """A Hub with a model at the tag v1, and what never may be asked for beside it."""
    hub.commit(MODEL, files_of(1) | {PICKLE: b"\x80\x04", "sub/model.safetensors": b"no", "app.py": b"no"}, tag="v1")
    return hub


def files_of(version):
    content = hashlib.sha256(b"%d" % version).digest() * 5000
    return {"config.json": b'{"version": %d}' % version, "model.safetensors": content, "README.md": b"# %d" % version}


def get(revision=None, patience=60.0, repo=MODEL):
    return pull(repo, revision, required=REQUIRED, patience=patience)


def held_by(pulled):
    return {path.name: path.read_bytes() for path in pulled.folder.iterdir()}


def test_offline_asks_nobody(model, monkeypatch):
    go_offline(monkeypatch)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        get()
    assert model.requests == []


def test_a_tag_a_commit_and_the_newest(model, monkeypatch):
    first = model.repos[MODEL].tags["v1"]
    tagged = get("v1")
    assert (tagged.repo, tagged.revision, tagged.commit) == (MODEL, "v1", first)
    assert held_by(tagged) == files_of(1)
    second = model.commit(MODEL, files_of(2))
    newest = get()
    assert (newest.commit, held_by(newest)) == (second, files_of(2))
    third = model.commit(MODEL, files_of(3))
    assert get().commit == third, "an update is not seen"
    assert get("v1").commit == first
    asked = len(model.requests)
    assert held_by(get(second)) == files_of(2)
    assert len(model.requests) == asked, "a commit never changes, so the cache is enough"
    go_offline(monkeypatch)
    assert [get(revision).commit for revision in ("v1", None, second)] == [first, third, second]


def test_nothing_but_what_a_checkpoint_needs_is_asked_for(model):
    get("v1")
    fetched = {request.rpartition("/")[2] for request in model.requests if "/resolve/" in request}
    assert fetched == {"config.json", "model.safetensors", "README.md"}
    assert not [request for request in model.requests if "sub/" in request]


def test_an_unreachable_hub_leaves_the_cache_and_says_so(model, monkeypatch):
    commit = get("v1").commit
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    again = get("v1")
    assert (again.commit, held_by(again)) == (commit, files_of(1))
    assert "no connection" in again.unreachable
    assert get(commit).unreachable is None
    with pytest.raises(Unreachable, match=r"org/name@main.*no connection"):
        get()


def test_a_file_damaged_in_the_cache_is_pulled_again(model, monkeypatch):
    weights = get("v1").folder / "model.safetensors"
    weights.write_bytes(bytes(weights.stat().st_size))
    assert held_by(get("v1")) == files_of(1)
    (get("v1").folder / "config.json").write_bytes(b"{}")
    go_offline(monkeypatch)
    with pytest.raises(Unreachable, match="no whole"):
        get("v1")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_file_damaged_on_the_way_is_refused(model, home, name):
    model.fault(f"GET /{MODEL}/resolve/{model.repos[MODEL].tags['v1']}/{name}", "damaged")
    with pytest.raises(HubError, match=rf"not used: {name} is not the file that its checksum says"):
        get("v1")
    # Not even an unreachable Hub makes anyone take it.
    model.fault("GET /api", 500)
    with pytest.raises(Unreachable):
        get("v1", patience=SHORT)


def test_what_cannot_be_pulled_is_said_in_one_sentence(model):
    model.commit("org/secret", files_of(1), private=True)
    model.commit("org/other", {"config.json": b"{}", PICKLE: b"\x80\x04"})
    for repo, revision, told in (
        ("org/nothing", None, "none of that name, or it is private: check the name, or log in"),
        ("org/secret", None, "none of that name, or it is private: check the name, or log in"),
        (MODEL, "v9", "no such revision"),
        ("org/other", None, "it has no model.safetensors"),
        ("org/na--me..", None, "no name that the Hub could have"),
    ):
        with pytest.raises(HubError, match=told) as raised:
            get(revision, repo=repo)
        assert not isinstance(raised.value, Unreachable)
        assert f"{repo}@{revision or 'main'}" in str(raised.value) and "\n" not in str(raised.value)
    assert not [request for request in model.requests if PICKLE in request]


def test_a_private_model_opens_to_its_token_which_nobody_sees(model, home, monkeypatch):
    commit = model.commit("org/secret", files_of(1), private=True)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert get(repo="org/secret").commit == commit
    assert f"Bearer {TOKEN}" in model.seen
    assert not [path for path in home.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]


def test_a_passing_fault_is_lived_through(model):
    model.fault("GET /api/models/org/name/revision", 503, times=1)
    model.fault(f"GET /{MODEL}/resolve", "cut", times=1)
    assert held_by(get("v1")) == files_of(1)
    assert model.count("GET /api/models/org/name/revision") >= 2


@pytest.mark.parametrize(("fault", "told"), [(502, "502"), ("silent", "in time")])
def test_a_lasting_fault_is_tried_again_then_said(model, fault, told):
    model.fault("GET /api", fault)
    with pytest.raises(Unreachable, match=told):
        get("v1", patience=SHORT if fault == "silent" else 60.0)
    assert len(model.requests) >= (2 if fault == "silent" else hub_child.ATTEMPTS)


def test_a_model_that_trickles_is_given_up(model):
    model.fault(f"GET /{MODEL}/resolve", "trickling")
    with pytest.raises(Unreachable, match="in time"):
        get("v1", patience=SHORT)


def test_a_full_disk_is_said(model, home, monkeypatch):
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", made(home)], capture_output=True)
    if mounted.returncode:
        pytest.skip("needs to mount a small disk, which takes root")
    try:
        with pytest.raises(HubError, match="disk is full: free some space, or set HF_HOME"):
            get("v1")
    finally:
        subprocess.run(["umount", home], check=True)
    assert held_by(get("v1")) == files_of(1)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_is_said(model, home):
    made(home).chmod(0o555)
    with pytest.raises(HubError, match="cannot be written: set HF_HOME"):
        get("v1")


def made(folder):
    folder.mkdir()
    return folder


def test_a_child_that_dies_is_said(hub, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(HubError, match="exit code 3"):
        get()


TALKATIVE = """
import json
def loud(*values, real=json.dumps, **options):
    print("a library says hello", end="", flush=True)
    return real(*values, **options)
json.dumps = loud
"""


def test_what_a_library_prints_is_not_taken_for_the_answer(model, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(TALKATIVE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert held_by(get("v1")) == files_of(1)


@pytest.mark.parametrize("line", ["hello", "[" * 10_000, "7", "{}", '{"problem": "refused"}'])
def test_a_line_that_is_no_answer_is_passed_over(line, monkeypatch):
    program = f"print({line!r}, flush=True); print('{{\"result\": 3}}')"
    monkeypatch.setattr(hub_child, "started", lambda asked: running(program))
    assert hub_child.ask("file", "This") == 3


def test_a_child_that_ends_its_output_but_not_itself_is_given_up(monkeypatch):
    monkeypatch.setattr(hub_child, "ENDING", 0.2)
    monkeypatch.setattr(hub_child, "PATIENCE", 0.2)
    monkeypatch.setattr(hub_child, "started", lambda asked: running("import os, time; os.close(1); time.sleep(60)"))
    with pytest.raises(Unreachable, match="^This: it did not get done in time"):
        hub_child.ask("file", "This")


def running(program):
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def test_signs_of_life_from_many_threads_are_whole_lines(capfd):
    """What stands on one line with another sign would be taken for the answer."""
    from emorec.models import hub_tasks

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [hub_tasks.beat() for _ in range(300)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert capfd.readouterr().out == 2400 * f"{hub_child.BEAT}\n"


def test_importing_it_imports_no_client():
    code = "import sys, emorec.models.hub; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
