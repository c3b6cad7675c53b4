"""The limits of uploads, and that unfinished ones are removed."""

import asyncio
import errno
import functools
import os
import socket
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from emorec.errors import EmorecError
from emorec.ui import settings
from emorec.ui.server import running_clock, temp_dir, uploads
from support.paths import find_files
from support.small_page import API, serving, upload, wait_for

BOUNDARY = "frontier"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    limits = {"EMOREC_MAX_UPLOAD_MB": "2", "EMOREC_UPLOAD_QUOTA_MB": "5"}
    with serving(tmp_path_factory.mktemp("temp-dir"), **limits) as running:
        yield running


@pytest.fixture
def client(served):
    for path in served.temp_dir.path.glob("?" * 64 + "/*"):
        path.unlink(missing_ok=True)
    with httpx.Client(base_url=served.address, timeout=60) as visitor:
        yield visitor


def files(served):
    """Every file in the server's folder but its lock."""
    return [path for path in find_files(served.temp_dir.path, "*") if path.name != temp_dir.LOCK]


def head_of(field):
    """What comes before the content of a file in the body of an upload."""
    return f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="a.mp4"\r\n\r\n'.encode()


def begun(served, content=b"x" * 100_000, field="files", length=1_000_000):
    """A connection on which an upload has begun."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    part = head_of(field)
    head = (
        f"POST {API}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    )
    connection.sendall(head.encode() + part + content)
    return connection


def test_an_upload_that_breaks_off_leaves_nothing(served, client):
    connections = [begun(served) for _ in range(3)]
    assert wait_for(lambda: len(files(served)) == 3)
    for connection in connections:
        connection.close()
    assert wait_for(lambda: files(served) == [])


@pytest.mark.parametrize("field", ["other", "files"])
def test_a_malformed_upload_leaves_nothing(served, client, field):
    sent = [
        client.post(f"{API}/upload", files={"other": ("x.mp4", b"x" * 100_000)}),
        client.post(f"{API}/upload", data={"files": "no file"}, files={"other": ("x.mp4", b"x" * 100_000)}),
    ]
    body = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="a"\r\n\r\nabc--oops'.encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    sent.append(client.post(f"{API}/upload", content=body * 3, headers=kind))
    sent.append(client.post(f"{API}/upload", content=body, headers={"Content-Type": "multipart/form-data"}))
    assert {answer.status_code for answer in sent} <= {200, 400, 500}
    assert wait_for(lambda: files(served) == [])


def test_an_upload_without_a_file_is_one_sentence(served, client):
    for requested in (
        {"data": {"files": "no file"}, "files": {"other": ("x.mp4", b"x")}},
        {"files": {"files": ("", b"x")}},
    ):
        answer = client.post(f"{API}/upload", **requested)
        assert answer.status_code >= 400 and answer.text == uploads.NOT_TAKEN
    assert wait_for(lambda: files(served) == [])


def test_while_another_upload_goes_on_only_what_is_stale_goes(served, client, monkeypatch):
    with begun(served) as going:
        assert wait_for(lambda: len(files(served)) == 1)
        (mine,) = files(served)
        stale = served.temp_dir.path / "tmpstale"
        stale.write_text("x")
        served.temp_dir.sweep()
        os.utime(mine)  # as if more of it had come
        with monkeypatch.context() as patched:
            later = running_clock.now() + 2 * temp_dir.STALE
            patched.setattr(served.temp_dir, "sweep", functools.partial(served.temp_dir.sweep, now=later))
            upload(client)
            assert wait_for(lambda: not stale.exists()) and mine.exists()
        going.close()
    assert wait_for(lambda: not mine.exists())


def test_an_upload_that_stalls_is_aborted(served, client, monkeypatch):
    monkeypatch.setattr(uploads, "STALL_TIMEOUT", 0.5)
    with begun(served) as connection:
        answer = b"".join(iter(lambda: connection.recv(4000), b""))
        assert answer.startswith(b"HTTP/1.1 408") and b"stopped arriving" in answer
    assert wait_for(lambda: files(served) == [])


def test_an_upload_goes_on_after_a_sleep_of_the_server(served, client, monkeypatch):
    monkeypatch.setattr(uploads, "STALL_TIMEOUT", 0.2)
    monkeypatch.setattr(running_clock, "now", lambda: 0.0)
    with begun(served, b"x" * 1_000, length=3_000) as connection:
        time.sleep(0.5)
        end = f"\r\n--{BOUNDARY}--\r\n".encode()
        part = 3_000 - 1_000 - len(head_of("files"))
        connection.sendall(b"x" * (part - len(end)) + end)
        assert connection.recv(4000).startswith(b"HTTP/1.1 200")


def test_a_file_that_is_too_large_is_refused_in_one_sentence(served, client):
    def chunks():
        yield f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'.encode()
        for _ in range(40):
            yield b"x" * 100_000

    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    for sent in (
        client.post(f"{API}/upload", files={"files": ("a.mp4", b"x" * 4_000_000)}),
        client.post(f"{API}/upload", content=chunks(), headers=kind),
    ):
        assert sent.status_code == 413
        assert sent.text == "The file is larger than the 2 MB that may be uploaded here."
    assert wait_for(lambda: files(served) == [])


@pytest.mark.parametrize(("free", "said"), [(2_000, uploads.FULL), (10**9, uploads.NOT_TAKEN)])
def test_an_upload_that_a_full_disk_stops_is_told_so(served, client, monkeypatch, free, said):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gradio.route_utils.NamedTemporaryFile", full)
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    answer = client.post(f"{API}/upload", files={"files": ("a.mp4", b"x" * 100_000)})
    assert (answer.status_code, answer.text) == (507 if said == uploads.FULL else 500, said)


def test_all_uploads_together_have_a_quota(served, client):
    for number in range(2):
        assert upload(client, bytes([number]) * 1_900_000)
    sent = client.post(f"{API}/upload", files={"files": ("a.mp4", b"y" * 1_900_000)})
    assert sent.status_code == 507 and sent.text.startswith("There is no room") and sent.text.endswith(".")
    assert upload(client, b"small")
    assert wait_for(lambda: not served.guard.uploads.active)
    with begun(served, length=500_000), begun(served, length=500_000):
        assert wait_for(lambda: len(files(served)) == 5)  # both are accepted, and something of each is on disk
        sent = client.post(f"{API}/upload", files={"files": ("a.mp4", b"z" * 900_000)})
        assert sent.status_code == 507  # what the others announced counts
    assert wait_for(lambda: not served.guard.uploads.active)


def test_an_upload_that_does_not_fit_ends_none_that_was_accepted(served, client, monkeypatch):
    used, asked, go_on = served.temp_dir.used, threading.Event(), threading.Event()

    def used_slowly():
        asked.set()
        go_on.wait(20)
        return used()

    for number in range(2):
        assert upload(client, bytes([number]) * 1_900_000)
    with begun(served, length=500_000) as going, ThreadPoolExecutor() as pool:
        assert wait_for(lambda: files(served)[2:])  # accepted: something of it is on disk
        monkeypatch.setattr(served.temp_dir, "used", used_slowly)
        too_much = pool.submit(client.post, f"{API}/upload", files={"files": ("a.mp4", b"z" * 900_000)})
        assert asked.wait(20)
        end = f"\r\n--{BOUNDARY}--\r\n".encode()
        going.sendall(b"x" * (500_000 - 100_000 - len(head_of("files")) - len(end)) + end)
        try:
            assert going.recv(4000).startswith(b"HTTP/1.1 200")
        finally:
            go_on.set()
        assert too_much.result(timeout=20).status_code == 507


def test_nothing_is_uploaded_into_a_folder_that_another_account_has_put_in_place(served, client):
    own, aside = served.temp_dir.path, served.temp_dir.path.with_name("aside")
    own.rename(aside)
    own.symlink_to(aside)
    try:
        sent = client.post(f"{API}/upload", files={"files": ("a.mp4", b"x")})
    finally:
        own.unlink()
        aside.rename(own)
    assert sent.status_code == 507 and sent.text == uploads.TAKEN
    assert upload(client, b"small")


def test_an_error_does_not_end_the_removal_of_unfinished_files(monkeypatch):
    passes = []

    def sweep(everything):
        passes.append(everything)
        raise OSError("the disk is full")

    async def run():
        limits = uploads.Uploads(SimpleNamespace(sweep=sweep), max_bytes=1, quota=1)
        sweeping = asyncio.create_task(limits.keep_sweeping())
        deadline = time.monotonic() + 20
        while len(passes) < 3 and time.monotonic() < deadline and not sweeping.done():
            await asyncio.sleep(0.01)
        sweeping.cancel()

    monkeypatch.setattr(uploads, "SWEEP", 0.01)
    # In a thread of its own: a browser that other tests of the process have open has a running loop in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, run()).result()
    assert len(passes) >= 3


def test_an_upload_does_not_begin_while_unfinished_files_are_removed():
    """Its own file could be among them, if no other upload was in progress when the removal began."""
    begun, go_on = threading.Event(), threading.Event()

    def sweep(idle):
        assert idle
        begun.set()
        assert go_on.wait(30)

    async def run():
        folder = SimpleNamespace(sweep=sweep, used=lambda: 0, is_own=lambda: True)
        limits = uploads.Uploads(folder, max_bytes=10, quota=10)
        sweeping = asyncio.create_task(limits.sweep())
        await asyncio.to_thread(begun.wait)

        async def send():
            async with limits.track(5):
                assert sweeping.done()

        sending = asyncio.create_task(send())
        await asyncio.sleep(0.05)
        assert limits.active == 0
        go_on.set()
        await sending

    with ThreadPoolExecutor(1) as pool:  # Playwright's event loop runs in this thread
        pool.submit(asyncio.run, run()).result()


def test_temporary_files_lie_in_the_servers_folder_and_go(served):
    with tempfile.NamedTemporaryFile(delete=False) as made:
        assert Path(made.name).parent == served.temp_dir.temporary
        assert os.environ["TMPDIR"] == str(served.temp_dir.temporary)
    folder = Path(tempfile.mkdtemp())
    (folder / "inside").write_text("x")
    empty = served.temp_dir.path / ("0" * 64)
    empty.mkdir()
    served.temp_dir.sweep()
    assert Path(made.name).exists() and folder.exists() and empty.exists()
    served.temp_dir.sweep(now=running_clock.now() + 2 * temp_dir.STALE)
    assert Path(made.name).exists() and folder.exists() and not empty.exists()
    served.temp_dir.sweep(now=running_clock.now() + 2 * temp_dir.OLD)
    assert list(served.temp_dir.temporary.iterdir()) == []


def test_temporary_files_go_elsewhere_again_afterwards(tmp_path, monkeypatch):
    monkeypatch.delenv("TMPDIR", raising=False)
    before = tempfile.gettempdir()
    own = temp_dir.ServerTempDir(tmp_path)
    with own.used_for_temporary_files():
        assert tempfile.gettempdir() == str(own.temporary)
    own.close()
    assert tempfile.gettempdir() == before and "TMPDIR" not in os.environ


@pytest.mark.parametrize("size", ["", "many", "0", "-1", "inf", "nan"])
def test_a_wrong_quota_is_one_sentence(size):
    if not size:
        assert settings.upload_quota({"EMOREC_UPLOAD_QUOTA_MB": size}) == settings.DEFAULT_QUOTA_MB * 10**6
        return
    with pytest.raises(EmorecError, match=r"^EMOREC_UPLOAD_QUOTA_MB is .*\.$"):
        settings.upload_quota({"EMOREC_UPLOAD_QUOTA_MB": size})
