"""hub/pull.py through the real client, in a process of its own, against a Hub on the loopback interface."""

import hashlib
import json
import os
import subprocess
import sys
import time

import pytest

from conftest import ROOT
from loopback_hub import LoopbackHub

REPO, FILENAME = "someone/something", "folder/weights.onnx"
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TIMEOUT = 5.0  # seconds that an unreachable Hub may cost
SLACK = 1.5  # seconds for a busy machine

PULL = """
import json, sys, time
from hub.pull import HubError, pull_file
asked = json.loads(sys.argv[1])
start = time.monotonic()
try:
    outcome = {"path": str(pull_file(**asked))}
except HubError as error:
    outcome = {"error": str(error)}
print(json.dumps(outcome | {"seconds": time.monotonic() - start}))
"""

# Stands for a resolver that hangs in C, where no Python signal handler runs.
HANGING_RESOLVER = """
import signal, socket, time
def getaddrinfo(*_, **__):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    time.sleep(600)
socket.getaddrinfo = getaddrinfo
"""


@pytest.fixture
def hub():
    with LoopbackHub(REPO, FILENAME, CONTENT) as running:
        yield running


@pytest.fixture
def pull(hub, tmp_path):
    """pull(environment, **changed arguments) -> {"path": ...} or {"error": ...}, with "seconds"."""

    def run(environment=None, **changed):
        asked = {"repo": REPO, "filename": FILENAME, "sha256": SHA256, "size": len(CONTENT), "timeout": TIMEOUT}
        process = subprocess.run(
            [sys.executable, "-c", PULL, json.dumps(asked | changed)],
            cwd=ROOT,
            env=client_environment(hub, tmp_path) | (environment or {}),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    return run


def client_environment(hub, home):
    """Of a process whose only Hub is ``hub`` and whose Hub cache lies under ``home``."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home / "hub-home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
    }


def cached_files(home):
    return [path for path in (home / "hub-home").rglob("*") if path.is_file() and "models--" in str(path.parent)]


def test_downloads_then_serves_from_the_cache_without_asking(hub, pull):
    first = pull()
    with open(first["path"], "rb") as stream:
        assert stream.read() == CONTENT
    asked = len(hub.requests)
    assert asked > 0
    assert pull()["path"] == first["path"]
    assert pull({"HF_HUB_OFFLINE": "1"})["path"] == first["path"]
    assert len(hub.requests) == asked


def test_asks_for_nothing_but_the_file(hub, pull):
    pull()
    assert {request.split()[1] for request in hub.requests} == {hub.path}


def test_a_revision_is_asked_for(hub, pull):
    hub.path = hub.path.replace("/main/", "/v1.0/")
    assert "path" in pull(revision="v1.0")
    assert "404" in pull()["error"]


def test_a_wrong_content_is_refused_and_leaves_the_cache(hub, pull, tmp_path):
    hub.content = CONTENT[:-1] + b"!"
    outcome = pull()
    assert "sha256" in outcome["error"]
    assert FILENAME in outcome["error"]
    assert not [file for file in cached_files(tmp_path) if file.read_bytes() == hub.content]
    assert "error" in pull({"HF_HUB_OFFLINE": "1"})


def test_a_wrong_size_is_refused_before_it_is_downloaded(hub, pull):
    hub.content = CONTENT + b"more"
    assert f"{len(CONTENT) + 4} bytes" in pull()["error"]
    assert not [request for request in hub.requests if request.startswith("GET")]


def test_a_file_damaged_in_the_cache_is_downloaded_again(hub, pull):
    path = pull()["path"]
    with open(path, "wb") as stream:
        stream.write(b"damaged")
    assert "error" in pull({"HF_HUB_OFFLINE": "1"})
    with open(pull()["path"], "rb") as stream:
        assert stream.read() == CONTENT


@pytest.mark.parametrize("behaviour", ["silent", "trickling"])
def test_a_host_that_does_not_get_done_costs_no_more_than_the_timeout(hub, pull, tmp_path, behaviour):
    hub.behaviour = behaviour
    outcome = pull()
    assert "in time" in outcome["error"]
    assert outcome["seconds"] < TIMEOUT + SLACK
    assert hub.requests, "the Hub was never asked"
    assert not [file for file in cached_files(tmp_path) if file.suffix == ".incomplete"]


def test_the_timeout_is_the_callers(hub, pull):
    hub.behaviour = "silent"
    assert pull(timeout=1.5)["seconds"] < 1.5 + SLACK


def test_a_name_resolution_that_hangs_costs_no_more_than_the_timeout(pull, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(HANGING_RESOLVER)
    start = time.monotonic()
    outcome = pull({"PYTHONPATH": str(tmp_path), "HF_ENDPOINT": "http://hub.invalid"})
    assert "in time" in outcome["error"]
    assert TIMEOUT - 1 < outcome["seconds"] < TIMEOUT + SLACK
    assert time.monotonic() - start < TIMEOUT + 2 * SLACK, "something was left that held the process"


@pytest.mark.parametrize(("behaviour", "status"), [("missing", "404"), ("broken", "500")])
def test_a_refusal_is_said_at_once(hub, pull, behaviour, status):
    hub.behaviour = behaviour
    outcome = pull()
    assert status in outcome["error"]
    assert outcome["seconds"] < TIMEOUT - 1


def test_nobody_listening_is_said_at_once(pull):
    outcome = pull({"HF_ENDPOINT": "http://127.0.0.1:9"})
    assert outcome["error"].startswith(f"{FILENAME} of {REPO} cannot be had from the Hub")
    assert outcome["seconds"] < TIMEOUT - 1


def test_offline_asks_nobody(hub, pull):
    assert "HF_HUB_OFFLINE" in pull({"HF_HUB_OFFLINE": "1"})["error"]
    assert hub.requests == []


def test_importing_it_imports_no_client():
    code = "import sys, hub.pull; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
