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
    """When pictures end that do not last until the next one, or that are the last."""

    def __init__(self) -> None:
        self._known: list[ShownUntil] = []

    def add(self, until: ShownUntil) -> None:
        """Note when a picture ends."""
        self._known.append(until)

    def ends(self, times: Sequence[float], following: float) -> list[float]:
        """When the pictures at ``times`` end; the one after the last of them begins at ``following`` (all s)."""
        exactly = [one.time for one in self._known if one.exactly]
        pairs = zip(times, [*times[1:], following], strict=True) if times else ()
        return [min([end, *(time for time in exactly if time >= begin)]) for begin, end in pairs]

    def last_end(self, time: float, otherwise: float) -> float:
        """When the last picture, at ``time``, ends: at ``otherwise``, or later if the recording says so (all s)."""
        return max([otherwise, *(one.time for one in self._known if one.time > time)])


def frames_of_part(frames: Iterator[Item], source: Source, settings: Settings, start: float) -> Iterator[Item]:
    """Yield ``frames``, which ``source`` reads from a little before ``start`` (s) on, and the end of the last one.

    If the part begins at ``start``, the picture that is on screen then comes first; if extraction only continues at
    ``start``, that picture was yielded before.
    """
    frames = _to_end(frames, source, settings)
    return _from_start(frames, settings, start) if start == settings.start else frames


def _to_end(frames: Iterator[Item], source: Source, settings: Settings) -> Iterator[Item]:
    """Yield ``frames``, which ``source`` reads for a part, and then the end of the last one.

    The end is the same as in the whole recording. It depends on the picture before, which may lie before the part.
    """
    before: Frame | None = None
    last: Frame | None = None
    told: ShownUntil | None = None  # what the recording tells about the last picture
    with contextlib.closing(frames):  # type: ignore[arg-type]
        for item in frames:
            if isinstance(item, ShownUntil):
                told = item
                if not item.exactly:
                    continue  # it only follows the last picture
            elif isinstance(item, Frame):
                before, last, told = last, item, None
            yield item
    if last is None or (told is not None and told.exactly):
        return
    until = -math.inf if told is None else told.time
    if until < settings.until > last.time:
        until = max(until, _last_until(source, settings, last, before))
    yield ShownUntil(until, exactly=True)


def _from_start(frames: Iterator[Item], settings: Settings, start: float) -> Iterator[Item]:
    """Yield ``frames`` of ``_to_end``, which begin a little before ``start`` (s).

    If the first bin of the part has no picture, the one that is on screen at ``start`` is repeated with that time.
    """
    first_bin = math.ceil(start * settings.face_rate - BIN_EPSILON)
    before: Frame | None = None
    until = math.inf
    with contextlib.closing(frames):  # type: ignore[arg-type]
        for item in frames:
            if isinstance(item, ShownUntil) and before is not None:
                until = item.time  # it is yielded after the picture that comes at ``start``
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
    """The picture ``before``, which ends at ``until``, with the time ``start`` if it is still shown then (all s)."""
    if until > start:
        yield replace(before, time=start)
        if until < math.inf:
            yield ShownUntil(until, exactly=True)


def _last_until(source: Source, settings: Settings, last: Frame, before: Frame | None) -> float:
    """When the last picture ends (s): it lasts as long as the one before it, and at least to the end of its bin.

    The only picture of a recording never ends (infinite). If ``before`` is None, the picture before is searched for.
    """
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
