"""Stage 1, the pictures: the faces of a recording, found, followed, cut out and encoded, in segments.

Decoding, finding and encoding run in a thread each. Every other sampled picture is searched for faces; on one between
two that show the same faces in nearly the same places, the faces are taken to be between those places. Three in four
pictures are searched only for the faces that are known: where all are large at half the size, else around them.
"""

from dataclasses import dataclass, field

import numpy as np
import torch

from emorec import faces, media, segments, worker
from emorec.ahead import Ahead
from emorec.faces import Face
from emorec.inference import for_inference
from emorec.persons import overlap

FACE_BATCH = 32
PICTURES_AHEAD = 8  # decoded pictures that may wait; each holds up to 12 MB for a recording in 4K
TRACKER = "tracker."

# How far a face may have moved between two searched pictures, 0.4 s apart, for the one between not to be searched, as
# a share of its box's longer side. The place in between is then off by about a tenth of that.
STILL = 0.10
SAME = 0.5  # intersection over union that two boxes of one such face have at least

WHOLE_EVERY = 4  # sampled pictures; every so many one is searched at whole size whatever is known
COARSE_SIDE = faces.DETECTION_SIDE // 2  # pixels; the longer side of a picture that is searched for known faces only
# Share of a picture's longer side from which half the size is enough: landmarks then err by 2.2 % of a face, not 1.7 %,
# and not at all more from 0.3 on (258 pictures of real recordings, against a search at 640 px).
LARGE = 0.2
# Where they are smaller, the search for known faces is around them: within so many of a face's longer side on each side
# of it, if that is no more than this share of the picture. Landmarks err as they do in the whole picture, by 1.7 % of a
# face (137 pictures of a real recording), and by 2.3 % instead of 2.2 % in recordings shrunk by half (323 pictures).
NEAR = 0.75
MOST_AROUND = 0.6
GRID = 32  # pixels; where a part begins at multiples, the detector looks at the places that it looks at in the whole


def face_segments(path, model, detector, tracker, settings, first, span, notes):
    """One dict of face arrays per segment, from segment ``first`` on; ``span`` (s) is the length of a usual one."""
    net, encoded = for_inference(model.face), []
    sightings = _sightings(path, model.face.config.size, detector, tracker, settings, first, span, notes)
    with Ahead(sightings) as sightings:
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
    embeddings = torch.cat([
        net.embed(batch.to(device).unsqueeze(1).float() / 255) for batch in torch.from_numpy(crops).split(FACE_BATCH)
    ])  # fmt: skip
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
    state: dict = field(default_factory=dict)
    end: float = 0.0

    def batch(self):
        """The first crops, as many as the network takes at once, which are no longer kept here."""
        crops, self.crops = self.crops[:FACE_BATCH], self.crops[FACE_BATCH:]
        return crops

    def finished(self, tracker, end):
        """The last crops, and this with the tracker's state and the time (s) that the segment ends at."""
        self.state, self.end = tracker.state(), end
        return self.crops, self


def _sightings(path, size, detector, tracker, settings, first, span, notes):
    """Yield crops as they come, in batches, each with the _Sightings of the segment that it is the last of, or None."""
    frame_seconds = 1 / settings.face_rate
    number, seen, start = first, _Sightings(), _start(first, span)
    # Sampling bins need not line up with segments, and how a picture is searched hangs on the three before it: reading
    # starts four bins early, and earlier pictures are passed over.
    frames = worker.frames(
        path,
        settings.face_rate,
        start=max(0.0, start - 4 * frame_seconds),
        max_side=faces.DETECTION_SIDE,
        on_damage=notes.append,
    )
    with Ahead(frames, PICTURES_AHEAD) as frames:
        for frame, found in searched(frames, detector, settings.face_rate):
            if frame.time < start:
                continue
            while frame.time >= _start(number + 1, span):
                yield seen.finished(tracker, _start(number + 1, span))
                number, seen = number + 1, _Sightings()
            _add(seen, frame, found, tracker, size)
            while len(seen.crops) > FACE_BATCH:
                yield seen.batch(), None
    if seen.times:
        # Which picture of its bin the last one is does not say how long it is shown; the bin's end is near enough.
        yield seen.finished(tracker, (media.bin_of(seen.times[-1], settings.face_rate) + 1) * frame_seconds)


def _start(number, span):
    """When a segment starts (s), for usual segments of ``span`` (s)."""
    return span * segments.start(number) / segments.SEGMENT_HOPS if number else 0.0


def searched(frames, detector, rate):
    """Yield every frame, sampled at ``rate`` (Hz), with its faces, in pixels of ``frame.image``.

    What is said of a frame depends on it, the next one and the three before alone, not on where reading began.
    """
    before, between = None, None  # (bin, frame, faces) of the last one searched, and (bin, frame) of one behind it
    for frame in frames:
        number = media.bin_of(frame.time, rate)
        if number % 2 and between is None and before is not None and before[0] == number - 1:
            between = number, frame
            continue
        coarse = number % WHOLE_EVERY == WHOLE_EVERY // 2 and before is not None and before[0] == number - 2
        here = number, frame, _look(frame.image, detector, before[2] if coarse else ())
        if between is not None:
            yield between[1], _faces_between(before, between, here, detector)
            between = None
        before = here
        yield frame, here[2]
    if between is not None:
        yield between[1], detector.detect(between[1].image)


def _faces_between(before, between, after, detector):
    """Faces of the picture between two searched ones: halfway where all stand nearly still, else searched too."""
    (_, first, faces_before), (number, frame, *_), (next_number, last, faces_after) = before, between, after
    if next_number == number + 1 and len(faces_before) == len(faces_after):
        share = (frame.time - first.time) / (last.time - first.time)
        halfway = [_halfway(face, faces_after, share) for face in faces_before]
        if None not in halfway:
            return halfway
        return _look(frame.image, detector, faces_before)
    return detector.detect(frame.image)


def _look(image, detector, known):
    """Faces in an image where as many as are ``known`` from one beside it are found quicker: around those, or, where
    all are large, at half the size."""
    if known:
        if min(max(face.box[2:]) for face in known) >= LARGE * max(image.shape[:2]):
            found = detector.detect(image, COARSE_SIDE)
        else:
            found = _look_around(image, detector, known)
        if len(found) == len(known):
            return found
    return detector.detect(image)


def _look_around(image, detector, known):
    """Faces in the part of an image that is near known ones; none where that part is nearly the whole."""
    boxes = np.array([face.box for face in known])
    sides = boxes[:, 2:].max(axis=1, keepdims=True)
    low = np.floor((boxes[:, :2] - NEAR * sides).min(axis=0) / GRID).clip(0).astype(int) * GRID
    high = np.ceil((boxes[:, :2] + boxes[:, 2:] + NEAR * sides).max(axis=0) / GRID).astype(int) * GRID
    part = image[low[1] : high[1], low[0] : high[0]]
    if np.prod(part.shape[:2]) > MOST_AROUND * np.prod(image.shape[:2]):
        return []
    corner = low.astype(np.float32)
    return [
        Face(face.box + np.append(corner, [0, 0]), face.landmarks + corner, face.score)
        for face in detector.detect(part)
    ]


def _halfway(face, others, share):
    """The face at that ``share`` of its way to where it is among the others; None if it is not, or has moved far."""
    for other in others:
        reach = STILL * float(max(face.box[2:]))
        near = overlap(face.box, other.box) >= SAME
        if near and np.abs(np.append(face.landmarks - other.landmarks, face.box - other.box)).max() <= reach:
            return Face(
                (1 - share) * face.box + share * other.box,
                (1 - share) * face.landmarks + share * other.landmarks,
                min(face.score, other.score),
            )
    return None


def _add(seen, frame, found, tracker, size):
    """Put the faces of one frame to what was seen."""
    seen.times.append(frame.time)
    small = np.array(frame.image.shape[1::-1], np.float32)
    full = np.array(frame.grey.shape[1::-1], np.float32) / small
    boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4) / np.tile(small, 2)
    for face, box, person in zip(found, boxes, tracker.follow(frame.time, frame.image, boxes), strict=True):
        face = Face(face.box * np.tile(full, 2), face.landmarks * full, face.score)
        crop = faces.align(frame.grey, face.landmarks, size)
        seen.rows.append((frame.time, person, box, face.score, faces.quality(face, crop)))
        seen.crops.append(crop)


def _face_arrays(config, seen, encoded):
    arrays = no_faces(config)
    if seen.rows:
        columns = zip(*seen.rows, strict=True)
        for name, column in zip(("time", "person", "box", "score", "quality"), columns, strict=True):
            arrays[f"face_{name}"] = np.array(column).astype(arrays[f"face_{name}"].dtype)
        embeddings, logits = (np.concatenate(parts) for parts in zip(*encoded, strict=True))
        arrays["face_embedding"], arrays["face_logits"] = embeddings.astype(np.float16), logits
    state = {TRACKER + name: value for name, value in seen.state.items()}
    return arrays | state | {"frame_time": np.array(seen.times), "end": np.array([seen.end])}
