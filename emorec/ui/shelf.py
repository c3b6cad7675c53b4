"""The past analyses that the tab Library shows, from one folder that the operator chose."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError
from emorec.inference.timeline import Timeline
from emorec.library import items, stored
from emorec.library.items import Item
from emorec.output.chart_data import has_pictures
from emorec.output.summary import Summary, summary
from emorec.ui.overview import ribbon

GONE = "The result {name} is not in the library any more; open its tab again to see the list."
SORTS = ("date", "name", "length", "unsure")
RIBBON_COLUMNS = 60
FOUND_FROM = 0.05  # share of the time with evidence from which on a search for an emotion finds a recording

DOTS = str.maketrans("ı", "i", "\u0307")  # the second is the dot that Turkish "İ" leaves behind in lower case


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One past analysis.

    ``item`` is its name in the folder, ``name`` that of the recording, ``finished`` its time (UTC, ISO 8601),
    ``duration`` its length (s), ``persons`` their number (None if unknown, or for sound alone), ``figures`` its
    summary, and ``ribbon`` a small chart as HTML.
    """

    item: str
    name: str
    finished: str
    duration: float
    persons: int | None
    figures: Summary
    ribbon: str

    @property
    def dominant(self) -> str:
        """The emotion with the largest share of the time, "" without evidence."""
        return next((name for name, share in self.figures.shares.items() if share > 0), "")

    @property
    def words(self) -> str:
        """The words for the search: name, time, the most common emotion, and all with a share of FOUND_FROM."""
        emotions = [self.dominant, *(name for name, share in self.figures.shares.items() if share >= FOUND_FROM)]
        return _folded(f"{self.name} {self.finished} {' '.join(emotions)}")


class Shelf:
    """The library in a folder. Items are only found by their names there, so no request can name another path."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._lock = threading.Lock()
        self._entries: dict[tuple[str, object], Entry] = {}
        self._items: dict[str, Item] = {}
        self._last: tuple[list[Entry], list[str]] | None = None

    def last(self) -> tuple[list[Entry], list[str]]:
        """The last result of ``entries``, because reading a large folder takes seconds."""
        return self._last or self.entries()

    def entries(self) -> tuple[list[Entry], list[str]]:
        """Read the folder: all past analyses, and sentences about those left out. Raises EmorecError if none."""
        try:
            found = items.find(self.folder)
        except EmorecError:
            self._last = None
            raise
        notes, entries = list(found.notes), []
        with self._lock:
            known, self._entries = self._entries, {}
            for item in found.items:
                key = item.name, _stamp(item)
                try:
                    entry = known.get(key) or _entry(item)
                except EmorecError as error:
                    notes.append(str(error))
                    continue
                self._entries[key] = entry
                entries.append(entry)
            self._items = {item.name: item for item in found.items}
            self._last = entries, notes
        return entries, notes

    def get(self, name: str) -> Item:
        """An item that ``entries`` has found. Raises EmorecError if there is none of this name."""
        with self._lock:
            item = self._items.get(name)
        if item is None:
            raise EmorecError(GONE.format(name=files.shown(name[:80])))
        return item

    def timeline(self, name: str) -> Timeline:
        """The stored timeline of an item. Raises EmorecError."""
        return stored.timeline(self.get(name))


def search_entries(entries: Sequence[Entry], words: str, order: str) -> list[Entry]:
    """The entries in whose ``words`` every word occurs, sorted by one of SORTS."""
    wanted = _folded(words).split()
    kept = [entry for entry in entries if all(word in entry.words for word in wanted)]
    kept.sort(key=lambda entry: entry.name.casefold())
    if order == "date":
        kept.sort(key=lambda entry: entry.finished, reverse=True)
    elif order == "length":
        kept.sort(key=lambda entry: -entry.duration)
    elif order == "unsure":
        kept.sort(key=lambda entry: -entry.figures.unsure)
    return kept


def _folded(text: str) -> str:
    """A text as it is searched: whether é is one character or two, ı has a dot, and letters are capitals or wide."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold()).translate(DOTS)


def _entry(item: Item) -> Entry:
    timeline = stored.timeline(item)
    persons = item.media.get("persons")
    return Entry(
        item=item.name,
        name=stored.name_of(item),
        finished=str(item.media.get("finished") or ""),
        duration=timeline.duration,
        persons=None if persons is None or not has_pictures(timeline) else int(persons),
        figures=summary(timeline),
        ribbon=ribbon(timeline, RIBBON_COLUMNS),
    )


def _stamp(item: Item) -> object:
    """A value that changes if the item is analysed again."""
    path = item.paths.get("windows")
    return (
        (path.stat().st_mtime_ns, item.media.get("finished")) if path and path.exists() else item.media.get("finished")
    )
