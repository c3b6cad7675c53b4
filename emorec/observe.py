"""Stage 1: a recording and a checkpoint in, Observations out, streamed to disk segment by segment.

The recording is cut into *segments* of 80 voice hops (20.48 s), the first ones shorter. Faces and voices are observed
in threads side by side; a segment is stored once both are through with it, and a later run goes on behind the last
stored one.
"""

import contextlib
import ctypes
import hashlib
import json
import shutil
import threading
import uuid
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from emorec import observations, worker
from emorec import segments as cuts
from emorec.ahead import Ahead
from emorec.errors import EmorecError
from emorec.hearing import voice_segments
from emorec.observations import Folder, Head, Observations
from emorec.persons import Tracker
from emorec.seeing import TRACKER, encode_faces, face_segments, no_faces

__all__ = ["Settings", "encode_faces", "face_segments", "observe", "voice_segments"]

EXTRACTION = 7  # counts up with every change of what is read out of the same recording with the same networks


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
    info = worker.probe(path)
    cache = observations.cache_folder() if cache is None else cache
    folder = _folder(path, model, detector, settings, cache)
    head, segments = folder.read() or (Head(_facts(info), asdict(settings), 0.0), [])
    if segments or head.complete:
        yield _observations(head, segments, model, info)
    if head.complete:
        return

    notes = []
    workers = _workers(path, info, model, detector, settings, segments, notes)
    with _one_torch_thread_each(), ExitStack() as stack:
        running = [stack.enter_context(Ahead(worker)) for worker in workers]
        while parts := [part for part in (next(worker, None) for worker in running) if part is not None]:
            segment = _empty_segment(model) | {"end": np.zeros(1)}
            for part in parts:
                segment["end"] = np.maximum(segment["end"], part.pop("end"))
                segment |= part
            head.segments += 1
            head.duration = max(head.duration, float(segment["end"][0]))
            _store(folder.append, head, segment)
            segments.append(segment)
            _return_memory()
            observations.drop_oldest(cache, keep=folder.path)
            yield _observations(head, segments, model, info)
    if not segments:
        raise EmorecError(f"Nothing in {info.path.name} could be decoded; the file seems to be damaged.")
    head.duration = max(head.duration, min(_last_picture_until(segments), info.duration or 0.0))
    head.complete = True
    head.notes = [*head.notes, *notes]
    _store(folder.write_head, head)
    yield _observations(head, segments, model, info)


def _last_picture_until(segments):
    """When the last picture ends (s), 0 if there is none."""
    return next((float(part["frame_until"][-1]) for part in reversed(segments) if len(part["frame_until"])), 0.0)


def forget(path, model, detector, settings=None, cache=None):
    """Remove what is stored of a recording, which has to be there still; tell whether there was anything.

    A run over the same recording that is under way goes on and stores what it still observes. Raises EmorecError where
    the recording cannot be read.
    """
    cache = observations.cache_folder() if cache is None else cache
    folder = _folder(path, model, detector, settings or Settings(), cache).path
    going = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        folder.rename(going)  # at once, so that a run beside this one never meets half of it
        shutil.rmtree(going)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise EmorecError(f"What is stored of {Path(path).name} cannot be removed ({error.strerror}).") from None
    return True


def _workers(path, info, model, detector, settings, segments, notes):
    """Generators of a segment's face arrays and of its voice arrays, from behind the stored segments on."""
    workers = []
    first, span = len(segments), cuts.SEGMENT_HOPS * model.front_end.hop_seconds
    if info.has_video:
        tracker = Tracker()
        # Segments behind the last picture, where only sound goes on, hold no state.
        stored = segments[-1] if segments else {}
        state = {key.removeprefix(TRACKER): value for key, value in stored.items() if TRACKER in key}
        if state:
            tracker.restore(state)
        workers.append(face_segments(path, model, detector, tracker, settings, first, span, notes))
    if info.has_audio:
        workers.append(voice_segments(path, model, first, notes))
    return workers


class _TorchThreads:
    """How many runs share the process, and the number of threads that torch had before the first of them."""

    lock = threading.Lock()
    runs = 0
    before = 1


@contextlib.contextmanager
def _one_torch_thread_each():
    """Within, a thread that starts to use torch gets no helpers: the stages' own threads keep the cores busy, and
    helpers that wait for work would take them away."""
    with _TorchThreads.lock:
        _TorchThreads.runs += 1
        if _TorchThreads.runs == 1:
            _TorchThreads.before = torch.get_num_threads()
            torch.set_num_threads(1)
    try:
        yield
    finally:
        with _TorchThreads.lock:
            _TorchThreads.runs -= 1
            if _TorchThreads.runs == 0:
                torch.set_num_threads(_TorchThreads.before)


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
        write(*what)
    except OSError as error:
        reason = error.strerror or error
        raise EmorecError(
            f"Observations cannot be stored in {observations.cache_folder()} ({reason}); "
            "free some space or name another folder in EMOREC_CACHE."
        ) from None


def _folder(path, model, detector, settings, cache):
    return Folder(cache / _key(path, model, detector, settings))


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
    facts = [observations.FORMAT_VERSION, scheme, content, model.fingerprint, detector.name, asdict(settings)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _observations(head, segments, model, info):
    hop = model.front_end.hop_seconds
    until = head.duration if head.complete else min(cuts.start(len(segments)) * hop, head.duration)
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
    return no_faces(model.face.config) | {
        "frame_time": np.zeros(0),
        "frame_until": np.zeros(0),
        "voice_time": np.zeros(0),
        "voice_speech": np.zeros(0, np.float32),
        "voice_loudness": np.zeros(0, np.float32),
        "voice_embedding": np.zeros((0, model.voice.config.embedding), np.float16),
    }
