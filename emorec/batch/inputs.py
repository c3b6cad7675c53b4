"""The inputs of a batch (files, folders, patterns, lists in text files, links, objects) as a list of sources."""

from __future__ import annotations

import codecs
import glob
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emorec import download
from emorec.batch import storage
from emorec.errors import EmorecError
from emorec.media.containers import SUFFIXES

LIST = ".txt"
SEPARATORS = re.escape(f"{os.sep}{os.altsep or ''}")
ANY_FOLDERS = re.compile(rf"(?<![^{SEPARATORS}])\*\*(?:[{SEPARATORS}]+|$)")  # ** as a whole part of a path

NO_LIST = "The list {path} cannot be read ({reason}); check the name."
EMPTY = "One of the inputs is empty, as a variable that is not set is; give a name, or . for this folder."
NOTHING_IN = "There is no recording in {given}."
UNREADABLE = "The folder {path} cannot be read ({reason}), so what is in it was left out."


@dataclass(frozen=True, kw_only=True)
class Source:
    """A recording: its ``address`` (an absolute path, a link, or the URL of an object), and how it stands there now.

    ``version`` changes when the content does: of a file its size and time, of an object its ETag; "" if it is not
    known. ``size`` (bytes) is None if it is not known. ``problem`` says, in one sentence, why it cannot be used.
    """

    address: str
    version: str = ""
    size: int | None = None
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The ``sources``, each once, in the order in which they were given, and ``notes`` about what was left out.

    ``expanded`` are the addresses of inputs that are no source themselves, but name some: folders and patterns.
    """

    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()
    expanded: frozenset[str] = frozenset()


def list_sources(given: Iterable[str], leave_out: Iterable[Path] = ()) -> Listing:
    """List everything that the inputs name; folders and patterns find nothing below the folders ``leave_out``.

    What cannot be used becomes a source with a problem. Raises EmorecError for a list that cannot be read, and for an
    empty name, which would mean everything here.
    """
    notes: list[str] = []
    skipped = frozenset(map(os.path.abspath, leave_out))
    found: dict[str, Source] = {}
    expanded: set[str] = set()
    for name, base in _expand_lists(given):
        expanded.add(name if _is_remote(name, base) else _absolute(name, base))
        for source in _sources(name, base, skipped, notes):
            found.setdefault(source.address, source)
    return Listing(
        sources=tuple(found.values()), notes=tuple(dict.fromkeys(notes)), expanded=frozenset(expanded) - found.keys()
    )


def _expand_lists(given: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """Every input, with the folder that a relative path starts from; a list in a text file is replaced by its lines."""
    for name in given:
        if not name.strip():
            raise EmorecError(EMPTY)
        listed = name.startswith("@") and not os.path.lexists(name)
        if listed or (name.lower().endswith(LIST) and not _is_remote(name)):
            path = Path(name[1:] if listed else name)
            for line in _read_list(path):
                yield line, path.absolute().parent
        else:
            yield name, Path.cwd()


def _read_list(path: Path) -> list[str]:
    """The lines of a list, without empty ones and those that begin with #. Raises EmorecError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EmorecError(NO_LIST.format(path=path, reason=error.strerror or error)) from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):  # as > writes in Windows PowerShell
        text = content.decode("utf-16", errors="replace")
    else:
        text = content.decode("utf-8-sig", errors="surrogateescape")  # a file name may be invalid UTF-8
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _is_remote(name: str, base: str | Path = "") -> bool:
    return storage.is_object(name) or download.is_link(name, base)


def _absolute(name: str, base: Path) -> str:
    return os.path.abspath(os.path.join(base, os.path.expanduser(name)))


def _sources(name: str, base: Path, skipped: frozenset[str], notes: list[str]) -> Iterator[Source]:
    """The sources that one input names."""
    try:
        if storage.is_object(name):
            found = [
                Source(address=each.url, version=each.version, size=each.size) for each in storage.list_objects(name)
            ]
        elif download.is_link(name, base):
            found = [Source(address=download.check_link(name))]
        else:
            found = list(_files(os.path.expanduser(name), base, skipped, notes))
    except EmorecError as error:
        yield Source(address=storage.without_user(name), problem=str(error))
        return
    if not found:
        notes.append(NOTHING_IN.format(given=name))
    yield from found


def _files(name: str, base: Path, skipped: frozenset[str], notes: list[str]) -> Iterator[Source]:
    """The files that a path or a pattern names; a relative one starts from the folder ``base``."""
    path = os.path.join(base, name)
    if os.path.isdir(path):
        yield from map(_file_source, _walk(path, skipped, notes))
    elif os.path.lexists(path) or not storage.is_pattern(name):
        yield _file_source(path)
    else:
        named = storage.names_ending(name)
        # ``base`` is no pattern, even with brackets in its name.
        for each in sorted(set(_match(os.path.join(glob.escape(str(base)), name)))):
            if os.path.isfile(each) and (named or is_media(each)) and not _is_within(each, skipped):
                yield _file_source(each)


def _match(pattern: str) -> Iterator[str]:
    """The paths that match a pattern. As in a shell, ``**`` leaves out hidden folders and links to folders.

    ``glob`` follows those links. A link to a folder above it would give every file many times, and two such links would
    never end.
    """
    head, *tails = ANY_FOLDERS.split(pattern, maxsplit=1)
    if not tails:
        yield from glob.iglob(pattern)
        return
    for folder in glob.iglob(head):
        for place, folders, _ in os.walk(folder):
            folders[:] = (name for name in folders if not name.startswith("."))
            yield from _match(os.path.join(glob.escape(place), tails[0] or "*"))


def _walk(folder: str, skipped: frozenset[str], notes: list[str]) -> Iterator[str]:
    """The recordings in a folder and the folders in it, by the endings of their names; hidden ones are left out."""

    def note(error: OSError) -> None:
        notes.append(UNREADABLE.format(path=error.filename, reason=error.strerror or error))

    for place, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.abspath(os.path.join(place, name)) not in skipped
        )
        for name in sorted(names):
            if is_media(name) and not name.startswith("."):
                yield os.path.join(place, name)


def is_media(name: str) -> bool:
    """Whether a file is a recording by the ending of its name."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


def _is_within(path: str, folders: frozenset[str]) -> bool:
    return bool(folders) and any(str(parent) in folders for parent in Path(os.path.abspath(path)).parents)


def _file_source(path: str) -> Source:
    path = os.path.abspath(path)
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return Source(address=path)  # the analysis finds out why, and says it
    return Source(address=path, version=f"{status.st_size}-{status.st_mtime_ns}", size=status.st_size)
