"""The extracted segments of a recording, put together into its Features, and what is stored beside them."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from emorec.extraction import channels, options
from emorec.extraction import segments as cuts
from emorec.extraction.face_arrays import no_faces
from emorec.extraction.faces import STILL, STILL_SECONDS
from emorec.extraction.feature_folder import Head
from emorec.extraction.features import Features, JoinedArrays
from emorec.extraction.options import Settings
from emorec.media.streams import MediaInfo
from emorec.models import speaker
from emorec.models.checkpoint import Checkpoint

Segment = dict[str, np.ndarray]

KINDS = ("The video", "The audio")  # that sentences about damage begin with
DAMAGED = tuple(f"{kind} is damaged" for kind in KINDS)


def complete(
    head: Head, segments: list[Segment], info: MediaInfo, settings: Settings, decoded: bool, notes: list[str]
) -> None:
    """Set the final duration and notes of a head whose segments are all there.

    Raises EmorecError if the recording ends before the part begins, which its header need not have said. A part
    within a pause of the recording is empty.
    """
    if not decoded:
        head.duration = min(settings.until, info.duration or 0.0)
    shown_until = min(_last_picture_until(segments), info.duration or 0.0, settings.until)
    head.duration = max(head.duration, shown_until)
    # The last picture counts to the end of its bin, which may lie after the end of the recording.
    if info.duration and 0 < head.duration - info.duration < 1 / settings.face_rate:
        head.duration = info.duration
    head.notes = merge_notes(head.notes, notes)
    if settings.start and head.duration <= settings.start:
        if settings.until > (info.duration or 0.0) or any(note.startswith(KINDS) for note in head.notes):
            damaged = any(note.startswith(DAMAGED) for note in head.notes)
            raise options.start_after_end_error(settings, info.path.name, head.duration, damaged)
        head.duration = settings.until  # decoding was ended by what comes after the part
    if head.duration - settings.start < STILL_SECONDS:
        # The only picture of a recording lasts as long as the recording, whose length is known only now.
        head.notes = [note for note in head.notes if note != STILL]
    head.complete = True


def _last_picture_until(segments: list[Segment]) -> float:
    """When the last picture ends (s), 0 if there is none."""
    return next((float(part["frame_until"][-1]) for part in reversed(segments) if len(part["frame_until"])), 0.0)


def merge_notes(notes: list[str], found: list[str]) -> list[str]:
    """Sentences about damage, each once: a run that continues another may find the same damage again.

    Those about the audio come last, because which stream is decoded first differs from run to run.
    """
    return sorted(dict.fromkeys([*notes, *found]), key=lambda note: note.startswith(f"{KINDS[1]} is "))


def metadata(info: MediaInfo) -> dict:
    """What is stored about a recording; not its path, which may be different next time."""
    return {name: value for name, value in asdict(info).items() if name != "path"}


def features_of(
    head: Head,
    segments: list[Segment],
    model: Checkpoint,
    info: MediaInfo,
    settings: Settings,
    key: str,
    joined: JoinedArrays,
) -> Features:
    hop = model.front_end.hop_seconds
    extracted = cuts.segment_at(settings.start / hop) + len(segments)
    until = head.duration if head.complete else min(cuts.first_hop(extracted) * hop, head.duration)
    duration = max(head.duration, min(info.duration or 0.0, settings.until))
    return Features(
        duration=head.duration if head.complete else duration,
        until=until,
        complete=head.complete,
        segments=tuple(segments),
        empty=empty_segment(model, settings),
        media={"name": info.path.name} | head.media | options.non_default(settings),
        notes=(*head.chosen.get("notes", ()), *head.notes),
        hop_seconds=hop,
        start=settings.start,
        settings=head.settings | head.chosen.get("tracks", {}),
        fingerprint=model.fingerprint,
        key=key,
        joined=joined,
    )


def empty_segment(model: Checkpoint, settings: Settings = options.WHOLE) -> Segment:
    """Every array of a segment, without rows: what a recording without that stream has."""
    apart = channels.no_channels() if settings.channel == channels.SPLIT else {}
    return (
        apart
        | no_faces(model.face.config)
        | {
            "frame_time": np.zeros(0),
            "frame_until": np.zeros(0),
            "voice_time": np.zeros(0),
            "voice_speech": np.zeros(0, np.float32),
            "voice_loudness": np.zeros(0, np.float32),
            "voice_embedding": np.zeros((0, model.voice.config.embedding), np.float16),
            "voice_sound": np.zeros((0, speaker.STEPS * speaker.DIMENSIONS), np.float16),
        }
    )
