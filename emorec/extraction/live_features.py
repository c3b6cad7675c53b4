"""The features of a recording that is being made, from what ``live_faces`` and ``live_voices`` know of it."""

from __future__ import annotations

import itertools
from dataclasses import asdict
from pathlib import Path

import numpy as np

from emorec.extraction.assembly import empty_segment, metadata
from emorec.extraction.features import Features
from emorec.extraction.live_faces import Faces
from emorec.extraction.live_voices import Voices
from emorec.extraction.options import Settings
from emorec.media.streams import MediaInfo
from emorec.models.checkpoint import Checkpoint

HOP = 1.0  # seconds, more than a voice hop: one that begins before a start may reach beyond it


def features_of(
    model: Checkpoint,
    settings: Settings,
    faces: Faces,
    voices: Voices,
    start: float,
    *,
    name: str,
    size: tuple[int, int] | None,
    complete: bool,
    notes: tuple[str, ...],
) -> Features:
    """The Features from ``start`` (s) on of a recording; ``size`` (px) are height and width of its pictures.

    Parts that ended before the start are left out, so that the last minute costs the same after hours.
    """
    empty, until = empty_segment(model), max(faces.until, voices.until)
    seen = [part for part in faces.arrays if part["frame_until"][-1] > start]
    heard = [part for part in voices.arrays if part["voice_time"][-1] > start - HOP]
    parts = itertools.zip_longest(seen, heard, fillvalue=dict[str, np.ndarray]())
    return Features(
        duration=until,
        until=until,
        complete=complete,
        segments=tuple(empty | face | voice for face, voice in parts),
        empty=empty,
        media={"name": name} | metadata(_info(name, size, until, bool(faces.arrays), bool(voices.arrays))),
        notes=notes,
        hop_seconds=model.front_end.hop_seconds,
        start=start,
        settings=asdict(settings),
        fingerprint=model.fingerprint,
    )


def _info(name: str, size: tuple[int, int] | None, duration: float, pictures: bool, sound: bool) -> MediaInfo:
    height, width = size or (None, None)
    return MediaInfo(
        path=Path(name),
        container="live",
        duration=duration,
        has_video=pictures,
        has_audio=sound,
        width=width,
        height=height,
        frame_rate=None,
        video_codec=None,
        audio_codec=None,
        size=0,
        video_tracks=int(pictures),
        audio_tracks=int(sound),
        video_track=1 if pictures else None,
        audio_track=1 if sound else None,
    )
