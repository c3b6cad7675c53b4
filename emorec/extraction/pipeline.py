"""Stage 1: a recording and a checkpoint in, Features out, written to disk segment by segment.

The recording is cut into *segments* of 80 voice hops (20.48 s); the first ones are shorter. Faces and voices are
extracted side by side, each in its own thread. A segment is stored once both are done with it, and a later run
continues after the last stored one.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from emorec.errors import EmorecError
from emorec.extraction import options, sources, tracks
from emorec.extraction import segments as cuts
from emorec.extraction.assembly import Segment, complete, empty_segment, features_of, merge_notes, metadata
from emorec.extraction.cache import forget as forget_key
from emorec.extraction.face_arrays import TRACKER
from emorec.extraction.faces import encode_faces, face_segments
from emorec.extraction.feature_folder import Head
from emorec.extraction.features import Features, JoinedArrays
from emorec.extraction.lead_in import LeadIn
from emorec.extraction.options import Settings
from emorec.extraction.sources import Source
from emorec.extraction.storing import Store, Unchanged, key_of
from emorec.extraction.voices import voice_segments
from emorec.face import detection
from emorec.face.detection import Detector
from emorec.face.tracking import Tracker
from emorec.media.streams import MediaInfo
from emorec.models.checkpoint import Checkpoint
from emorec.prefetch import OneThread, Prefetcher
from emorec.settings import cache_folder

__all__ = ["Settings", "encode_faces", "extract", "face_segments", "forget", "forget_key", "voice_segments"]

NO_PICTURE = "The picture is in a format that cannot be decoded, so there is nothing about faces."
CHANGED = "The file was changed while it was analysed, so the result may be wrong; analyse it again."
NO_SOUND = "The sound is in a format that cannot be decoded, so there is nothing about voices."


def extract(
    media: str | Path | Source,
    model: Checkpoint,
    detector: Detector,
    settings: Settings | None = None,
    cache: Path | None = None,
) -> Generator[Features]:
    """Yield growing Features of a recording; the last ones are complete.

    What is already stored is not extracted again: a known recording yields once, without any decoding. Closing the
    generator stops the work and keeps every whole segment. Pictures and sound in memory (``sources.ArraySource``) are
    not stored. ``cache`` is the folder to store in, by default ``settings.cache_folder()``. Raises EmorecError if the
    recording cannot be used.
    """
    settings = settings or Settings()
    options.check(settings)
    source = sources.as_source(media)
    unchanged = Unchanged(source)
    info = source.probe(settings.selection)
    options.check_within(settings, source.name, info.duration)
    key = key_of(source, model, detector, settings)
    store = Store(cache_folder() if cache is None else Path(cache), key, unchanged) if key else None
    joined = JoinedArrays(empty_segment(model, settings))
    head, segments = (store and store.folder.read()) or (new_head(source, info, settings, detector, model), [])

    def grown() -> Features:
        return features_of(head, segments, model, info, settings, key, joined)

    if segments or head.complete:
        yield grown()
    if head.complete:
        return

    notes: list[str] = []
    chosen = replace(settings, **head.chosen.get("tracks", {}))
    first = cuts.segment_at(settings.start / model.front_end.hop_seconds) + len(segments)
    tracker = _tracker_after(segments[-1] if segments else {})
    streams = streams_of(source, info, model, detector, chosen, tracker, first, notes)
    with ExitStack() as stack:
        if store:
            stack.callback(store.limit.enforce)
        for segment in stack.enter_context(contextlib.closing(joined_streams(streams, model, chosen))):
            head.segments += 1
            head.duration = max(head.duration, float(segment["end"][0]))
            head.notes = merge_notes(head.notes, notes)
            if store:
                store.append(head, segment)
            segments.append(segment)
            yield grown()
    if streams and not segments and not settings.start:
        raise EmorecError(f"Nothing in {source.name} could be decoded; the file seems to be damaged.")
    if not unchanged:
        notes.append(CHANGED)
    complete(head, segments, info, settings, bool(streams), notes)
    if store:
        store.write_head(head)
    yield grown()


def forget(
    media: str | Path | Source,
    model: Checkpoint,
    detector: Detector,
    settings: Settings | None = None,
    cache: Path | None = None,
) -> bool:
    """Remove the stored features of a recording, whose file must still exist; return whether there were any.

    A run over the same recording that is still going on continues, and stores what it extracts from then on. Raises
    EmorecError if the recording cannot be read.
    """
    key = key_of(sources.as_source(media), model, detector, settings or Settings())
    return bool(key) and forget_key(key, cache)


def new_head(source: Source, info: MediaInfo, settings: Settings, detector: Detector, model: Checkpoint) -> Head:
    """The head of a recording of which nothing is stored, with the tracks that are chosen for it."""
    with one_thread_each():
        numbers, notes = tracks.choose(info.path, info, settings, detector, model.front_end)
    if numbers:
        info = source.probe(replace(settings, **numbers).selection)
    if settings.faces and info.video_tracks and not info.has_video:
        notes.append(NO_PICTURE)
    if settings.voices and info.audio_tracks and not info.has_audio:
        notes.append(NO_SOUND)
    if not settings.faces and not info.has_audio:
        notes.append("The recording has no sound, and its picture was not to be used: there is no evidence.")
    if not settings.voices and not info.has_video:
        notes.append("The recording has no picture, and its sound was not to be used: there is no evidence.")
    return Head(
        media=metadata(info), settings=asdict(settings), duration=0.0, chosen={"tracks": numbers, "notes": notes}
    )


def _tracker_after(segment: Segment) -> Tracker:
    """A tracker that continues after a stored segment; segments after the last picture hold no state."""
    tracker = Tracker()
    if state := {name.removeprefix(TRACKER): value for name, value in segment.items() if TRACKER in name}:
        tracker.restore(state)
    return tracker


def streams_of(
    source: Source,
    info: MediaInfo,
    model: Checkpoint,
    detector: Detector,
    settings: Settings,
    tracker: Tracker,
    first: int,
    notes: list[str],
    lead: LeadIn | None = None,
) -> list[Iterator[Segment]]:
    """Generators of the face arrays and of the voice arrays of each segment, from segment ``first`` on."""
    streams: list[Iterator[Segment]] = []
    span = cuts.SEGMENT_HOPS * model.front_end.hop_seconds
    if info.has_video and settings.faces:
        streams.append(face_segments(source, model, detector, tracker, settings, first, span, notes, lead))
    if info.has_audio and settings.voices:
        streams.append(voice_segments(source, model, first, notes, settings))
    return streams


def joined_streams(streams: list[Iterator[Segment]], model: Checkpoint, settings: Settings) -> Generator[Segment]:
    """Yield whole segments of streams that run side by side; a stream that is over has no rows in the others'.

    Closing stops the streams.
    """
    with one_thread_each(), ExitStack() as stack:
        running = [stack.enter_context(Prefetcher(stream)) for stream in streams]
        while parts := [part for part in (next(stream, None) for stream in running) if part is not None]:
            segment: Segment = empty_segment(model, settings) | {"end": np.zeros(1)}
            for part in parts:
                segment["end"] = np.maximum(segment["end"], part.pop("end"))
                segment |= part
            _return_memory()
            yield segment


_TORCH_THREADS = OneThread(torch.get_num_threads, torch.set_num_threads)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """A context in which torch and OpenCV use one thread for each caller: the stages' own threads keep the cores busy,
    and further threads that wait for work would slow them down."""
    with _TORCH_THREADS.held(), detection.CV_THREADS.held():
        yield


def _return_memory() -> None:
    """Return free memory to the system: otherwise glibc's heap grows by a tenth over an hour."""
    # Other C libraries have no such function, and Windows no such library.
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
