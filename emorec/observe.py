"""Stage 1: a recording and a checkpoint in, Observations out, streamed to disk segment by segment.

The recording is cut into *segments* of 80 voice hops (20.48 s). Faces and voices are observed in two threads side by
side; a segment is stored once both are through with it, and a later run goes on behind the last stored one.
"""

import hashlib
import json
import queue
import threading
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch

from emorec import faces, media, observations, voice
from emorec.errors import EmorecError
from emorec.networks import VoiceNet
from emorec.observations import Folder, Head, Observations
from emorec.persons import Tracker

SEGMENT_HOPS = 80
BLOCK_HOPS = 16  # sound is read in blocks of so many hops, five a segment
FACE_BATCH = 32
TRACKER = "tracker."


@dataclass(frozen=True)
class Settings:
    """What stage 1 extracts. ``face_rate``: sampled frames per second."""

    face_rate: float = 5.0


def observe(path, model, detector, settings=None, cache=None):
    """Yield growing Observations of a recording; the last one is complete.

    What is already stored is not observed again: a known recording yields once, without any decoding. Closing the
    generator stops the work and keeps every whole segment. Raises EmorecError where the recording cannot be used.
    """
    settings = settings or Settings()
    info = media.probe(path)
    cache = observations.cache_folder() if cache is None else cache
    folder = Folder(cache / _key(path, model, detector, settings))
    head, segments = folder.read() or (Head(_facts(info), asdict(settings), 0.0), [])
    if segments or head.complete:
        yield _observations(head, segments, model, info)
    if head.complete:
        return

    span = SEGMENT_HOPS * model.front_end.hop_seconds
    notes = []
    workers = {}
    first = len(segments)
    if info.has_video:
        tracker = Tracker()
        # Segments behind the last picture, where only sound goes on, hold no state.
        stored = segments[-1] if segments else {}
        state = {key.removeprefix(TRACKER): value for key, value in stored.items() if TRACKER in key}
        if state:
            tracker.restore(state)
        workers["face"] = lambda: face_segments(path, model, detector, tracker, settings, first, span, notes)
    if info.has_audio:
        workers["voice"] = lambda: voice_segments(path, model, first, notes)

    with _side_by_side(workers) as next_parts:
        while parts := next_parts():
            segment = _empty_segment(model) | {"end": np.zeros(1)}
            for part in parts:
                segment["end"] = np.maximum(segment["end"], part.pop("end"))
                segment |= part
            head.segments += 1
            head.duration = max(head.duration, float(segment["end"][0]))
            _store(folder.append, head, segment)
            segments.append(segment)
            observations.drop_oldest(cache, keep=folder.path)
            yield _observations(head, segments, model, info)
    if not segments:
        raise EmorecError(f"Nothing in {info.path.name} could be decoded; the file seems to be damaged.")
    head.complete = True
    head.notes = [*head.notes, *notes]
    _store(folder.write_head, head)
    yield _observations(head, segments, model, info)


def _facts(info):
    """What is stored of a recording; not its path, which may be another one next time."""
    return {name: value for name, value in asdict(info).items() if name != "path"}


def _store(write, *what):
    try:
        write(*what)
    except OSError as error:
        reason = error.strerror or error
        raise EmorecError(
            f"Observations cannot be stored in {observations.cache_folder()} ({reason}); "
            "free some space or name another folder in EMOREC_CACHE."
        ) from None


def _key(path, model, detector, settings):
    """The name of a recording's observations: content, networks, detector and settings."""
    with open(path, "rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    facts = [observations.FORMAT_VERSION, content, model.fingerprint, detector.name, asdict(settings), SEGMENT_HOPS]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _observations(head, segments, model, info):
    hop = model.front_end.hop_seconds
    span = SEGMENT_HOPS * hop
    until = head.duration if head.complete else min(len(segments) * span, head.duration)
    return Observations(
        duration=head.duration if head.complete else max(head.duration, info.duration or 0.0),
        until=until,
        complete=head.complete,
        segments=tuple(segments),
        empty=_empty_segment(model),
        media={"name": info.path.name} | head.media,
        notes=tuple(head.notes),
        hop_seconds=hop,
    )


def _empty_segment(model):
    """Every array of a segment, without rows: what a recording without that stream has."""
    return _empty_faces(model) | {
        "frame_time": np.zeros(0),
        "voice_time": np.zeros(0),
        "voice_speech": np.zeros(0, np.float32),
        "voice_loudness": np.zeros(0, np.float32),
        "voice_embedding": np.zeros((0, model.voice.config.embedding), np.float16),
    }


def _empty_faces(model):
    return {
        "face_time": np.zeros(0),
        "face_person": np.zeros(0, np.int64),
        "face_box": np.zeros((0, 4), np.float32),
        "face_score": np.zeros(0, np.float32),
        "face_quality": np.zeros(0, np.float32),
        "face_embedding": np.zeros((0, model.face.config.widths[-1]), np.float16),
        "face_logits": np.zeros((0, len(model.face.config.labels)), np.float32),
    }


def face_segments(path, model, detector, tracker, settings, first, span, notes):
    """One dict of face arrays per segment, from segment ``first`` on."""
    number, start = first, first * span
    rows, crops, times = [], [], []
    frame_seconds = 1 / settings.face_rate
    # Sampling bins need not line up with segments: reading starts a bin early, and earlier frames are passed over.
    for frame in media.frames(path, settings.face_rate, start=max(0.0, start - frame_seconds), on_damage=notes.append):
        if frame.time < start and number == first and first > 0:
            continue
        while frame.time >= (number + 1) * span:
            yield _face_arrays(model, rows, crops, times, tracker, (number + 1) * span)
            number, rows, crops, times = number + 1, [], [], []
        times.append(frame.time)
        height, width = frame.image.shape[:2]
        found = detector.detect(frame.image)
        boxes = np.array([face.box for face in found], np.float32).reshape(-1, 4)
        boxes = boxes / np.array([width, height, width, height], np.float32)
        for face, box, person in zip(found, boxes, tracker.follow(frame.time, frame.image, boxes), strict=True):
            crop = faces.align(frame.image, face.landmarks, model.face.config.size)
            rows.append((frame.time, person, box, face.score, faces.quality(face, crop)))
            crops.append(crop)
    if times:
        yield _face_arrays(model, rows, crops, times, tracker, times[-1] + frame_seconds)


def _face_arrays(model, rows, crops, times, tracker, end):
    arrays = _empty_faces(model)
    if rows:
        for name, column in zip(("time", "person", "box", "score", "quality"), zip(*rows, strict=True), strict=True):
            arrays[f"face_{name}"] = np.array(column).astype(arrays[f"face_{name}"].dtype)
        embeddings, logits = encode_faces(model.face, np.stack(crops))
        arrays["face_embedding"], arrays["face_logits"] = embeddings.astype(np.float16), logits
    state = {TRACKER + name: value for name, value in tracker.state().items()}
    return arrays | state | {"frame_time": np.array(times), "end": np.array([end])}


@torch.inference_mode()
def encode_faces(net, crops):
    """Grey crops uint8 (N, S, S) -> embeddings (N, D) and logits (N, labels), float32."""
    device = next(net.parameters()).device
    embeddings = torch.cat([
        net.embed(batch.to(device).unsqueeze(1).float() / 255) for batch in torch.from_numpy(crops).split(FACE_BATCH)
    ])  # fmt: skip
    return embeddings.cpu().numpy(), net.classify(embeddings).cpu().numpy()


def voice_segments(path, model, first, notes):
    """One dict of voice arrays per segment, from segment ``first`` on.

    Each segment is encoded with a margin on both sides, wide enough that its hops do not depend on the cut.
    """
    front_end = model.front_end
    margin, span = _margin_hops(front_end) * front_end.hop, SEGMENT_HOPS * front_end.hop
    origin = first * span - margin  # sample that ``kept`` starts at
    kept, number, end = np.zeros(0, np.float32), first, 0
    blocks = media.audio(
        path,
        front_end.rate,
        start=max(origin, 0) / front_end.rate,
        block_seconds=BLOCK_HOPS * front_end.hop_seconds,
        on_damage=notes.append,
    )
    for block in blocks:
        start = round(block.time * front_end.rate)
        place = start - origin
        # Silence stands where the media has no sound yet: before its first sample, or before the audio starts.
        kept = np.concatenate([kept[:place], np.zeros(max(0, place - len(kept)), np.float32), block.samples])
        end = start + len(block.samples)
        while len(kept) >= span + 2 * margin:
            yield _voice_arrays(model, kept[: span + 2 * margin], number, (number + 1) * span)
            kept, origin, number = kept[span:], origin + span, number + 1
    while end > number * span:
        window = np.pad(kept[: span + 2 * margin], (0, max(0, span + 2 * margin - len(kept))))
        yield _voice_arrays(model, window, number, min(end, (number + 1) * span))
        kept, number = kept[span:], number + 1


def _margin_hops(front_end):
    """Hops read on each side of a segment: what the front end asks for, in whole blocks."""
    return -(-front_end.margin_hops // BLOCK_HOPS) * BLOCK_HOPS


@torch.inference_mode()
def _voice_arrays(model, samples, number, end):
    """Arrays of one segment from its samples with margins; ``end`` is the sample that its sound ends at."""
    front_end, context = model.front_end, VoiceNet.CONTEXT_HOPS
    before = _margin_hops(front_end) - context  # hops that only the level needs, and neither network
    frames = VoiceNet.FRAMES_PER_HOP
    log_mel = voice.log_mel(samples, front_end)[:, before * frames : -before * frames]
    samples = samples[before * front_end.hop : -before * front_end.hop]
    sounding = -(-(end - number * SEGMENT_HOPS * front_end.hop) // front_end.hop)
    hops = slice(context, context + sounding)
    device = next(model.voice.parameters()).device
    first = number * SEGMENT_HOPS
    return {
        "voice_time": (first + np.arange(sounding) + 0.5) * front_end.hop_seconds,
        "voice_speech": voice.speech(samples, front_end)[hops],
        "voice_loudness": voice.loudness(samples, front_end)[hops],
        "voice_embedding": model.voice.embed(log_mel.unsqueeze(0).to(device))[0, hops].cpu().numpy().astype(np.float16),
        "end": np.array([end / front_end.rate]),
    }


@contextmanager
def _side_by_side(workers):
    """Run generators in a thread each; gives a function that returns one item of each that still has one, or []."""
    stop = threading.Event()
    queues = {name: queue.Queue(maxsize=2) for name in workers}

    def put(name, item):
        while not stop.is_set():
            try:
                return queues[name].put(item, timeout=0.2)
            except queue.Full:
                continue

    def work(name):
        try:
            for item in workers[name]():
                put(name, item)
                if stop.is_set():
                    return
            put(name, None)
        except BaseException as error:
            put(name, error)

    def next_parts():
        parts = []
        for name in list(queues):
            item = queues[name].get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                del queues[name]
            else:
                parts.append(item)
        return parts

    threads = [threading.Thread(target=work, args=(name,), daemon=True) for name in workers]
    for thread in threads:
        thread.start()
    try:
        yield next_parts
    finally:
        stop.set()
        for thread in threads:
            thread.join()
