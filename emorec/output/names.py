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
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError

RECORDS = ".emorec"
STEM = 180  # bytes of a result's name that come from the name of the recording; most systems allow 255 in all
UNFIT = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f]')  # what Linux, macOS or Windows has in no name of a file
UNFIT_OF_PERSON = re.compile(r"[^\w.-]+")  # what is replaced in a person's name
NAMELESS = "recording"
PAUSE = 0.1  # seconds in which another command fills the record that it has just made, where it cannot do both at once
REPORTS = (".report.html", ".report.faces-hidden.html")  # what follows the name: a report with faces, and without


def claim(folder: Path, media: Path, source: str, label: Callable[[str], str], suffixes: Iterable[str]) -> str:
    """The name, without suffix, for the results of one recording in a folder; it is then recorded as taken.

    ``label`` makes a name from a stem. The stem is that of the recording (``clip``); if that name is taken, it is the
    whole name (``clip.mp4``), then one with a number (``clip.mp4-2``). A long stem is cut before the number is added,
    which would else be cut off. A name is taken if it is recorded for another recording, or if it is not recorded but a
    file with one of the ``suffixes`` exists. ``source`` identifies the recording. Raises EmorecError if the folder
    cannot be written.
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


def plain(text: str) -> str:
    """A text, such as the title of a link, as the beginning of a file's name: never a path, never hidden, never empty,
    and of at most STEM bytes. What no name of a file may have becomes "_"."""
    name = UNFIT.sub("_", text).lstrip(". ")
    return files.shortened(files.avoid_device_name(name), STEM) or NAMELESS


def of_person(name: str, number: int | None, others: Mapping[int, str], words: Iterable[str], most: int) -> str:
    """A person's name in the name of a file, in at most so many bytes, with - for what no name of a file may have.

    The person's number follows if that is the same, in small or capital letters, for one of the ``words``, or for one
    of the ``others``, names by number, with or without the number of that one.
    """

    def fit(name: str) -> str:
        return files.shortened(UNFIT_OF_PERSON.sub("-", name).strip("-. ") or "person", most)

    def numbered(name: str, number: int) -> str:
        return f"{files.shortened(fit(name), most - len(f'-{number}'))}-{number}"

    taken = [fit(other) for other in (*words, *others.values())]
    taken += [numbered(other, its) for its, other in others.items()]
    if number is None or fit(name).casefold() not in (one.casefold() for one in taken):
        return fit(name)
    return numbered(name, number)


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
            if owner := record.read_bytes():
                return owner
        except (FileNotFoundError, NotADirectoryError):
            break
        time.sleep(wait)
    # An empty record is of a command that was killed, or that found the disk full.
    return b""


def _record(record: Path, owner: bytes) -> bytes:
    """Record the owner of a name that has none, and return who is recorded: another command may be faster.

    Others see the whole record or none, so that two commands with one recording take the same name. Raises OSError.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    partial = files.partial_of(record)
    try:
        partial.write_bytes(owner)
        if _is_empty(record):
            partial.replace(record)
            time.sleep(PAUSE)  # others may have found it empty too: who replaces it last has the name
        else:
            _link(partial, record)
    finally:
        partial.unlink(missing_ok=True)
    return _recorded(record)


def _is_empty(record: Path) -> bool:
    """Whether there is a record without an owner. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        return record.stat().st_size == 0
    return False


def _link(partial: Path, record: Path) -> None:
    """Give a file a second name, if that is not there yet. Raises OSError."""
    with contextlib.suppress(FileExistsError):
        try:
            os.link(partial, record)
        except FileExistsError:
            raise
        except OSError:  # a disk on which a file has one name only
            with record.open("xb") as file:
                file.write(partial.read_bytes())
