"""Temporary folders of what is fetched: none stays after its process."""

import contextlib
import os
import signal
import subprocess
import sys
import time

from emorec import cli, settings
from emorec.batch import temporary
from support.in_use import held_open
from support.paths import ROOT

HOLD = """
import sys
from emorec.batch import temporary
with temporary.folder() as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_folder_stays_as_long_as_its_process_and_not_longer(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        held = process.stdout.readline().strip()
        temporary.remove_leftovers()
        assert os.path.isdir(held)
        with temporary.folder() as mine:
            temporary.remove_leftovers()
            assert os.path.isdir(mine) and os.path.isdir(held)
        assert not os.path.exists(mine)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert os.path.isdir(held)
    temporary.remove_leftovers()
    assert not list(tmp_path.iterdir())


def test_an_open_file_need_not_be_renamed(tmp_path, monkeypatch):
    """As on Windows, where it cannot be."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    hold = f"import pathlib\npathlib.Path.rename = None\n{HOLD}"
    held = killed([sys.executable, "-c", hold], tmp_path, lambda process: process.stdout.readline())
    assert held
    temporary.remove_leftovers()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_about_to_be_locked_stays(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lock = tmp_path / f"{temporary.PREFIX}x" / temporary.LOCK
    lock.parent.mkdir()
    lock.touch()
    temporary.remove_leftovers()
    assert lock.exists()
    os.utime(lock, (1, 1))  # as an earlier version left it, or a process that was killed just then
    temporary.remove_leftovers()
    assert not lock.parent.exists()


def test_a_killed_analysis_of_standard_input_leaves_nothing_to_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    command = [sys.executable, "-m", "emorec", "analyze", "-"]

    def arrived(process):
        process.stdin.write("x" * 100_000)
        process.stdin.flush()
        while not (found := list(tmp_path.glob("emorec-*/stdin"))):
            assert process.poll() is None
            time.sleep(0.02)
        return found

    (left,) = killed(command, tmp_path, arrived)
    assert left.exists()
    assert cli.main(["analyze", str(tmp_path / "none.mp4")]) == 2
    assert not list(tmp_path.glob("emorec-*"))


def killed(command, temporary_folder, until):
    """What ``until`` makes of a process, which is killed then."""
    variables = os.environ | {"TMPDIR": str(temporary_folder)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, cwd=ROOT, env=variables, text=True, **pipes)
    try:
        return until(process)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def test_the_password_of_the_page_goes_to_no_other_machine():
    environment = {"EMOREC_AUTH": "me:secret", "EMOREC_CACHE": "/c", "HOME": "/h"}
    assert settings.library_variables(environment) == {"EMOREC_CACHE": "/c"}


def test_what_a_link_points_to_is_not_emptied(tmp_path, monkeypatch):
    """Anybody may make a link in the common folder for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    other = tmp_path / "other"
    (other / "folder").mkdir(parents=True)
    for name in (temporary.LOCK, temporary.LOCKED, "file", "folder/file"):
        (other / name).touch()
    (tmp_path / f"{temporary.PREFIX}link").symlink_to(other)
    temporary.remove_leftovers()
    assert (other / "file").exists() and (other / "folder" / "file").exists()


def test_what_is_in_use_at_the_end_is_removed_later(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    opened = contextlib.ExitStack()
    with temporary.folder() as mine:
        fetched, other = (os.path.join(mine, name) for name in ("a.mp4", "b.mp4"))
        for file in (fetched, other):
            open(file, "wb").close()
        opened.enter_context(held_open(fetched))
    temporary.remove_leftovers()
    assert os.path.exists(fetched) and not os.path.exists(other)
    opened.close()
    temporary.remove_leftovers()
    assert not list(tmp_path.iterdir())
