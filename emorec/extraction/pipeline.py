"""Stage 1: a recording and a checkpoint in, Features out, streamed to disk segment by segment.

The recording is cut into *segments* of 80 voice hops (20.48 s), the first ones shorter. Faces and voices are observed
in threads side by side; a segment is stored once both are through with it, and a later run goes on behind the last
stored one.
"""

import contextlib
import ctypes
import hashlib
import json
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from emorec.errors import EmorecError
from emorec.extraction import features, options, tracks
from emorec.extraction import segments as cuts
from emorec.extraction.cache import Room
from emorec.extraction.cache import forget as forget_key
from emorec.extraction.faces import STILL, STILL_SECONDS, TRACKER, encode_faces, face_segments, no_faces
from emorec.extraction.features import Features, Folder, Head, Joined
from emorec.extraction.options import Settings
from emorec.extraction.voices import voice_segments
from emorec.face import detection
from emorec.face.tracking import Tracker
from emorec.media import sandbox as worker
from emorec.prefetch import OneThread, Prefetcher
from emorec.settings import cache_folder

__all__ = ["Settings", "encode_faces", "extract", "face_segments", "voice_segments"]

EXTRACTION = 9  # counts up with every change of what is read out of the same recording with the same networks


def extract(path, model, detector, settings=None, cache=None):
    """Yield growing Features of a recording; the last one is complete.

    What is already stored is not observed again: a known recording yields once, without any decoding. Closing the
    generator stops the work and keeps every whole segment. Raises EmorecError where the recording cannot be used.
    """
    settings = settings or Settings()
    options.check(settings)
    info = worker.probe(path, settings.selection)
    options.check_within(settings, info.path.name, info.duration)
    cache = cache_folder() if cache is None else cache
    folder = Folder(cache / _key(path, model, detector, settings))
    room, joined = Room(cache, folder.path), Joined(_empty_segment(model))
    head, segments = folder.read() or (_new_head(path, info, settings, detector, model), [])

    def grown():
        return _observations(head, segments, model, info, settings, folder.path.name, joined)

    if segments or head.complete:
        yield grown()
    if head.complete:
        return

    notes = []
    as_chosen = replace(settings, **head.chosen.get("tracks", {}))
    workers = _workers(path, info, model, detector, as_chosen, segments, notes)
    with _one_thread_each(), ExitStack() as stack:
        stack.callback(room.tidy)
        running = [stack.enter_context(Prefetcher(worker)) for worker in workers]
        while parts := [part for part in (next(worker, None) for worker in running) if part is not None]:
            segment = _empty_segment(model) | {"end": np.zeros(1)}
            for part in parts:
                segment["end"] = np.maximum(segment["end"], part.pop("end"))
                segment |= part
            head.segments += 1
            head.duration = max(head.duration, float(segment["end"][0]))
            head.notes = _merged(head.notes, notes)
            room.added(_store(folder.append, head, segment))
            segments.append(segment)
            _return_memory()
            yield grown()
    if workers and not segments:
        if settings.start:
            raise options.behind(settings, info.path.name)
        raise EmorecError(f"Nothing in {info.path.name} could be decoded; the file seems to be damaged.")
    if not workers:
        head.duration = min(settings.until, info.duration or 0.0)
    lasting = min(_last_picture_until(segments), info.duration or 0.0, settings.until)
    head.duration = max(head.duration, lasting)
    # The last picture counts to the end of its bin, which may lie behind the recording's own end.
    if info.duration and 0 < head.duration - info.duration < 1 / settings.face_rate:
        head.duration = info.duration
    if head.duration - settings.start < STILL_SECONDS:
        # The only picture of a recording lasts as long as the recording, which is known now.
        notes = head.notes = [note for note in _merged(head.notes, notes) if note != STILL]
    head.complete = True
    head.notes = _merged(head.notes, notes)
    _store(folder.write_head, head)
    yield grown()


def _new_head(path, info, settings, detector, model):
    """The head of a recording of which nothing is stored, with the tracks that are chosen for it once and for all."""
    with _one_thread_each():
        numbers, notes = tracks.chosen(path, info, settings, detector, model.front_end)
    if numbers:
        info = worker.probe(path, replace(settings, **numbers).selection)
    if not settings.faces and not info.has_audio:
        notes.append("The recording has no sound, and its picture was not to be used: there is no evidence.")
    if not settings.voices and not info.has_video:
        notes.append("The recording has no picture, and its sound was not to be used: there is no evidence.")
    return Head(_facts(info), asdict(settings), 0.0, chosen={"tracks": numbers, "notes": notes})


def _last_picture_until(segments):
    """When the last picture ends (s), 0 if there is none."""
    return next((float(part["frame_until"][-1]) for part in reversed(segments) if len(part["frame_until"])), 0.0)


def forget(path, model, detector, settings=None, cache=None):
    """Remove what is stored of a recording, which has to be there still; tell whether there was anything.

    A run over the same recording that is under way goes on and stores what it still observes. Raises EmorecError where
    the recording cannot be read.
    """
    return forget_key(_key(path, model, detector, settings or Settings()), cache)


def _merged(notes, found):
    """Sentences about damage, each once: an interrupted run may have told of what is found again."""
    return [*dict.fromkeys([*notes, *found])]


def _workers(path, info, model, detector, settings, segments, notes):
    """Generators of a segment's face arrays and of its voice arrays, from behind the stored segments on."""
    workers = []
    hop = model.front_end.hop_seconds
    first, span = cuts.holding(settings.start / hop) + len(segments), cuts.SEGMENT_HOPS * hop
    if info.has_video and settings.faces:
        tracker = Tracker()
        # Segments behind the last picture, where only sound goes on, hold no state.
        stored = segments[-1] if segments else {}
        state = {key.removeprefix(TRACKER): value for key, value in stored.items() if TRACKER in key}
        if state:
            tracker.restore(state)
        workers.append(face_segments(path, model, detector, tracker, settings, first, span, notes))
    if info.has_audio and settings.voices:
        workers.append(voice_segments(path, model, first, notes, settings))
    return workers


_TORCH_THREADS = OneThread(torch.get_num_threads, torch.set_num_threads)


@contextlib.contextmanager
def _one_thread_each():
    """Within, a thread that starts to use torch or OpenCV gets no helpers: the stages' own threads keep the cores busy,
    and helpers that wait for work would take them away."""
    with _TORCH_THREADS.held(), detection.CV_THREADS.held():
        yield


def _return_memory():
    """Give what is free back to the system: left to itself glibc's heap grows by a tenth over an hour."""
    # Other C libraries have no such function, and Windows no such library.
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _facts(info):
    """What is stored of a recording; not its path, which may be another one next time."""
    return {name: value for name, value in asdict(info).items() if name != "path"}


def _store(write, *what):
    try:
        return write(*what)
    except OSError as error:
        reason = error.strerror or error
        raise EmorecError(
            f"Features cannot be stored in {cache_folder()} ({reason}); "
            "free some space or name another folder in EMOREC_CACHE."
        ) from None


def _key(path, model, detector, settings):
    """The name of a recording's observations: content, networks, detector and settings."""
    try:
        with open(path, "rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise EmorecError(f"{Path(path).name} is no longer there; put it back.") from None
    except OSError as error:
        raise EmorecError(f"{Path(path).name} cannot be read ({error.strerror or error}).") from None
    scheme = [EXTRACTION, cuts.FIRST_STARTS, cuts.SEGMENT_HOPS]
    facts = [features.FORMAT_VERSION, scheme, content, model.fingerprint, detector.name, asdict(settings)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _observations(head, segments, model, info, settings, key, joined):
    hop = model.front_end.hop_seconds
    observed = cuts.holding(settings.start / hop) + len(segments)
    until = head.duration if head.complete else min(cuts.start(observed) * hop, head.duration)
    duration = max(head.duration, min(info.duration or 0.0, settings.until))
    return Features(
        duration=head.duration if head.complete else duration,
        until=until,
        complete=head.complete,
        segments=tuple(segments),
        empty=_empty_segment(model),
        media={"name": info.path.name} | head.media | options.told(settings),
        notes=(*head.chosen.get("notes", ()), *head.notes),
        hop_seconds=hop,
        start=settings.start,
        settings=head.settings | head.chosen.get("tracks", {}),
        fingerprint=model.fingerprint,
        key=key,
        joined=joined,
    )


def _empty_segment(model):
    """Every array of a segment, without rows: what a recording without that stream has."""
    return no_faces(model.face.config) | {
        "frame_time": np.zeros(0),
        "frame_until": np.zeros(0),
        "voice_time": np.zeros(0),
        "voice_speech": np.zeros(0, np.float32),
        "voice_loudness": np.zeros(0, np.float32),
        "voice_embedding": np.zeros((0, model.voice.config.embedding), np.float16),
    }
