"""One pass over one stream of a recording: from a place on, up to an end, and what was wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import av

from emorec.media.reader import SEEK_MARGINS, Reader
from emorec.media.selection import EVERYTHING, Selection


class DamageReport:
    """Passes on what is wrong with a stream, each sentence once.

    That is as soon as it is certain, so that a run that is broken off has it too, else once all frames were used.
    ``on_damage`` is called in the thread that decodes, or in the one that calls ``end``.
    """

    def __init__(self, on_damage: Callable[[str], None] | None):
        self._on_damage = on_damage
        self._told: str | None = None
        self._finished: tuple[Reader, str] | None = None

    def look(self, reader: Reader, kind: str) -> None:
        """Tell what is certain by now."""
        if self._told is None and reader.is_surely_damaged(kind):
            self._tell(reader.damage(kind))

    def finished(self, reader: Reader, kind: str) -> None:
        """Note that the stream was read to its end, or to the end of the part."""
        self._finished = reader, kind

    def end(self) -> None:
        """Tell what is known once all frames were used."""
        if self._finished is not None:
            reader, kind = self._finished
            self._tell(reader.damage(kind))

    def _tell(self, sentence: str | None) -> None:
        if self._on_damage is not None and sentence is not None and sentence != self._told:
            self._told = sentence
            self._on_damage(sentence)


def decoded(
    path: Path,
    kind: str,
    needed: float,
    report: DamageReport,
    wanted: Callable[[], Callable[[float], bool] | None] = lambda: None,
    selection: Selection = EVERYTHING,
    end: float = math.inf,
    part_from: float = 0.0,
) -> Iterator[tuple[Reader, float, av.frame.Frame]]:
    """Yield ``(reader, time, frame)`` from ``needed`` (s) or a little before on and before ``end`` (s); ``wanted``
    makes a fresh predicate.

    ``part_from`` (s) is where a part of the recording that is asked for begins: of codecs that only decode to the same
    from the same place on, decoding begins there and not at the recording's beginning, however late ``needed`` is.
    ``report`` is to be ended by the caller, once it has used all frames.
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
                report.look(reader, kind)
                yield reader, time, frame
            if found or target is None:
                reader.finish(kind, whole=not ended)
                report.finished(reader, kind)
                return
