"""The downloading process is not trusted: after any answer the caller continues, and no other file is changed."""

import errno
import functools
import itertools
import json
import os
import sys
from types import SimpleNamespace

import pytest

from emorec import download
from emorec.batch.engine import is_full
from emorec.download import Fetched, errors, process
from emorec.errors import EmorecError
from emorec.running_time import RunningTime

LINK = "https://example.com/v"
KEY = "0123456789abcdef01234567"


@pytest.fixture
def working(tmp_path):
    """The folder of a download that has ended, inside of the folder where downloads are kept."""
    folder = tmp_path / "downloads" / ".partial-1"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / "media.mp4").write_bytes(b"x")
    return folder


def keep(working, **changes):
    found = {"key": KEY, "file": "media.mp4", "title": "A talk", "id": "7"} | changes
    return download._keep(found, LINK, working.parent, working)


def kept_before(folder, key="f" * 24):
    (folder / key).mkdir()
    (folder / key / "earlier.mp4").write_bytes(b"earlier")
    facts = {"file": "earlier.mp4", "title": "Earlier", "id": None}
    (folder / key / download.FACTS_FILE).write_text(json.dumps(facts))
    return folder / key


@pytest.mark.parametrize(
    "key", ["", ".", "..", "../..", None, 7, [], "0123", KEY + "/..", KEY + "\n", KEY.upper(), "/"]
)
def test_only_a_key_names_where_a_download_is_kept(key, working):
    earlier = kept_before(working.parent)
    (working.parent.parent / "mine").write_text("stays")
    with pytest.raises(EmorecError, match="^The download broke off"):
        keep(working, key=key)
    assert (earlier / "earlier.mp4").read_bytes() == b"earlier"
    assert (working.parent.parent / "mine").exists()


@pytest.mark.parametrize("file", ["", ".", "..", "other.mp4", 7, "/", "link.mp4", "folder", "\0"])
def test_only_a_file_that_was_downloaded_is_kept(file, working, tmp_path):
    (tmp_path / "secret").write_bytes(b"secret")
    (working / "media" / "link.mp4").symlink_to(tmp_path / "secret")
    (working / "media" / "folder").mkdir()
    with pytest.raises(EmorecError, match="^The download broke off"):
        keep(working, file=file)
    assert not (working.parent / KEY).exists()


@pytest.mark.parametrize("changes", [{"id": {}}, {"file": None}, {"file": None, "key": "e" * 24}])
def test_what_makes_no_sense_is_one_sentence(changes, working):
    with pytest.raises(EmorecError, match="^The download broke off"):
        keep(working, **changes)


@pytest.mark.parametrize(
    "facts",
    ["", "{", "[]", "7", "[" * 10_000, "{}", '{"file": "earlier.mp4"}', '{"file": 7, "title": "x", "id": null}']
    + ['{"file": "../secret", "title": "x", "id": null}', '{"file": "gone.mp4", "title": "x", "id": null}'],
)
def test_what_is_kept_but_not_whole_counts_as_not_there(facts, working):
    earlier = kept_before(working.parent, KEY)
    assert download._task(LINK, working.parent, working, 720, False, download.Limits())["kept"] == [KEY]
    assert keep(working, file=None).path == earlier / "earlier.mp4"
    (earlier / download.FACTS_FILE).write_text(facts)
    assert download._task(LINK, working.parent, working, 720, False, download.Limits())["kept"] == []
    with pytest.raises(EmorecError, match="^The download broke off"):
        keep(working, file=None)
    assert isinstance(keep(working), Fetched), "it is downloaded again"


# A downloading process that sends one message and ends.
ONE_LINE_CHILD = """
import struct, sys
sys.stdin.buffer.read(4)
text = {!r}.encode()
sys.stdout.buffer.write(struct.pack('>I', len(text)) + text)
"""


def child_that(monkeypatch, tmp_path, program):
    """What a caller gets from a downloading process that runs other lines of Python."""
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", program))
    return download.fetch(LINK, tmp_path / "downloads")


def test_a_child_that_ends_its_output_but_not_itself_is_given_up(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "ENDS_WITHIN", 0.2)
    with pytest.raises(EmorecError, match="broke off .it did not end."):
        child_that(monkeypatch, tmp_path, "import os, time; os.close(1); time.sleep(5)")
    assert list((tmp_path / "downloads").iterdir()) == []


@pytest.mark.parametrize(
    "line",
    ["[" * 10_000, "7", '{"progress": 7}', '{"progress": {"stage": 7}}', '{"progress": {"stage": "x", "done": "much"}}']
    + ['{"progress": {"stage": "x", "done": Infinity}}', '{"progress": {"stage": "x", "title": 7}}', '{"done": 7}'],
)
def test_a_line_of_another_kind_is_passed_over(line, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", ONE_LINE_CHILD.format(line)))
    with pytest.raises(EmorecError, match="broke off .code 0."):
        download.fetch(LINK, tmp_path, progress=seen.append)
    assert {(step.stage, step.done, step.total, step.title) for step in seen} <= {("looking", 0, None, None)}


def test_what_the_child_calls_the_problem_is_one_short_line(monkeypatch, tmp_path):
    with pytest.raises(EmorecError) as refused:
        child_that(monkeypatch, tmp_path, ONE_LINE_CHILD.format(json.dumps({"problem": "so\n" + 60_000 * "x"})))
    assert str(refused.value).startswith("so xxx") and len(str(refused.value)) <= 500


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)])
def test_a_batch_can_tell_a_full_disk_from_other_problems(number, full, monkeypatch, tmp_path):
    error = OSError(f"unable to write data: {OSError(number, os.strerror(number))}")  # as yt-dlp has it
    problem = errors.sentence(error, SimpleNamespace(refused=[]))
    with pytest.raises(EmorecError) as raised:
        child_that(monkeypatch, tmp_path, ONE_LINE_CHILD.format(json.dumps({"problem": problem})))
    assert is_full(raised.value) is full and str(raised.value) == problem


def test_a_computer_that_sleeps_takes_nothing_from_the_time_of_a_download(monkeypatch, tmp_path):
    hours = itertools.count(step=3600.0)
    monkeypatch.setattr(process, "RunningTime", functools.partial(RunningTime, clock=lambda: next(hours)))
    with pytest.raises(EmorecError, match="^not there$"):
        child_that(monkeypatch, tmp_path, ONE_LINE_CHILD.format(json.dumps({"problem": "not there"})))
