"""Temporary folders of what is fetched: none stays after its process."""

import contextlib
import errno
import gc
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from openpyxl.worksheet import _writer

from emorec import cli, library, settings
from emorec.batch import temporary
from emorec.errors import EmorecError
from emorec.library import items
from support import make_media
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


def test_a_file_is_analysed_where_no_temporary_file_can_be_made_and_else_one_sentence_says_so(
    tmp_path, monkeypatch, capsys
):
    """As in a container that may write only to the folders for features and results."""

    def none():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setattr("tempfile._get_default_tempdir", none)
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=2, tones=((0, 1),))
    clip = make_media.record(tmp_path / "clip.wav", audio=sound)
    given = ["--out", str(tmp_path / "out")]
    assert cli.main(["analyze", str(clip), *given]) == 0
    assert (tmp_path / "out" / "clip.csv").exists()
    with clip.open("rb") as source:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(source))
        assert cli.main(["analyze", "-", *given]) == 2
    assert capsys.readouterr().err.endswith(
        "No temporary file can be written (No usable temporary directory found in ['/tmp']); "
        "free some space, or name another folder in TMPDIR.\n"
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
def test_a_full_disk_for_temporary_files_costs_the_workbook_alone(tmp_path, monkeypatch, capsys):
    gc.collect()  # what earlier tests have left is not meant
    unraisable = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    folder = tmp_path / "temporary"
    folder.mkdir()

    def full(suffix=""):
        path = folder / f"sheet{len(list(folder.iterdir()))}"
        path.symlink_to("/dev/full")
        _writer.ALL_TEMP_FILES.append(str(path))
        return str(path)

    monkeypatch.setattr(_writer, "create_temporary_file", full)
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=2, tones=((0, 1),))
    clip = make_media.record(tmp_path / "clip.wav", audio=sound)
    assert cli.main(["analyze", str(clip), "--format", "xlsx,srt", "--out", str(tmp_path / "out")]) == 2
    assert {path.name for path in (tmp_path / "out").glob("clip.*")} == {"clip.srt", "clip.png"}
    assert capsys.readouterr().err.endswith(
        "No temporary file can be written (No space left on device); "
        "free some space, or name another folder in TMPDIR.\n"
    )
    gc.collect()
    assert unraisable == [] and list(folder.iterdir()) == []


def test_a_query_without_a_folder_for_temporary_files_is_one_sentence(tmp_path, monkeypatch):
    def none(**_):
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.TemporaryDirectory", none)
    monkeypatch.setattr(items, "find", lambda _: items.Found(items=[], others=[], notes=[]))
    with pytest.raises(EmorecError, match=r"^No temporary file can be written .*TMPDIR\.$"):
        library.open(tmp_path)
