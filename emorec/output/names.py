"""Names of result files in a folder, so that the results of one recording never overwrite those of another.

The folder records which recording a name belongs to: ``.emorec/NAME`` contains the path or link of the recording.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError

RECORDS = ".emorec"
STEM = 180  # bytes of a result's name that come from the name of the recording; most systems allow 255 in all
UNFIT = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f]')  # characters that Linux, macOS or Windows refuses in a file name
NAMELESS = "recording"
PAUSE = 0.1  # seconds to wait for another command, which may have made a record and not filled it yet
REPORTS = (".report.html", ".report.faces-hidden.html")  # suffixes of a report with faces, and with hidden faces


def claim(folder: Path, media: Path, source: str, label: Callable[[str], str], suffixes: Iterable[str]) -> str:
    """The name, without suffix, for the results of one recording in a folder; it is then recorded as taken.

    ``label`` makes a name from a stem. The stem is that of the recording (``clip``). If that name is taken, it is the
    whole file name (``clip.mp4``), and then one with a number (``clip.mp4-2``). A long stem is cut before the number is
    added, so that the number stays. A name is taken if it is recorded for another recording, or if it is not recorded
    but a file with one of the ``suffixes`` exists. ``source`` identifies the recording. Raises EmorecError if the
    folder cannot be written.
    """
    owner, suffixes = os.fsencode(source), list(suffixes)
    numbered = ((media.name, f"-{number}") for number in itertools.count(2))
    for stem, ending in itertools.chain([(media.stem, ""), (media.name, "")], numbered):
        name = label(f"{files.shortened(stem, STEM - len(ending))}{ending}")
        record = folder / RECORDS / name
        try:
            known = _recorded(record)
            if not known and any(os.path.lexists(folder / f"{name}{suffix}") for suffix in suffixes):
                continue
            known = known or _record(record, owner)
        except OSError as error:
            raise _unwritable(folder, error) from None
        if known == owner:
            return name
    raise AssertionError("the numbers have no end")


def file_stem(text: str) -> str:
    """A text, such as the title of a link, as the stem of a file name.

    It is never a path, never hidden, never empty, and has at most STEM bytes. Characters of UNFIT become "_".
    """
    name = UNFIT.sub("_", text).lstrip(". ")
    return files.shortened(files.avoid_device_name(name), STEM) or NAMELESS


def name_part(text: str) -> str:
    """A text, such as the name of a person, as a part of a file name: letters, digits, "_", "." and "-".

    What is between them becomes "-". Marks belong to letters: without its vowels, which are marks, a name in Thai or
    Hindi could be that of another person. Marks of an emoji, such as the invisible one of a heart, go with it.
    """
    kept = " "
    for one in text:
        is_mark = unicodedata.category(one)[0] == "M" and kept[-1] != " "
        kept += one if one.isalnum() or one in "_.-" or is_mark else " "
    return re.sub(" +", "-", kept).strip("-. ")


def check_folder(folder: Path) -> None:
    """Make a folder for results, if it is not there. Raises EmorecError unless files can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> EmorecError:
    return EmorecError(f"{folder} cannot be written ({error.strerror or error}); choose another place.")


def _recorded(record: Path) -> bytes:
    """The recorded owner of a name, empty if there is none. Raises OSError."""
    for wait in (PAUSE, 0.0):
        try:
            if owner := files.when_free(record.read_bytes):
                return owner
        except (FileNotFoundError, NotADirectoryError):
            break
        time.sleep(wait)
    # An empty record was left by a command that was killed, or that found the disk full.
    return b""


def _record(record: Path, owner: bytes) -> bytes:
    """Record the owner of a name that has none, and return the owner that is recorded: another command may be faster.

    The record appears as a whole, so that two commands with the same recording take the same name. Raises OSError.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    partial = files.partial_of(record)
    try:
        partial.write_bytes(owner)
        if _is_empty(record):
            files.when_free(lambda: partial.replace(record))
            time.sleep(PAUSE)  # another command may replace it too; the last one gets the name
        else:
            _link(partial, record)
    finally:
        with contextlib.suppress(OSError):  # it may be in use on Windows, where it then stays
            files.when_free(partial.unlink)
    return _recorded(record)


def _is_empty(record: Path) -> bool:
    """Whether a record exists without an owner in it. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        return files.when_free(record.stat).st_size == 0
    return False


def _link(partial: Path, record: Path) -> None:
    """Give a file the second name ``record``, if no file has this name. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        try:
            files.when_free(lambda: os.link(partial, record))
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links
            with record.open("xb") as file:
                file.write(partial.read_bytes())
