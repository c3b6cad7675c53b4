"""Stage 1, faces: detect, track, align and encode the faces of a recording, segment by segment.

Decoding, detection and encoding each run in a thread of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from emorec.extraction import keyframes, segments, sources
from emorec.extraction.best_crops import BestCrops, no_identities
from emorec.extraction.lead_in import LeadIn
from emorec.extraction.on_screen import Item, Lasting, of_part
from emorec.extraction.options import Settings
from emorec.face import alignment, detection, thumbnail
from emorec.face.detection import Detector, Face
from emorec.face.orientation import OrientationCheck
from emorec.face.tracking import Tracker
from emorec.media import sampling
from emorec.media.passes import Damage, ShownUntil
from emorec.media.streams import Frame
from emorec.models import identity, speaker
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceConfig, FaceNet
from emorec.models.optimize import for_inference
from emorec.prefetch import Prefetcher, processors

FACE_BATCH = 32  # crops that are encoded at a time
PICTURES_AHEAD = 8  # decoded pictures that may wait; each holds up to 12 MB for a recording in 4K
TRACKER = "tracker."  # prefix of the tracker's state among the arrays of a segment
STILL = "The picture never moves."
STILL_SECONDS = 3.0  # a video at least this long whose pictures are all the same gets the note STILL
CLEAR = 0.2  # quality at which a face is clear enough to be compared with the faces seen before

# In how many recordings faces are detected at the same time. On two cores, which other threads and processes keep busy
# already, two would only slow each other down.
DETECTION_SLOTS = threading.BoundedSemaphore(max(1, processors() // 2))

Arrays = dict[str, np.ndarray]
Row = tuple[float, int, np.ndarray, float, float, int]  # time (s), person, box, score, quality, track of a face


def face_segments(
    media: str | Path | sources.Source,
    model: Checkpoint,
    detector: Detector,
    tracker: Tracker,
    settings: Settings,
    first: int,
    span: float,
    notes: list[str],
    lead: LeadIn | None = None,
) -> Generator[Arrays]:
    """Yield the face arrays of each segment, from segment ``first`` on.

    ``span`` (s) is the length of a usual segment. Sentences for the user are added to ``notes``. ``lead`` makes the
    tracker, which is new, see some pictures before segment ``first``. Raises EmorecError if the recording cannot be
    decoded.
    """
    net, encoded = for_inference(model.face), []
    identity_net, speaker_net = identity.load(), speaker.load()
    detected = _detected(media, model.face.config.size, detector, tracker, settings, first, span, notes, lead)
    with Prefetcher(detected) as batches:
        for crops, segment in batches:
            if crops:
                faces = np.stack(crops)
                encoded.append((*encode_faces(net, faces), speaker.embed_mouths(speaker_net, faces)))
            if segment is not None:
                yield _face_arrays(net.config, segment, encoded) | segment.best.arrays(identity_net)
                encoded = []


@torch.inference_mode()
def encode_faces(net: FaceNet, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey crops uint8 (N, S, S) -> embeddings (N, D) and logits (N, labels), float32."""
    device = next(net.parameters()).device
    embeddings = torch.cat(
        [net.embed(batch.to(device).unsqueeze(1).float() / 255) for batch in torch.from_numpy(crops).split(FACE_BATCH)]
    )
    return embeddings.cpu().numpy(), net.classify(embeddings).cpu().numpy()


def no_faces(config: FaceConfig) -> Arrays:
    """The face arrays of a segment, without rows."""
    return {
        "face_time": np.zeros(0),
        "face_person": np.zeros(0, np.int64),
        "face_box": np.zeros((0, 4), np.float32),
        "face_score": np.zeros(0, np.float32),
        "face_quality": np.zeros(0, np.float32),
        "face_embedding": np.zeros((0, config.widths[-1]), np.float16),
        "face_logits": np.zeros((0, len(config.labels)), np.float32),
        "face_track": np.zeros(0, np.int64),
        "face_mouth": np.zeros((0, speaker.DIMENSIONS), np.float16),
    } | no_identities()


@dataclass
class _Segment:
    """The faces of one segment; ``crops`` are those that are not encoded yet."""

    rows: list[Row] = field(default_factory=list)
    crops: list[np.ndarray] = field(default_factory=list)
    best: BestCrops = field(default_factory=BestCrops)
    times: list[float] = field(default_factory=list)  # of the pictures (s)
    untils: list[float] = field(default_factory=list)  # when each picture goes (s)
    state: Arrays = field(default_factory=dict)  # of the tracker
    end: float = 0.0  # seconds

    def take_batch(self) -> list[np.ndarray]:
        """Remove and return the first crops, as many as the network encodes at a time."""
        crops, self.crops = self.crops[:FACE_BATCH], self.crops[FACE_BATCH:]
        return crops

    def finish(self, tracker: Tracker, end: float, untils: list[float]) -> tuple[list[np.ndarray], _Segment]:
        """End the segment at ``end`` (s); return the last crops, and the segment with the tracker's state.

        The pictures are shown until ``untils`` (s), the last of which may be in a later segment.
        """
        renamed = tracker.take_renamed()
        self.rows = [(row[0], renamed.get(row[1], row[1]), *row[2:]) for row in self.rows]
        self.untils, self.state, self.end = untils, tracker.state(), end
        return self.crops, self


def _detected(
    media: str | Path | sources.Source,
    size: int,
    detector: Detector,
    tracker: Tracker,
    settings: Settings,
    first: int,
    span: float,
    notes: list[str],
    lead: LeadIn | None,
) -> Generator[tuple[list[np.ndarray], _Segment | None]]:
    """Yield batches of crops, each with the segment if it is the last batch of that, else with None."""
    frame_seconds = 1 / settings.face_rate
    number, segment, start = first, _Segment(), max(_start(first, span), settings.start)
    interval = np.inf  # seconds between the last two pictures
    orientation = None if lead else OrientationCheck(detector, settings.rotate)  # decided by the first pictures
    before = _Segment()  # the pictures of the lead-in
    seconds = lead.begin(tracker) if lead else 0.0
    # Sampling bins do not line up with segments, and detection in a picture depends on up to three earlier ones. So
    # reading starts four bins early and ends two bins late, and the faces of pictures outside are dropped.
    source = sources.of(media)
    frames = source.frames(
        settings.face_rate,
        start=max(0.0, start - seconds - 4 * frame_seconds),
        max_side=detection.DETECTION_SIDE,
        selection=settings.selection,
        end=settings.until + 2 * frame_seconds,
    )
    if settings.start > 0:
        frames = of_part(frames, source, settings, start)
    lasting = Lasting()
    with Prefetcher(frames, PICTURES_AHEAD) as ahead, ExitStack() as slot:
        for frame, found in keyframes.detect(_with_slot(ahead, slot, notes, lasting), detector, settings.face_rate):
            if not start - seconds <= frame.time < settings.until:
                continue
            if frame.time < start:
                _add(before, frame, found, tracker, size)
                before.crops.clear()
                continue
            if lead and not lead.over:
                lead.end(tracker, before.rows)
            while frame.time >= _start(number + 1, span):
                slot.close()
                yield segment.finish(tracker, _start(number + 1, span), lasting.untils(segment.times, frame.time))
                number, segment = number + 1, _Segment()
            interval = frame.time - tracker.time
            _add(segment, frame, found, tracker, size)
            if orientation:
                notes += filter(None, [orientation.add(frame.image, found)])
            while len(segment.crops) > FACE_BATCH:
                slot.close()  # the consumer of the crops may take a while
                yield segment.take_batch(), None
        if orientation:
            notes += filter(None, [orientation.finish()])
    if segment.times:
        # The last picture counts for as long as the one before it or as the video says, and at least to the end of its
        # bin. If it is the only one, it is shown for the whole recording.
        end = (sampling.bin_of(segment.times[-1], settings.face_rate) + 1) * frame_seconds
        until = lasting.last(segment.times[-1], max(end, segment.times[-1] + interval))
        untils = lasting.untils(segment.times, min(until, settings.until))
        if tracker.still and untils[-1] - tracker.began >= STILL_SECONDS:
            notes.append(STILL)
        yield segment.finish(tracker, min(end, settings.until), untils)


def _with_slot(frames: Iterable[Item], slot: ExitStack, notes: list[str], lasting: Lasting) -> Iterator[Frame]:
    """Yield the frames, holding one of ``DETECTION_SLOTS`` in ``slot`` except while waiting for the next frame.

    Sentences about damage are added to ``notes``, and how long pictures last to ``lasting``.
    """
    for frame in frames:
        if isinstance(frame, ShownUntil):
            lasting.add(frame)
            continue
        if isinstance(frame, Damage):
            notes.append(frame.sentence)
            continue
        slot.enter_context(DETECTION_SLOTS)
        yield frame
        slot.close()
    slot.enter_context(DETECTION_SLOTS)  # the last picture may still need detection


def _start(number: int, span: float) -> float:
    """When a segment starts (s); usual segments are ``span`` seconds long."""
    return span * segments.start(number) / segments.SEGMENT_HOPS if number else 0.0


def _add(segment: _Segment, frame: Frame, found: list[Face], tracker: Tracker, size: int) -> None:
    """Track and align the faces of one frame, and add them to the segment."""
    segment.times.append(frame.time)
    small = np.array(frame.image.shape[1::-1], np.float32)
    full = np.array(frame.luma.shape[1::-1], np.float32) / small
    boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4) / np.tile(small, 2)
    found = [Face(face.box * np.tile(full, 2), face.landmarks * full, face.score) for face in found]
    crops = [alignment.align(frame.luma, face.landmarks, size, frame.limited) for face in found]
    qualities = [alignment.quality(face, crop) for face, crop in zip(found, crops, strict=True)]
    clear = [crop if quality >= CLEAR else None for crop, quality in zip(crops, qualities, strict=True)]
    persons = tracker.update(frame.time, frame.image, boxes, clear)
    for face, box, person, quality, track in zip(found, boxes, persons, qualities, tracker.tracks, strict=True):
        segment.rows.append((frame.time, person, box, face.score, quality, track))
        cut_out = partial(alignment.align, frame.luma, face.landmarks, identity.SIZE, frame.limited)
        segment.best.offer(track, frame.time, quality, cut_out, partial(thumbnail.cut_out, frame.image, box))
    segment.crops += crops


def _face_arrays(config: FaceConfig, segment: _Segment, encoded: list[tuple[np.ndarray, ...]]) -> Arrays:
    """The arrays of a segment from its faces and their embeddings, logits and mouths."""
    arrays = no_faces(config)
    if segment.rows:
        columns = zip(*segment.rows, strict=True)
        for name, column in zip(("time", "person", "box", "score", "quality", "track"), columns, strict=True):
            arrays[f"face_{name}"] = np.array(column).astype(arrays[f"face_{name}"].dtype)
        embeddings, logits, mouths = (np.concatenate(parts) for parts in zip(*encoded, strict=True))
        arrays["face_embedding"], arrays["face_logits"] = embeddings.astype(np.float16), logits
        arrays["face_mouth"] = mouths.astype(np.float16)
    state = {TRACKER + name: value for name, value in segment.state.items()}
    frames = {"frame_time": np.array(segment.times), "frame_until": np.array(segment.untils)}
    return arrays | state | frames | {"end": np.array([segment.end])}
