"""Joins the features of the parts of a recording; the result is that of an uninterrupted run.

The numbers of tracks and persons continue over a joint: a face that both trackers saw before it, at the same time in
the same place, tells which numbers are the same. Which tracks are one person is decided again over the whole recording
(``persons``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from emorec.errors import EmorecError
from emorec.extraction import segments as cuts
from emorec.extraction.assembly import KINDS, Segment, complete, empty_segment, features_of, merge_notes
from emorec.extraction.face_arrays import TRACKER
from emorec.extraction.faces import STILL
from emorec.extraction.features import Features, JoinedArrays
from emorec.extraction.parts import PartFeatures
from emorec.extraction.renumbering import Numbers, renumber
from emorec.extraction.storing import Store
from emorec.models.checkpoint import Checkpoint
from emorec.settings import cache_folder


def join(parts: Sequence[PartFeatures], model: Checkpoint, cache: Path | None = None) -> Features:
    """The complete Features of a recording from all its parts, in any order.

    They are stored like those of an uninterrupted run, in the folder ``cache`` (default: ``settings.cache_folder()``).
    Raises EmorecError if nothing could be extracted or the features cannot be stored, and ValueError if parts are
    missing.
    """
    parts = sorted(parts, key=lambda piece: piece.part.first)
    recording, hop = parts[0].part.recording, model.front_end.hop_seconds
    info, settings = recording.info, recording.settings
    ends = [piece.part.first for piece in parts[1:]] + [None]
    if parts[0].part.first != cuts.segment_at(settings.start / hop) or [piece.part.stop for piece in parts] != ends:
        raise ValueError("parts of the recording are missing")
    segments = _joined(parts, model)
    decoded = info.has_video and settings.faces or info.has_audio and settings.voices
    if decoded and not segments and not settings.start:
        raise EmorecError(f"Nothing in {info.path.name} could be decoded; the file seems to be damaged.")
    head = replace(recording.head, notes=[])
    store = Store(cache_folder() if cache is None else Path(cache), recording.key)
    for segment in segments:
        head.segments += 1
        head.duration = max(head.duration, float(segment["end"][0]))
        store.append(head, segment)
    complete(head, segments, info, settings, bool(decoded), _notes(parts))
    store.write_head(head)
    store.limit.enforce()
    joined = JoinedArrays(empty_segment(model, settings))
    return features_of(head, segments, model, info, settings, recording.key, joined)


def _joined(parts: Sequence[PartFeatures], model: Checkpoint) -> list[Segment]:
    """All segments, with the numbers of tracks and persons as in an uninterrupted run."""
    segments: list[Segment] = []
    first = parts[0].part.first
    next_person = next_track = 0
    for piece in parts:
        if piece.segments:
            # A stream that seemed over before a joint may continue after it, because only its middle is damaged.
            for number in range(first + len(segments), piece.part.first):
                end = cuts.first_hop(number + 1) * model.front_end.hop_seconds
                segments.append(empty_segment(model, piece.part.recording.settings) | {"end": np.array([end])})
        numbers = Numbers.after(segments, piece.before, next_person, next_track)
        segments += [renumber(segment, numbers) for segment in piece.segments]
        if state := _last_state(piece.segments):
            next_person = numbers.person(int(state["next"][0]))
            next_track = numbers.track(int(state["next_track"][0]))
    return segments


def _last_state(segments: Sequence[Segment]) -> Segment:
    """The state of the tracker after the last picture, {} if there is none."""
    for segment in reversed(segments):
        if state := {name.removeprefix(TRACKER): value for name, value in segment.items() if TRACKER in name}:
            return state
    return {}


def _notes(parts: Sequence[PartFeatures]) -> list[str]:
    """The sentences of all parts as in an uninterrupted run: of each kind of damage only the first."""
    notes = merge_notes([], [note for piece in parts for note in piece.notes])
    states = [state for piece in parts if (state := _last_state(piece.segments))]
    if not all(bool(state["still"][0]) for state in states):
        notes = [note for note in notes if note != STILL]
    reported: set[tuple[str, bool]] = set()
    kept: list[str] = []
    for note in notes:
        kind = next((kind for kind in KINDS if note.startswith(f"{kind} is ")), None)
        if kind is None or (kind, "encrypted" in note) not in reported:
            kept.append(note)
        if kind is not None:
            reported.add((kind, "encrypted" in note))
    return kept
