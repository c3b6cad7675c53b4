"""Files that another program has open, as Windows treats them, and names that it reserves."""

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from emorec import EmorecError, download, files
from emorec.extraction import cache
from emorec.media.writer import MovieWriter
from emorec.output import names
from support.in_use import held_open

KEY = "0" * 32


@pytest.fixture
def waits(monkeypatch):
    """The waits for files in use, which take no time."""
    waits = []
    monkeypatch.setattr(files.time, "sleep", waits.append)
    return waits


def test_a_file_in_use_for_a_moment_is_replaced(tmp_path, waits):
    (tmp_path / "a.csv").write_text("old")
    with held_open(tmp_path / "a.csv", tries=3) as refused:
        files.write(tmp_path / "a.csv", b"new")
    assert (tmp_path / "a.csv").read_text() == "new" and len(refused) == 3
    assert waits == [*files.WAITS[:3]] and os.listdir(tmp_path) == ["a.csv"]


def test_a_file_in_use_for_long_is_one_sentence_and_stays(tmp_path, waits):
    (tmp_path / "a.csv").write_text("old")
    with (
        held_open(tmp_path / "a.csv"),
        pytest.raises(EmorecError, match=r"a\.csv cannot be written \(another program may have it open"),
    ):
        files.write_result(tmp_path / "a.csv", b"new")
    assert waits == [*files.WAITS]
    assert os.listdir(tmp_path) == ["a.csv"] and (tmp_path / "a.csv").read_text() == "old"


def test_a_refusal_for_another_reason_is_told_at_once(tmp_path, waits, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(EmorecError, match=r"cannot be written \(Permission denied\)"):
        files.write_result(tmp_path / "a.csv", b"new")
    assert not waits and not os.listdir(tmp_path)


def test_no_temporary_file_stays_beside_a_file_that_is_read_only(tmp_path, waits, monkeypatch):
    (tmp_path / "a.csv").write_text("old")
    (tmp_path / "a.csv").chmod(0o444)
    unlink = os.unlink

    def unlink_as_windows(path, **options):
        if not os.stat(path).st_mode & 0o200:
            raise PermissionError(13, "Access is denied", str(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", unlink_as_windows)
    with held_open(tmp_path / "a.csv"), pytest.raises(PermissionError):
        files.write(tmp_path / "a.csv", b"new")
    assert os.listdir(tmp_path) == ["a.csv"]


def test_no_temporary_file_stays_on_a_disk_without_permissions(tmp_path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chmod", refused)
    with pytest.raises(KeyError), files.replacing(tmp_path / "a.csv"):
        raise KeyError
    assert not os.listdir(tmp_path)


def test_a_folder_of_another_user_that_becomes_a_link_costs_nothing(tmp_path, monkeypatch):
    folder, kept = tmp_path / "folder", tmp_path / "other" / "inner" / "file"
    (folder / "inner").mkdir(parents=True)
    kept.parent.mkdir(parents=True)
    kept.touch()
    owner, listed = os.geteuid(), Path.glob

    def replaced(path, pattern):
        found = [*listed(path, pattern)]
        folder.rename(tmp_path / "before")
        folder.symlink_to(tmp_path / "other")
        return found

    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    monkeypatch.setattr(Path, "glob", replaced)
    assert not files.empty(folder, ())
    assert kept.exists() and not folder.exists()


def test_a_video_replaces_one_that_is_in_use_for_a_moment(tmp_path, waits):
    path = tmp_path / "out.mp4"
    path.write_text("old")
    with held_open(path, tries=2), MovieWriter(path, (16, 16), (1, 1, 1), 25.0, sound=False) as movie:
        movie.picture(0.0, np.zeros((24, 16), np.uint8))
    assert path.read_bytes() != b"old" and os.listdir(tmp_path) == ["out.mp4"]


def test_stored_features_in_use_for_a_moment_are_forgotten(tmp_path, waits):
    segment = tmp_path / KEY / "segment-00000.safetensors"
    segment.parent.mkdir()
    segment.write_text("x")
    with held_open(segment, tries=2):
        assert cache.forget(KEY, tmp_path)
    assert not os.listdir(tmp_path)
    segment.parent.mkdir()
    segment.write_text("x")
    with held_open(segment), pytest.raises(EmorecError, match="cannot be removed"):
        cache.forget(KEY, tmp_path)
    assert segment.exists()


def test_stored_features_of_which_one_file_is_in_use_for_a_moment_are_forgotten(tmp_path, waits, monkeypatch):
    """After the folder is renamed, a virus scanner may open a file in it."""
    (tmp_path / KEY).mkdir()
    remove = shutil.rmtree

    def in_use_at_first(folder):
        if not waits:
            with held_open(folder):
                os.rename(folder, folder)
        remove(folder)

    monkeypatch.setattr(cache.shutil, "rmtree", in_use_at_first)
    assert cache.forget(KEY, tmp_path)
    assert len(waits) == 1 and not os.listdir(tmp_path)


def test_a_download_in_use_for_a_moment_is_kept(tmp_path, waits):
    media = tmp_path / "working" / "media"
    media.mkdir(parents=True)
    (media / "media.mp4").write_bytes(b"x")
    found = {"key": 6 * "00ff", "file": "media.mp4", "title": "Talk", "id": "x"}
    with held_open(media / "media.mp4", tries=1), held_open(media / download.FACTS_FILE, tries=2):
        kept = download._keep(found, "https://example.com/v", tmp_path, tmp_path / "working")
    assert kept.path == tmp_path / (6 * "00ff") / "Talk.mp4" and kept.path.read_bytes() == b"x"


def test_a_name_without_an_owner_is_taken_although_its_record_is_in_use(tmp_path, waits):
    record = tmp_path / names.RECORDS / "clip"
    record.parent.mkdir()
    record.touch()  # as a killed command leaves it
    with held_open(record, tries=1):
        assert names.claim(tmp_path, Path("clip.mp4"), "/clip.mp4", str, []) == "clip"
    assert record.read_text() == "/clip.mp4"


def test_a_name_is_taken_although_its_temporary_file_is_in_use(tmp_path, waits):
    partial = files.partial_of(tmp_path / names.RECORDS / "clip")
    with held_open(partial, tries=2):
        assert names.claim(tmp_path, Path("clip.mp4"), "/clip.mp4", str, []) == "clip"
    assert os.listdir(partial.parent) == ["clip"]
    (tmp_path / "other").mkdir()
    with held_open(files.partial_of(tmp_path / "other" / names.RECORDS / "clip")):
        assert names.claim(tmp_path / "other", Path("clip.mp4"), "/clip.mp4", str, []) == "clip"


@pytest.mark.parametrize("name", ["con", "CON.mp4", "con .mp4", "lpt1", "nul.tar.gz"])
def test_no_file_is_called_like_a_device(name):
    assert files.avoid_device_name(name) == f"_{name}"
    assert files.avoid_device_name(f"a{name}") == f"a{name}"


def opening(winerror, code=errno.EACCES):
    """An opening that fails twice and then succeeds; Windows' own number is None in errors of ``open``."""
    calls = []

    def action():
        calls.append(1)
        if len(calls) > 2:
            return len(calls)
        error = OSError(code, "Permission denied")
        if winerror != "none":
            error.winerror = winerror
        raise error

    return action


@pytest.mark.parametrize("winerror", [5, 32, None])
def test_a_file_that_is_in_use_for_a_moment_is_opened_after_it(winerror):
    assert files.when_free(opening(winerror)) == 3


@pytest.mark.parametrize(("winerror", "code"), [("none", errno.EACCES), (1314, errno.EACCES), (None, errno.ENOSPC)])
def test_what_is_not_in_use_is_not_tried_again(winerror, code):
    with pytest.raises(OSError) as caught:
        files.when_free(opening(winerror, code))
    assert caught.value.errno == code
