"""The pictures before a part of a recording, which give its tracker the state that it has in an uninterrupted run.

Tracks depend on the last few seconds alone: a person is matched by position for two seconds, and after two seconds a
track is no longer tentative. So a tracker that begins some seconds early has the same tracks at the start of the part,
under other numbers. The faces of the lead-in tell which numbers they are in the part before.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from emorec.extraction.face_arrays import Arrays, FaceRow
from emorec.extraction.options import Settings
from emorec.extraction.sources import Source
from emorec.face.detection import DETECTION_SIDE
from emorec.face.tracking import Tracker
from emorec.media.passes import without_damage
from emorec.media.streams import Frame

SECONDS = 20.0  # ten times what tracks depend on


@dataclass(kw_only=True)
class LeadIn:
    """The pictures from ``seconds`` (s) before a part up to its start; ``first`` is the first picture of the recording
    if that is still earlier, else None.

    After the lead-in ``faces`` are those seen in it: ``time`` (N,), ``box`` (N, 4), ``person`` (N,) and ``track`` (N,)
    as in Features, and ``next`` (1,) and ``next_track`` (1,), the numbers from which on the tracker numbers what it
    finds later.
    """

    seconds: float
    first: Frame | None = None
    faces: Arrays = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether the part has begun."""
        return bool(self.faces)

    def begin(self, tracker: Tracker) -> float:
        """Prepare a new tracker; return how many seconds before the part its pictures begin."""
        if self.first is not None:
            tracker.begin(self.first.time, self.first.image)
        return self.seconds

    def end(self, tracker: Tracker, rows: Sequence[FaceRow]) -> None:
        """Note the faces that were seen, when the first picture of the part comes."""
        renamed, state = tracker.take_renamed(), tracker.state()
        self.faces = {
            "time": np.array([row.time for row in rows]),
            "box": np.array([row.box for row in rows], np.float32).reshape(-1, 4),
            "person": np.array([renamed.get(row.person, row.person) for row in rows], np.int64),
            "track": np.array([row.track for row in rows], np.int64),
            "next": state["next"],
            "next_track": state["next_track"],
        }


def read_lead_in(source: Source, settings: Settings, start: float) -> LeadIn:
    """The lead-in of a part that begins at ``start`` (s): SECONDS, or as far back as it takes to hold a picture.

    Raises EmorecError if the recording cannot be decoded.
    """
    frame_seconds = 1 / settings.face_rate
    first = _picture(source, settings, settings.start - 4 * frame_seconds, settings.start)
    seconds = SECONDS
    # A slide may be shown for minutes, so the lead-in grows until it holds a picture.
    while first is not None and first.time < start - seconds:
        begin = start - seconds
        found = _picture(source, settings, begin - 4 * frame_seconds, begin)
        if found is not None and found.time < start:
            break
        seconds *= 2
    early = first is not None and first.time < start - seconds
    return LeadIn(seconds=min(seconds, start - settings.start), first=first if early else None)


def _picture(source: Source, settings: Settings, read_from: float, since: float) -> Frame | None:
    """The first sampled picture at ``since`` (s) or later, if reading begins at ``read_from`` (s)."""
    frames = source.frames(
        settings.face_rate,
        start=max(0.0, read_from),
        max_side=DETECTION_SIDE,
        selection=settings.selection,
        end=settings.until,
    )
    with contextlib.closing(frames):  # type: ignore[arg-type]
        return next((frame for frame in without_damage(frames) if frame.time >= since), None)
