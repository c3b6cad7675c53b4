"""models/hub.py, single files: the real client against a Hub on the loopback interface."""

import hashlib
import os
import socket
import threading

import pytest

from emorec.models import hub as hub_module
from emorec.models.hub import HubError, Unreachable, pull_file
from support.loopback_hub import ask_at, go_offline

REPO, FILENAME = "someone/something", "folder/weights.onnx"
AT = f"/{REPO}/resolve/main/{FILENAME}"
CONTENT = bytes(range(256)) * 40
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def single(hub):
    """A Hub with one file."""
    hub.commit(REPO, {FILENAME: CONTENT}, tag="v1.0")
    return hub


def file(**changed):
    return pull_file(REPO, FILENAME, **{"sha256": SHA256, "size": len(CONTENT), "timeout": 30.0} | changed)


def left_overs(home):
    return list(home.rglob("*.incomplete"))


def test_a_file_is_downloaded_then_served_from_the_cache_without_asking(single, monkeypatch):
    path = file()
    assert path.read_bytes() == CONTENT
    assert {request.split()[1] for request in single.requests} == {AT}
    before = len(single.requests)
    assert file() == path
    go_offline(monkeypatch)
    assert file() == path
    assert len(single.requests) == before


def test_a_files_revision_is_asked_for(single):
    assert file(revision="v1.0").read_bytes() == CONTENT
    assert {request.split()[1] for request in single.requests} == {AT.replace("/main/", "/v1.0/")}


def test_a_wrong_file_is_refused_and_leaves_the_cache(single, home, monkeypatch):
    single.fault(f"GET {AT}", "damaged")
    with pytest.raises(HubError, match=r"weights\.onnx.*sha256"):
        file()
    assert not [path for path in home.rglob("*") if path.is_file() and path.stat().st_size == len(CONTENT)]
    go_offline(monkeypatch)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        file()


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(single):
    single.commit(REPO, {FILENAME: CONTENT + b"more"})
    with pytest.raises(HubError, match=f"{len(CONTENT) + 4} bytes"):
        file()
    assert single.count("GET") == 0


def test_a_file_damaged_in_the_cache_is_downloaded_again(single):
    path = file()
    path.write_bytes(b"damaged")
    assert file().read_bytes() == CONTENT


def test_a_file_damaged_in_a_cache_without_links_is_downloaded_again(single, monkeypatch):
    """As on Windows, where few users may make links."""

    def refused(*_, **__):
        raise OSError("A required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refused)
    path = file()
    assert not path.is_symlink()
    path.write_bytes(b"damaged")
    assert file().read_bytes() == CONTENT


def test_a_file_that_cannot_be_read_for_a_moment_stays_in_a_cache_without_links(single, monkeypatch):
    def refused(*_, **__):
        raise OSError("in use")

    monkeypatch.setattr(os, "symlink", refused)
    path = file()
    single.fault("HEAD", 500)
    with monkeypatch.context() as context, pytest.raises(Unreachable):
        context.setattr(hub_module, "sha256_of", refused)
        file()
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["silent", "trickling"])
def test_a_file_that_does_not_arrive_is_given_up(single, home, how):
    single.fault("GET" if how == "trickling" else "HEAD", how)
    with pytest.raises(Unreachable, match="in time"):
        file(timeout=4.0)
    assert single.count("HEAD" if how == "silent" else "GET") == 1
    assert not left_overs(home)


def test_a_name_resolution_that_hangs_is_given_up(hub, monkeypatch):
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait())
    ask_at("http://hub.invalid", monkeypatch)
    try:
        with pytest.raises(Unreachable, match="in time"):
            file(timeout=2.0)
    finally:
        over.set()


@pytest.mark.parametrize(("status", "kind"), [(404, HubError), (500, Unreachable)])
def test_a_refused_file_is_said_after_one_request(single, status, kind):
    single.fault("HEAD", status)
    with pytest.raises(kind, match=str(status)):
        file()
    assert len(single.requests) == 1


def test_offline_asks_nobody(single, monkeypatch):
    go_offline(monkeypatch)
    with pytest.raises(Unreachable, match="HF_HUB_OFFLINE"):
        file()
    assert single.requests == []
