"""Stage 1, faces: detect, track, align and encode the faces of a recording, segment by segment.

Decoding, detection and encoding each run in a thread of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch

from emorec.extraction import keyframes, segments, sources
from emorec.extraction.face_arrays import FACE_BATCH, Arrays, FaceSegment
from emorec.extraction.lead_in import LeadIn
from emorec.extraction.on_screen import Item, PictureEnds, frames_of_part
from emorec.extraction.options import Settings
from emorec.face import detection
from emorec.face.detection import Detector
from emorec.face.orientation import OrientationCheck
from emorec.face.tracking import Tracker
from emorec.media import sampling
from emorec.media.passes import Damage, ShownUntil
from emorec.media.streams import Frame
from emorec.models import identity, speaker
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceNet
from emorec.models.optimize import for_inference
from emorec.prefetch import Prefetcher, processors

PICTURES_AHEAD = 8  # decoded pictures that may wait; each holds up to 12 MB for a recording in 4K
STILL = "The picture never moves."
STILL_SECONDS = 3.0  # a video at least this long whose pictures are all the same gets the note STILL

# In how many recordings faces are detected at the same time. On two cores, which other threads and processes keep busy
# already, two would only slow each other down.
DETECTION_SLOTS = threading.BoundedSemaphore(max(1, processors() // 2))


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
                yield segment.arrays(net.config, encoded) | segment.best.arrays(identity_net)
                encoded = []


@torch.inference_mode()
def encode_faces(net: FaceNet, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Grey crops uint8 (N, S, S) -> embeddings (N, D) and logits (N, labels), float32."""
    device = next(net.parameters()).device
    embeddings = torch.cat(
        [net.embed(batch.to(device).unsqueeze(1).float() / 255) for batch in torch.from_numpy(crops).split(FACE_BATCH)]
    )
    return embeddings.cpu().numpy(), net.classify(embeddings).cpu().numpy()


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
) -> Generator[tuple[list[np.ndarray], FaceSegment | None]]:
    """Yield batches of crops, each with its segment if it is the last batch of it, else with None."""
    number, segment, start = first, FaceSegment(), max(_start(first, span), settings.start)
    interval = np.inf  # seconds between the last two pictures
    orientation = None if lead else OrientationCheck(detector, settings.rotate)  # decided by the first pictures
    before = FaceSegment()  # the pictures of the lead-in
    seconds = lead.begin(tracker) if lead else 0.0
    frames = _read_frames(sources.as_source(media), settings, start, seconds)
    picture_ends = PictureEnds()
    with Prefetcher(frames, PICTURES_AHEAD) as ahead, ExitStack() as slot:
        with_slot = _with_slot(ahead, slot, notes, picture_ends)
        for frame, found in keyframes.detect(with_slot, detector, settings.face_rate):
            if not start - seconds <= frame.time < settings.until:
                continue
            if frame.time < start:
                before.add(frame, found, tracker, size)
                before.crops.clear()
                continue
            if lead and not lead.over:
                lead.end(tracker, before.rows)
            while frame.time >= _start(number + 1, span):
                slot.close()
                yield segment.finish(tracker, _start(number + 1, span), picture_ends.ends(segment.times, frame.time))
                number, segment = number + 1, FaceSegment()
            interval = frame.time - tracker.time
            segment.add(frame, found, tracker, size)
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
        end = (sampling.bin_of(segment.times[-1], settings.face_rate) + 1) * (1 / settings.face_rate)
        until = picture_ends.last_end(segment.times[-1], max(end, segment.times[-1] + interval))
        untils = picture_ends.ends(segment.times, min(until, settings.until))
        if tracker.still and untils[-1] - tracker.began >= STILL_SECONDS:
            notes.append(STILL)
        yield segment.finish(tracker, min(end, settings.until), untils)


def _read_frames(source: sources.Source, settings: Settings, start: float, lead_seconds: float) -> Iterator[Item]:
    """Yield the sampled frames of the part from ``start`` (s) on, and of the ``lead_seconds`` (s) before it."""
    # Sampling bins do not line up with segments, and detection in a picture depends on up to three earlier ones. So
    # reading starts four bins early and ends two bins late, and the faces of pictures outside are dropped.
    frame_seconds = 1 / settings.face_rate
    frames = source.frames(
        settings.face_rate,
        start=max(0.0, start - lead_seconds - 4 * frame_seconds),
        max_side=detection.DETECTION_SIDE,
        selection=settings.selection,
        end=settings.until + 2 * frame_seconds,
    )
    return frames_of_part(frames, source, settings, start) if settings.start > 0 else frames


def _with_slot(frames: Iterable[Item], slot: ExitStack, notes: list[str], picture_ends: PictureEnds) -> Iterator[Frame]:
    """Yield the frames, holding one of ``DETECTION_SLOTS`` in ``slot`` except while waiting for the next frame.

    Sentences about damage are added to ``notes``, and how long pictures last to ``picture_ends``.
    """
    for frame in frames:
        if isinstance(frame, ShownUntil):
            picture_ends.add(frame)
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
    return span * segments.first_hop(number) / segments.SEGMENT_HOPS if number else 0.0
