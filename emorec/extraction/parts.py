"""Divides a long recording into parts that are extracted independently, in other processes or on other machines.

``parts`` says where each part begins and ends, ``extract_part`` extracts one, and ``joining.join`` makes Features of
all. The results of a part are picklable. Parts begin where segments do, because every segment is the same wherever
extraction began, apart from the numbers of the tracker (see ``lead_in``). Of the segments near an even division, a part
begins at the one for which the least has to be decoded twice.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from emorec.extraction import options, pipeline, sources
from emorec.extraction import segments as cuts
from emorec.extraction.assembly import Segment
from emorec.extraction.feature_folder import Head
from emorec.extraction.lead_in import SECONDS, LeadIn, read_lead_in
from emorec.extraction.options import Settings
from emorec.extraction.storing import Store, key_of
from emorec.face.detection import Detector
from emorec.face.tracking import Tracker
from emorec.media import sandbox
from emorec.media.streams import MediaInfo
from emorec.models.checkpoint import Checkpoint
from emorec.settings import cache_folder

PART_SECONDS = 1200.0
NEARBY = 0.05  # share of a part by which a joint may differ from the even division
MOST_DECODED_TWICE = 0.25  # share of a part; where more would be decoded twice, no part begins

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """What all parts of a recording share: ``info``, the ``settings`` of stage 1, the ``head`` of its features with the
    chosen tracks, the ``key`` that they are stored under, the ``fingerprint`` of the networks, and the detector's name.
    """

    info: MediaInfo
    settings: Settings
    head: Head
    key: str
    fingerprint: str
    detector: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """The segments from ``first`` to before ``stop`` of a recording; None: to its end."""

    recording: Recording
    first: int
    stop: int | None


@dataclass(frozen=True, kw_only=True)
class PartFeatures:
    """What was extracted of a part; the numbers of persons and tracks are its own.

    ``before`` are the faces seen before it, see ``LeadIn.faces``. ``notes`` are sentences for the user.
    """

    part: Part
    segments: list[Segment]
    before: Arrays = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def parts(
    media: str | Path,
    model: Checkpoint,
    detector: Detector,
    settings: Settings | None = None,
    length: float = PART_SECONDS,
    cache: Path | None = None,
) -> list[Part]:
    """Divide a recording that is longer than ``length`` (s) into parts of nearly the same length, at most about that.

    It is one part if it is shorter, if its duration is unknown, if its pictures cannot be decoded from the middle, or
    if its features are stored in the folder ``cache`` already (by default ``settings.cache_folder()``). Raises
    EmorecError if the recording cannot be used.
    """
    settings = settings or Settings()
    options.check(settings)
    source = sources.as_source(media)
    info = source.probe(settings.selection)
    options.check_within(settings, source.name, info.duration)
    head = pipeline.new_head(source, info, settings, detector, model)
    key = key_of(source, model, detector, settings)
    recording = Recording(
        info=info, settings=settings, head=head, key=key, fingerprint=model.fingerprint, detector=detector.name
    )
    hop = model.front_end.hop_seconds
    first = cuts.segment_at(settings.start / hop)
    stored = Store(cache_folder() if cache is None else Path(cache), key).folder.read()
    joints = [] if stored and stored[0].complete else _joints(recording, length, hop)
    return [
        Part(recording=recording, first=begin, stop=end)
        for begin, end in itertools.pairwise([first, *(joint for joint in joints if joint > first), None])
        if begin is not None
    ]


def _chosen(recording: Recording) -> Settings:
    """The settings with the tracks that were chosen."""
    return replace(recording.settings, **recording.head.chosen.get("tracks", {}))


def _joints(recording: Recording, length: float, hop: float) -> list[int]:
    """The segments at which the second and each later part begins."""
    info, settings = recording.info, _chosen(recording)
    begin, end = settings.start, min(settings.until, info.duration or 0.0)
    count = math.ceil((end - begin) / length - 1e-6)
    if count < 2:
        return []
    span = (end - begin) / count
    places = [cuts.segment_at((begin + number * span) / hop) for number in range(1, count)]
    if not (info.has_video and settings.faces):
        return sorted({*places})
    reach = int(NEARBY * span / (cuts.SEGMENT_HOPS * hop))
    near = [number for place in places for number in range(max(place - reach, 1), place + reach + 1)]
    begins = [max(0.0, cuts.first_hop(number) * hop - SECONDS) for number in near]
    keyframes = sandbox.find_seek_points(info.path, begins, settings.selection)
    twice = {
        number: begin - keyframe
        for number, begin, keyframe in zip(near, begins, keyframes, strict=True)
        if keyframe is not None and begin - keyframe <= MOST_DECODED_TWICE * span
    }
    joints = set[int]()
    for place in places:
        allowed = [number for number in range(place - reach, place + reach + 1) if number in twice]
        if allowed:
            joints.add(min(allowed, key=lambda number: (twice[number], abs(number - place))))
    return sorted(joints)


def extract_part(part: Part, model: Checkpoint, detector: Detector) -> PartFeatures:
    """Extract one part. Raises EmorecError if the recording cannot be decoded, and ValueError if the part is one for
    another model or detector."""
    recording = part.recording
    if (recording.fingerprint, recording.detector) != (model.fingerprint, detector.name):
        raise ValueError("the part belongs to another model or detector")
    settings, notes = _chosen(recording), list[str]()
    source, hop = sources.as_source(recording.info.path), model.front_end.hop_seconds
    lead: LeadIn | None = None
    if part.first > cuts.segment_at(settings.start / hop) and recording.info.has_video and settings.faces:
        lead = read_lead_in(source, settings, cuts.first_hop(part.first) * hop)
    streams = pipeline.streams_of(source, recording.info, model, detector, settings, Tracker(), part.first, notes, lead)
    count = None if part.stop is None else part.stop - part.first
    with contextlib.closing(pipeline.joined_streams(streams, model, settings)) as growing:
        segments = [*itertools.islice(growing, count)]
    return PartFeatures(part=part, segments=segments, before=lead.faces if lead else {}, notes=notes)
