"""models/hub.py, whole models: the real client against a Hub on the loopback interface."""

import functools
import hashlib
import itertools
import logging.handlers
import os
import subprocess
import sys
import threading

import pytest

from emorec.models import hub_call
from emorec.models.hub import HubError, Unreachable, pull
from emorec.running_time import RunningTime
from support.loopback_hub import LoopbackHub, ask_at, environment_of, go_offline
from support.loopback_routes import TOKEN
from support.paths import ROOT

MODEL = "org/name"
REQUIRED = ("config.json", "model.safetensors")
PICKLE = "pytorch_model.bin"
SHORT = 4.0  # seconds without a sign of life, for a Hub that shall not answer
CLOSED_PORT = "http://127.0.0.1:9"


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
    requests_before = len(model.requests)
    assert held_by(get(second)) == files_of(2)
    assert len(model.requests) == requests_before, "a commit never changes, so the cache is enough"
    go_offline(monkeypatch)
    assert [get(revision).commit for revision in ("v1", None, second)] == [first, third, second]


def test_nothing_but_what_a_checkpoint_needs_is_asked_for(model):
    get("v1")
    fetched = {request.rpartition("/")[2] for request in model.requests if "/resolve/" in request}
    assert fetched == {"config.json", "model.safetensors", "README.md"}
    assert not [request for request in model.requests if "sub/" in request]


def test_an_unreachable_hub_leaves_the_cache_and_says_so(model, monkeypatch):
    commit = get("v1").commit
    ask_at(CLOSED_PORT, monkeypatch)
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
    with pytest.raises(Unreachable, match="no complete"):
        get("v1")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_file_damaged_on_the_way_is_refused(model, home, name):
    model.fault(f"GET /{MODEL}/resolve/{model.repos[MODEL].tags['v1']}/{name}", "damaged")
    with pytest.raises(HubError, match=rf"not used: the checksum of {name} is wrong"):
        get("v1")
    # Not even an unreachable Hub makes anyone take it.
    model.fault("GET /api", 500)
    with pytest.raises(Unreachable):
        get("v1", patience=SHORT)


def test_what_cannot_be_pulled_is_said_in_one_sentence(model):
    model.commit("org/secret", files_of(1), private=True)
    model.commit("org/other", {"config.json": b"{}", PICKLE: b"\x80\x04"})
    for repo, revision, expected in (
        ("org/nothing", None, "none of that name, or it is private: check the name, or log in"),
        ("org/secret", None, "none of that name, or it is private: check the name, or log in"),
        (MODEL, "v9", "no such revision"),
        ("org/other", None, "it has no model.safetensors"),
        ("org/na--me..", None, "no name that the Hub could have"),
    ):
        with pytest.raises(HubError, match=expected) as raised:
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


@pytest.mark.parametrize(("fault", "expected"), [(502, "502"), ("silent", "in time")])
def test_a_lasting_fault_is_tried_again_then_said(model, fault, expected):
    model.fault("GET /api", fault)
    with pytest.raises(Unreachable, match=expected):
        get("v1", patience=SHORT if fault == "silent" else 60.0)
    assert len(model.requests) >= (2 if fault == "silent" else hub_call.ATTEMPTS)


def test_a_pause_of_the_program_is_no_silence_of_the_hub(monkeypatch):
    hours = itertools.count(step=3600.0)  # one passes between two looks at the system's clock
    monkeypatch.setattr(hub_call, "RunningTime", functools.partial(RunningTime, clock=lambda: next(hours)))
    work = threading.Event()
    assert hub_call.call(lambda _: work.wait(1.2) or "given", "The model", patience=60.0, timeout=600.0) == "given"


def test_a_model_that_trickles_is_given_up(model):
    model.fault(f"GET /{MODEL}/resolve", "trickling")
    with pytest.raises(Unreachable, match="in time"):
        get("v1", patience=SHORT)


def test_a_full_disk_is_said(model, home):
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


def test_calls_do_not_change_the_library_for_the_rest_of_the_program(model, monkeypatch):
    """Neither its settings, nor its warnings, nor its client in other threads."""
    from huggingface_hub import constants, get_session
    from huggingface_hub.utils import are_progress_bars_disabled

    log = logging.handlers.BufferingHandler(100)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "handlers", [log])
    before = [*(getattr(constants, name) for name in hub_call.SETTINGS), are_progress_bars_disabled()]
    model.fault(f"GET /{MODEL}/resolve", "cut", times=1)
    get("v1")
    assert [*(getattr(constants, name) for name in hub_call.SETTINGS), are_progress_bars_disabled()] == before
    assert log.buffer == []
    model.fault("GET /api/models/org/name/refs", 503)
    assert get_session().get(f"{model.url}/api/models/org/name/refs").status_code == 503
    logging.getLogger("huggingface_hub").warning("of the program itself")
    assert [record.getMessage() for record in log.buffer] == ["of the program itself"]


def test_a_token_goes_to_no_other_host(model, monkeypatch):
    """The Hub sends large files from other hosts, which it redirects to."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with LoopbackHub() as other:
        other.commit(MODEL, files_of(1))
        path = f"/{MODEL}/resolve/{other.repos[MODEL].branches['main']}/model.safetensors"
        commit = model.repos[MODEL].tags["v1"]
        elsewhere = other.url.replace("127.0.0.1", "localhost") + path
        model.fault(f"GET /{MODEL}/resolve/{commit}/model.safetensors", elsewhere)
        assert held_by(get("v1")) == files_of(1)
        assert other.count("GET") == 1 and other.seen == [None]
    assert f"Bearer {TOKEN}" in model.seen


HANGING_RESOLVER = """
import os, socket, sys, threading
socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
from emorec.models import hub
try:
    hub.pull("org/name", patience=1.0)
except hub.Unreachable as error:
    print(error)
"""


def test_a_name_resolution_that_hangs_delays_neither_the_answer_nor_the_end_of_the_program(hub, home):
    environment = environment_of(hub, home) | {"HF_ENDPOINT": "http://hub.invalid"}
    done = subprocess.run(
        [sys.executable, "-c", HANGING_RESOLVER], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "The model org/name@main is not available from the Hub: it was not done in time.\n"


def test_importing_it_imports_no_client():
    code = "import sys, emorec.models.hub; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
