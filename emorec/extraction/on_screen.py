"""How long pictures are on screen: until the next one comes, unless the recording says otherwise.

A video call that freezes, a slide or a still picture may have its last picture long before a part of the recording
begins, or ends.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from emorec.extraction.options import Settings
from emorec.extraction.sources import Source
from emorec.media.passes import Damage, ShownUntil, without_damage
from emorec.media.reader import BIN_EPSILON
from emorec.media.sampling import bin_of
from emorec.media.streams import Frame

Item = Frame | Damage | ShownUntil


class PictureEnds:
    """What is known of when pictures go, apart from those that follow them."""

    def __init__(self) -> None:
        self._known: list[ShownUntil] = []

    def add(self, until: ShownUntil) -> None:
        """Note what follows a picture."""
        self._known.append(until)

    def untils(self, times: Sequence[float], following: float) -> list[float]:
        """When the pictures at ``times`` go; the one after the last of them comes at ``following`` (all s)."""
        exactly = [one.time for one in self._known if one.exactly]
        pairs = zip(times, [*times[1:], following], strict=True) if times else ()
        return [min([end, *(time for time in exactly if time >= begin)]) for begin, end in pairs]

    def last(self, time: float, otherwise: float) -> float:
        """When the last picture, at ``time``, goes: ``otherwise``, unless the recording says more (all s)."""
        return max([otherwise, *(one.time for one in self._known if one.time > time)])


def frames_of_part(frames: Iterator[Item], source: Source, settings: Settings, start: float) -> Iterator[Item]:
    """Yield ``frames``, which ``source`` gives from a little before ``start`` (s) on, and until when the last is shown.

    A part that begins at ``start`` has the picture that is on screen then; one that is continued there has not.
    """
    frames = _to_end(frames, source, settings)
    return _from_start(frames, settings, start) if start == settings.start else frames


def _to_end(frames: Iterator[Item], source: Source, settings: Settings) -> Iterator[Item]:
    """Yield ``frames``, which ``source`` gives for a part, and then until when the last one is shown: as in the whole
    recording, for which the picture before it counts too, which may lie before the part."""
    before: Frame | None = None
    last: Frame | None = None
    said: ShownUntil | None = None
    with contextlib.closing(frames):  # type: ignore[arg-type]
        for item in frames:
            if isinstance(item, ShownUntil):
                said = item
                if not item.exactly:
                    continue  # it only follows the last picture
            elif isinstance(item, Frame):
                before, last, said = last, item, None
            yield item
    if last is None or (said is not None and said.exactly):
        return
    until = -math.inf if said is None else said.time
    if until < settings.until > last.time:
        until = max(until, _last_until(source, settings, last, before))
    yield ShownUntil(until, exactly=True)


def _from_start(frames: Iterator[Item], settings: Settings, start: float) -> Iterator[Item]:
    """Yield ``frames`` of ``_to_end``, which begin a little before ``start`` (s), and the picture that is on screen at
    ``start`` once more, with that time, if the first bin of the part has none."""
    first_bin = math.ceil(start * settings.face_rate - BIN_EPSILON)
    before: Frame | None = None
    until = math.inf
    with contextlib.closing(frames):  # type: ignore[arg-type]
        for item in frames:
            if isinstance(item, ShownUntil) and before is not None:
                until = item.time  # said again after the picture that comes at ``start``
                continue
            if isinstance(item, Frame):
                if item.time < start:
                    before, until = item, math.inf
                elif before is not None:
                    if bin_of(item.time, settings.face_rate) > first_bin:
                        yield from _shown_at(start, before, until)
                    before = None
            yield item
    if before is not None:
        yield from _shown_at(start, before, until)


def _shown_at(start: float, before: Frame, until: float) -> Iterator[Item]:
    """The picture ``before``, which goes at ``until``, if it is still shown at ``start`` (s)."""
    if until > start:
        yield replace(before, time=start)
        if until < math.inf:
            yield ShownUntil(until, exactly=True)


def _last_until(source: Source, settings: Settings, last: Frame, before: Frame | None) -> float:
    """When the last picture goes (s): it is shown for as long as the one before it, and to the end of its bin, or for
    ever if it is the only one. The one before is looked for if it is not known."""
    number = bin_of(last.time, settings.face_rate)
    end = (number + 1) * (1 / settings.face_rate)  # rounded as where the whole recording is read
    if before is not None:
        return max(end, last.time + (last.time - before.time))
    frames = source.frames(
        settings.face_rate,
        start=max(0.0, (number - 1) / settings.face_rate),
        max_side=max(last.image.shape[:2]),
        selection=settings.selection,
        end=end,
    )
    with contextlib.closing(frames):  # type: ignore[arg-type]
        times = [frame.time for frame in without_damage(frames)]
    if not times:
        return end  # pictures in memory that can be read only once
    first = times.pop()  # of its bin, as the whole recording samples it; ``last`` may be a later one
    return max(end, first + (first - times[-1])) if times else math.inf
