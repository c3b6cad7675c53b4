"""The features of the parts of a recording, joined to those of an unbroken run.

The numbers of tracks and persons continue over a joint: a face that both trackers saw before it, at the same time in
the same place, tells which numbers are the same. Who is who is decided again over the whole recording (``persons``).
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


def join(found: Sequence[PartFeatures], model: Checkpoint, cache: Path | None = None) -> Features:
    """The complete Features of a recording from all its parts, in any order; they are stored like those of an unbroken
    run, in the folder ``cache`` (by default ``settings.cache_folder()``).

    Raises EmorecError if nothing could be extracted or the features cannot be stored, and ValueError if parts are
    missing.
    """
    found = sorted(found, key=lambda one: one.part.first)
    recording, hop = found[0].part.recording, model.front_end.hop_seconds
    info, settings = recording.info, recording.settings
    ends = [one.part.first for one in found[1:]] + [None]
    if found[0].part.first != cuts.segment_at(settings.start / hop) or [one.part.stop for one in found] != ends:
        raise ValueError("parts of the recording are missing")
    segments = _joined(found, model)
    decoded = info.has_video and settings.faces or info.has_audio and settings.voices
    if decoded and not segments and not settings.start:
        raise EmorecError(f"Nothing in {info.path.name} could be decoded; the file seems to be damaged.")
    head = replace(recording.head, notes=[])
    store = Store(cache_folder() if cache is None else Path(cache), recording.key)
    for segment in segments:
        head.segments += 1
        head.duration = max(head.duration, float(segment["end"][0]))
        store.append(head, segment)
    complete(head, segments, info, settings, bool(decoded), _notes(found))
    store.write_head(head)
    store.limit.enforce()
    joined = JoinedArrays(empty_segment(model, settings))
    return features_of(head, segments, model, info, settings, recording.key, joined)


def _joined(found: Sequence[PartFeatures], model: Checkpoint) -> list[Segment]:
    """All segments, with the numbers of tracks and persons as in an unbroken run."""
    segments: list[Segment] = []
    first = found[0].part.first
    next_person = next_track = 0
    for one in found:
        if one.segments:
            # A stream that is over before a joint may have something after damage again.
            for number in range(first + len(segments), one.part.first):
                end = cuts.first_hop(number + 1) * model.front_end.hop_seconds
                segments.append(empty_segment(model, one.part.recording.settings) | {"end": np.array([end])})
        numbers = Numbers.after(segments, one.before, next_person, next_track)
        segments += [renumber(segment, numbers) for segment in one.segments]
        if state := _last_state(one.segments):
            next_person = numbers.person(int(state["next"][0]))
            next_track = numbers.track(int(state["next_track"][0]))
    return segments


def _last_state(segments: Sequence[Segment]) -> Segment:
    """The state of the tracker after the last picture, {} if there is none."""
    for segment in reversed(segments):
        if state := {name.removeprefix(TRACKER): value for name, value in segment.items() if TRACKER in name}:
            return state
    return {}


def _notes(found: Sequence[PartFeatures]) -> list[str]:
    """The sentences of all parts as an unbroken run has them: of damage of one kind only the first is said."""
    notes = merge_notes([], [note for one in found for note in one.notes])
    states = [state for one in found if (state := _last_state(one.segments))]
    if not all(bool(state["still"][0]) for state in states):
        notes = [note for note in notes if note != STILL]
    said: set[tuple[str, bool]] = set()
    kept: list[str] = []
    for note in notes:
        kind = next((kind for kind in KINDS if note.startswith(f"{kind} is ")), None)
        if kind is None or (kind, "encrypted" in note) not in said:
            kept.append(note)
        if kind is not None:
            said.add((kind, "encrypted" in note))
    return kept
