"""Stage 1, the pictures: the faces of a recording, found, followed, cut out and encoded, in segments.

Decoding, finding and encoding run in a thread each.
"""

import threading
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch

from emorec.extraction import segments, sources
from emorec.extraction.keyframes import searched
from emorec.face import alignment, detection
from emorec.face.detection import Face
from emorec.face.orientation import OrientationCheck
from emorec.media import streams
from emorec.models.optimize import for_inference
from emorec.prefetch import Prefetcher, processors

FACE_BATCH = 32
PICTURES_AHEAD = 8  # decoded pictures that may wait; each holds up to 12 MB for a recording in 4K
TRACKER = "tracker."
STILL = "The picture never moves."
STILL_SECONDS = 3.0  # a video this long whose pictures are all the same is said to be one picture
CLEAR = 0.2  # quality from which on a face is clear enough to tell whether it was seen before

# Of how many recordings a picture is looked at in the same moment. Of two at once on two cores, whose other threads and
# processes have them busy already, each would only slow the other down.
TURNS = threading.BoundedSemaphore(max(1, processors() // 2))


def face_segments(media, model, detector, tracker, settings, first, span, notes):
    """One dict of face arrays per segment, from segment ``first`` on; ``span`` (s) is the length of a usual one."""
    net, encoded = for_inference(model.face), []
    sightings = _sightings(media, model.face.config.size, detector, tracker, settings, first, span, notes)
    with Prefetcher(sightings) as sightings:
        for crops, seen in sightings:
            if crops:
                encoded.append(encode_faces(net, np.stack(crops)))
            if seen is not None:
                yield _face_arrays(net.config, seen, encoded)
                encoded = []


@torch.inference_mode()
def encode_faces(net, crops):
    """Grey crops uint8 (N, S, S) -> embeddings (N, D) and logits (N, labels), float32."""
    device = next(net.parameters()).device
    embeddings = torch.cat(
        [net.embed(batch.to(device).unsqueeze(1).float() / 255) for batch in torch.from_numpy(crops).split(FACE_BATCH)]
    )
    return embeddings.cpu().numpy(), net.classify(embeddings).cpu().numpy()


def no_faces(config):
    """The face arrays of a segment, without rows."""
    return {
        "face_time": np.zeros(0),
        "face_person": np.zeros(0, np.int64),
        "face_box": np.zeros((0, 4), np.float32),
        "face_score": np.zeros(0, np.float32),
        "face_quality": np.zeros(0, np.float32),
        "face_embedding": np.zeros((0, config.widths[-1]), np.float16),
        "face_logits": np.zeros((0, len(config.labels)), np.float32),
    }


@dataclass
class _Sightings:
    """What was seen in one segment; ``crops`` are those that the network still has to look at."""

    rows: list = field(default_factory=list)
    crops: list = field(default_factory=list)
    times: list = field(default_factory=list)
    untils: list = field(default_factory=list)  # when each picture is replaced by the next one (s)
    state: dict = field(default_factory=dict)
    end: float = 0.0

    def batch(self):
        """The first crops, as many as the network takes at once, which are no longer kept here."""
        crops, self.crops = self.crops[:FACE_BATCH], self.crops[FACE_BATCH:]
        return crops

    def finished(self, tracker, end, until):
        """The last crops, and this with the tracker's state and the time (s) that the segment ends at.

        The last picture is shown until ``until`` (s), which may lie in a later segment.
        """
        renamed = tracker.take_renamed()
        self.rows = [(time, renamed.get(person, person), *rest) for time, person, *rest in self.rows]
        self.untils = [*self.times[1:], until] if self.times else []
        self.state, self.end = tracker.state(), end
        return self.crops, self


def _sightings(media, size, detector, tracker, settings, first, span, notes):
    """Yield crops as they come, in batches, each with the _Sightings of the segment that it is the last of, or None."""
    frame_seconds = 1 / settings.face_rate
    number, seen, start = first, _Sightings(), max(_start(first, span), settings.start)
    apart = np.inf  # seconds between the last two pictures
    posture = OrientationCheck(detector, settings.rotate)
    # Sampling bins need not line up with segments, and how a picture is searched hangs on the three before it: reading
    # starts four bins early and ends two bins late, and pictures outside are passed over.
    frames = sources.of(media).frames(
        settings.face_rate,
        start=max(0.0, start - 4 * frame_seconds),
        max_side=detection.DETECTION_SIDE,
        on_damage=notes.append,
        selection=settings.selection,
        end=settings.until + 2 * frame_seconds,
    )
    with Prefetcher(frames, PICTURES_AHEAD) as frames, ExitStack() as turn:
        for frame, found in searched(_in_turn(frames, turn), detector, settings.face_rate):
            if not start <= frame.time < settings.until:
                continue
            while frame.time >= _start(number + 1, span):
                turn.close()
                yield seen.finished(tracker, _start(number + 1, span), frame.time)
                number, seen = number + 1, _Sightings()
            apart = frame.time - tracker.time
            _add(seen, frame, found, tracker, size)
            notes += filter(None, [posture.add(frame.image, found)])
            while len(seen.crops) > FACE_BATCH:
                turn.close()  # whoever takes the crops may take their time
                yield seen.batch(), None
        notes += filter(None, [posture.finish()])
    if seen.times:
        # Nothing follows the last picture: it counts for as long as the one before it, and at least to the end of its
        # bin. A picture that is the only one stands for the whole recording.
        end = (streams.bin_of(seen.times[-1], settings.face_rate) + 1) * frame_seconds
        lasting = min(max(end, seen.times[-1] + apart), settings.until)
        if tracker.still and lasting - tracker.began >= STILL_SECONDS:
            notes.append(STILL)
        yield seen.finished(tracker, min(end, settings.until), lasting)


def _in_turn(frames, turn):
    """The frames, each with one of ``TURNS`` in the ExitStack ``turn``, which is not kept while the next is awaited."""
    for frame in frames:
        turn.enter_context(TURNS)
        yield frame
        turn.close()
    turn.enter_context(TURNS)  # the last picture may still be to be searched


def _start(number, span):
    """When a segment starts (s), for usual segments of ``span`` (s)."""
    return span * segments.start(number) / segments.SEGMENT_HOPS if number else 0.0


def _add(seen, frame, found, tracker, size):
    """Put the faces of one frame to what was seen."""
    seen.times.append(frame.time)
    small = np.array(frame.image.shape[1::-1], np.float32)
    full = np.array(frame.grey.shape[1::-1], np.float32) / small
    boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4) / np.tile(small, 2)
    found = [Face(face.box * np.tile(full, 2), face.landmarks * full, face.score) for face in found]
    crops = [alignment.align(frame.grey, face.landmarks, size) for face in found]
    qualities = [alignment.quality(face, crop) for face, crop in zip(found, crops, strict=True)]
    clear = [crop if quality >= CLEAR else None for crop, quality in zip(crops, qualities, strict=True)]
    persons = tracker.update(frame.time, frame.image, boxes, clear)
    for face, box, person, quality in zip(found, boxes, persons, qualities, strict=True):
        seen.rows.append((frame.time, person, box, face.score, quality))
    seen.crops += crops


def _face_arrays(config, seen, encoded):
    arrays = no_faces(config)
    if seen.rows:
        columns = zip(*seen.rows, strict=True)
        for name, column in zip(("time", "person", "box", "score", "quality"), columns, strict=True):
            arrays[f"face_{name}"] = np.array(column).astype(arrays[f"face_{name}"].dtype)
        embeddings, logits = (np.concatenate(parts) for parts in zip(*encoded, strict=True))
        arrays["face_embedding"], arrays["face_logits"] = embeddings.astype(np.float16), logits
    state = {TRACKER + name: value for name, value in seen.state.items()}
    frames = {"frame_time": np.array(seen.times), "frame_until": np.array(seen.untils)}
    return arrays | state | frames | {"end": np.array([seen.end])}
