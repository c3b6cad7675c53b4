"""The folder of a server's files: it is its own, and those of killed servers are removed."""

import contextlib
import errno
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from types import SimpleNamespace

import httpx
import pytest
from gradio import tunneling

from emorec.errors import EmorecError
from emorec.ui import app
from emorec.ui.server import running_clock, temp_dir
from emorec.ui.server.temp_dir import ServerTempDir
from support.in_use import held_open
from support.page_process import PAGE_STARTS_WITHIN
from support.paths import ROOT

HOLD = """
import sys, time
from emorec.ui.server.temp_dir import ServerTempDir
kept = ServerTempDir(sys.argv[1])
(kept.path / "hash").mkdir()
(kept.path / "hash" / "visitor.mp4").write_text("x")
print(kept.path, flush=True)
time.sleep(600)
"""


@contextlib.contextmanager
def another_server(common):
    """A process with a ServerTempDir and a visitor's file in it."""
    command = [sys.executable, "-c", HOLD, str(common)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process, type(common)(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_what_a_killed_server_left_goes_and_what_a_living_one_has_stays(tmp_path):
    (tmp_path / "deployers-own").mkdir()
    with another_server(tmp_path) as (killed, left), another_server(tmp_path) as (_, living):
        with contextlib.closing(ServerTempDir(tmp_path)) as mine:
            assert (left / "hash" / "visitor.mp4").exists()
        killed.kill()
        killed.wait()
        with contextlib.closing(ServerTempDir(tmp_path)) as mine:
            assert mine.path not in (left, living)
            assert not left.exists()
            assert (living / "hash" / "visitor.mp4").exists()
            assert (tmp_path / "deployers-own").exists()
        assert not mine.path.exists()


def test_an_interrupted_removal_is_taken_up_again(tmp_path, monkeypatch):
    left = tmp_path / f"{temp_dir.PREFIX}dead"
    (left / "a").mkdir(parents=True)
    (left / temp_dir.LOCK).touch()
    monkeypatch.setattr(temp_dir.shutil, "rmtree", lambda *_, **__: None)
    temp_dir.remove_leftovers(tmp_path)
    assert (left / temp_dir.LOCK).exists()
    monkeypatch.undo()
    temp_dir.remove_leftovers(tmp_path)
    assert not left.exists()


def test_links_and_folders_without_a_lock_are_left_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("x")
    common = tmp_path / "common"
    (common / f"{temp_dir.PREFIX}not-ours").mkdir(parents=True)
    dead = common / f"{temp_dir.PREFIX}dead"
    dead.mkdir()
    (dead / temp_dir.LOCK).touch()
    (dead / "link").symlink_to(elsewhere)
    temp_dir.remove_leftovers(common)
    assert not dead.exists() and (elsewhere / "file").exists() and (common / f"{temp_dir.PREFIX}not-ours").exists()


def test_a_folder_that_somebody_has_removed_is_no_error(tmp_path):
    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        shutil.rmtree(mine.path)
        mine.sweep()


def test_what_the_system_has_cleaned_away_is_made_again_with_its_lock(tmp_path):
    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        for cleaned in (mine.temporary, mine.path):
            shutil.rmtree(cleaned)
            mine.sweep()
            assert mine.temporary.is_dir() and mine.path.stat().st_mode & 0o077 == 0
        with contextlib.closing(ServerTempDir(tmp_path)):  # it removes the folders of dead servers
            assert mine.temporary.is_dir()
    mine.sweep()  # one that was under way when the server ended
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_made_again_by_others_of_this_program_is_private(tmp_path):
    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        shutil.rmtree(mine.path)
        mine.path.mkdir(mode=0o755)  # as by Gradio for an upload
        mine.sweep()
        assert mine.path.stat().st_mode & 0o077 == 0


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path):
    """Where all accounts may write, another one can put it there once the folder was removed."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "tmp").mkdir(parents=True)
    for path in (elsewhere / "tmp" / "letter", elsewhere / "tmp.txt"):
        path.write_text("x")
        os.utime(path, (0, 0))
    before = elsewhere.stat().st_mode
    with contextlib.closing(ServerTempDir(tmp_path / "common")) as mine:
        assert mine.is_own()
        shutil.rmtree(mine.path)
        mine.path.symlink_to(elsewhere)
        mine.sweep(idle=True)
        assert not mine.is_own()
    assert sorted(path.name for path in elsewhere.rglob("*")) == ["letter", "tmp", "tmp.txt"]
    assert elsewhere.stat().st_mode == before


def test_no_descriptor_of_others_is_closed_if_the_lock_cannot_be_made_again(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        shutil.rmtree(mine.path)
        with monkeypatch.context() as patched:
            patched.setattr(temp_dir, "_new_lock", full)
            mine.sweep()
        with open(os.devnull, "rb") as other:  # it gets the lowest number that is free
            mine.sweep()
            assert other.read() == b"" and (mine.path / temp_dir.LOCK).exists()


def test_what_lasts_as_long_as_the_server_never_looks_unused(tmp_path):
    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        example, upload = mine.path / ("a" * 64) / "example.mp4", mine.path / "emorec-random" / "visitor.mp4"
        for file in (example, upload):
            file.parent.mkdir()
            file.write_text("x")
        lasting = [mine.path / temp_dir.LOCK, mine.temporary, example]
        for path in (*lasting, upload):
            os.utime(path, (0, 0))
        mine.sweep()
        assert all(path.stat().st_mtime > 0 for path in lasting)
        assert upload.stat().st_mtime == 0


@pytest.mark.parametrize("date", [0, 2**32])
def test_neither_a_clock_that_is_set_nor_a_sleep_makes_a_file_old(date, tmp_path):
    """After an hour of sleep every file is an hour old, also that of an upload which goes on."""
    with contextlib.closing(ServerTempDir(tmp_path)) as mine:
        upload, temporary, began = mine.path / "tmpupload", mine.temporary / "video", running_clock.now()
        for path in (upload, temporary):
            path.write_text("x")
            os.utime(path, (date, date))
        mine.sweep(now=began)
        mine.sweep(now=began + temp_dir.STALE - 1)
        assert upload.exists() and temporary.exists()
        os.utime(temporary, (date + 1, date + 1))  # something was written
        mine.sweep(now=began + temp_dir.STALE + 1)
        assert not upload.exists()
        mine.sweep(now=began + temp_dir.OLD + temp_dir.STALE)
        assert temporary.exists()
        mine.sweep(now=began + temp_dir.OLD + temp_dir.STALE + 2)
        assert not temporary.exists()


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(EmorecError, match=r"^Uploads cannot be kept in .*GRADIO_TEMP_DIR\.$"):
        ServerTempDir(tmp_path / "file")


def test_without_a_home_the_sentence_names_the_setting_that_is_enough(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.delenv(temp_dir.VARIABLE, raising=False)
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(EmorecError, match=r"^Uploads cannot be kept in .*EMOREC_CACHE\.$"):
        ServerTempDir()


def test_the_page_does_not_start_where_no_feature_can_be_stored(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv(temp_dir.VARIABLE, str(tmp_path / "uploads"))
    monkeypatch.setattr(app.emorec, "load", lambda: pytest.fail("the weights were loaded"))
    monkeypatch.setattr(app.ports, "check", lambda *_: None)
    assert app.main([]) == app.USER_ERROR
    assert "Features cannot be stored in" in capsys.readouterr().err


def test_the_folder_is_the_deployers_or_the_caches(tmp_path, monkeypatch):
    monkeypatch.delenv(temp_dir.VARIABLE, raising=False)
    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path / "cache"))
    assert temp_dir.common_folder() == tmp_path / "cache" / "page"
    monkeypatch.setenv(temp_dir.VARIABLE, str(tmp_path / "chosen"))
    assert temp_dir.common_folder() == tmp_path / "chosen"
    monkeypatch.setenv("GRADIO_TEMP_DIR", "~nobody-of-this-name/page")
    assert temp_dir.common_folder().is_absolute()


def test_the_page_starts_without_leftovers_and_ends_without_any(tmp_path):
    left = tmp_path / f"{temp_dir.PREFIX}dead"
    (left / "hash").mkdir(parents=True)
    (left / temp_dir.LOCK).touch()
    (left / "hash" / "visitor.mp4").write_text("x")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        temp_dir.VARIABLE: str(tmp_path),
        "GRADIO_SERVER_PORT": str(port),
        "EMOREC_MAX_UPLOAD_MB": "0.001",
    }
    with subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(address + "/health", process)
            (mine,) = tmp_path.iterdir()
            assert mine != left
            (uploaded,) = upload(address, b"words").json()
            assert upload(address, b"words" * 1000).status_code == 413
            assert uploaded.startswith(str(mine) + os.sep)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0, process.stdout.read()
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == []


def press_ctrl_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize(("ends", "code"), [(lambda: 0, 0), (lambda: 2, 2), (lambda: app.stop(), 0), (press_ctrl_c, 0)])
def test_the_process_ends_without_taking_libraries_down_below_running_analyses(ends, code, tmp_path, monkeypatch):
    class Ended(BaseException):
        pass

    def leave(given):
        assert list(tmp_path.iterdir()) == []  # the visitors' files are gone before
        raise Ended(given)

    monkeypatch.setenv("EMOREC_CACHE", str(tmp_path.parent / "cache"))
    monkeypatch.setenv(temp_dir.VARIABLE, str(tmp_path))
    monkeypatch.setattr(app.emorec, "load", lambda: None)
    monkeypatch.setattr(app.ports, "check", lambda *_: None)
    monkeypatch.setattr(app.signal, "signal", lambda *_: None)
    monkeypatch.setattr(app, "serve", lambda *_: ends())
    monkeypatch.setattr("emorec.ui.jobs.analyzers.protect_token", lambda: None)
    monkeypatch.setattr(app.os, "_exit", leave)
    monkeypatch.setattr(app, "remove_semaphores", lambda: None)  # this process goes on
    with pytest.raises(Ended, match=str(code)):
        app.main([])


def test_the_process_ends_also_if_nobody_reads_its_output(monkeypatch):
    codes = []
    monkeypatch.setattr(app.os, "_exit", codes.append)
    monkeypatch.setattr(app, "remove_semaphores", lambda: None)  # this process goes on
    with io.StringIO() as closed:
        monkeypatch.setattr(app.sys, "stdout", closed)
    with contextlib.suppress(ValueError):
        app.leave(2)
    assert codes == [2]


def test_the_process_leaves_no_semaphore_that_python_reports():
    """As tqdm makes one. In this way they are kept on macOS, and with Python 3.14 everywhere."""
    program = """
import multiprocessing
from emorec.ui import app
lock = multiprocessing.get_context("spawn").RLock()
app.leave(3)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (3, "")


def test_a_public_link_ends_with_the_page(monkeypatch):
    ended = []
    monkeypatch.setattr(tunneling, "CURRENT_TUNNELS", [SimpleNamespace(kill=lambda: ended.append("link"))])
    with pytest.raises(SystemExit):
        app.wait_until_stopped(SimpleNamespace(block_thread=app.stop))
    assert ended == ["link"]


def wait_for(address, process):
    deadline = time.monotonic() + PAGE_STARTS_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail("the page did not answer")


def upload(address, content):
    return httpx.post(f"{address}/gradio_api/upload", files={"files": ("mine.txt", content)}, timeout=60)


def test_a_file_in_use_stops_no_removal_of_the_others(tmp_path):
    own = ServerTempDir(tmp_path)
    held, other = (own.path / f"tmp{name}" for name in "ab")
    for file in (held, other, own.temporary / "c"):
        file.write_text("x")
    with held_open(held, own.temporary / "c"):
        own.sweep(idle=True)
        own.sweep(idle=True, now=running_clock.now() + 2 * temp_dir.OLD)
        assert held.exists() and not other.exists()
        own.close()
    assert own.path.exists()
    temp_dir.remove_leftovers(tmp_path)
    assert not own.path.exists()
