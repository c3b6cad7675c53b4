"""One pass over one stream of a recording, from a start to an end, and its damage."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from emorec.errors import EmorecError
from emorec.media.ogg_links import MAX_LINKS
from emorec.media.packets import SEEK_MARGINS
from emorec.media.reader import Reader, Sampler
from emorec.media.selection import EVERYTHING, Selection

Item = TypeVar("Item")


@dataclass(frozen=True)
class Damage:
    """What is broken or missing in a stream, in one sentence for the user."""

    sentence: str


@dataclass(frozen=True)
class ShownUntil:
    """The picture before is shown until ``time`` (s) at least; if ``exactly``, no longer."""

    time: float
    exactly: bool = False


def without_damage(items: Iterable[Item | Damage | ShownUntil]) -> Iterator[Item]:
    """Yield the frames or blocks alone, for a caller that needs to know neither what is damaged nor how long pictures
    are shown."""
    for item in items:
        if not isinstance(item, Damage | ShownUntil):
            yield item


class DamageReport:
    """Collects sentences about damage of a stream while it is decoded, possibly in another thread; each sentence once.

    A sentence is yielded as soon as it is certain, so that an interrupted run has it too; the others by ``take_rest``.
    """

    def __init__(self) -> None:
        self._sentences: deque[str] = deque()
        self._latest: str | None = None
        self._finished: tuple[Reader, str] | None = None

    def take_new(self) -> Iterator[Damage]:
        """Yield what was found since the last call."""
        while self._sentences:
            yield Damage(self._sentences.popleft())

    def check(self, reader: Reader, kind: str) -> None:
        """Note the damage that is certain so far."""
        if self._latest is None and reader.is_surely_damaged(kind):
            self._note(reader.damage(kind))

    def set_finished(self, reader: Reader, kind: str) -> None:
        """Note that the stream, or one more link of it, was read to its end, or to the end of the part."""
        if self._finished is not None and self._latest is None:
            self._note(self._finished[0].damage(kind))
        self._finished = reader, kind

    def take_rest(self) -> Iterator[Damage]:
        """Yield the remaining sentences, after all frames were used."""
        if self._finished is not None:
            reader, kind = self._finished
            self._note(reader.damage(kind))
        yield from self.take_new()

    def _note(self, sentence: str | None) -> None:
        if sentence is not None and sentence != self._latest:
            self._latest = sentence
            self._sentences.append(sentence)


def decode_stream(
    path: Path,
    kind: str,
    needed: float,
    report: DamageReport,
    wanted: Callable[[], Sampler | None] = lambda: None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[tuple[Reader, float, Any]]:
    """Yield ``(reader, time, frame)`` from ``needed`` (s), or a little earlier, to before ``end`` (s).

    ``wanted`` makes a Sampler for each attempt to seek; None decodes every frame.

    ``part_from`` (s) is where the selected part of the recording begins: if the codec's output depends on where
    decoding began, decoding starts there and not at the recording's beginning, however late ``needed`` is.
    The caller takes the rest of ``report`` once it has used all frames.
    """
    exact = [(needed, needed - margin, True) for margin in SEEK_MARGINS if needed > margin]
    at_part = [(part_from, part_from - margin, False) for margin in SEEK_MARGINS if part_from > margin]
    for latest, target, repeatable in (*exact, *at_part, (math.inf, None, True)):
        with Reader(path, selection) as reader:
            if reader.streams[kind] is None:
                return
            if target is not None and not reader.seek(kind, target, repeatable):
                continue
            found, ended = False, False
            for time, frame in reader.decode(kind, wanted()):
                if time >= end:
                    ended = True
                if ended or (not found and time > latest):
                    break
                found = True
                report.check(reader, kind)
                yield reader, time, frame
            if found or target is None:
                reader.finish(kind, whole=not ended)
                report.set_finished(reader, kind)
                if not ended:
                    yield from _further_links(reader, path, kind, report, selection, end)
                return


def _further_links(
    reader: Reader, path: Path, kind: str, report: DamageReport, selection: Selection, end: float
) -> Iterator[tuple[Reader, float, Any]]:
    """As ``decode_stream``, from the links of an Ogg file that follow the one that ``reader`` has read (``ogg_links``).

    They are decoded one after the other, each by a decoder of its own.
    """
    for _ in range(MAX_LINKS):
        if reader.next_link is None:
            return
        try:
            following = Reader(path, selection, reader.next_link)
        except EmorecError:
            return reader.note_cut()
        with following:
            following.continue_after(reader)
            ended = False
            for time, frame in following.decode(kind, None):
                if ended := time >= end:
                    break
                report.check(following, kind)
                yield following, time, frame
            following.finish(kind, whole=not ended)
            report.set_finished(following, kind)
        if ended:
            return
        reader = following
    reader.note_cut()
