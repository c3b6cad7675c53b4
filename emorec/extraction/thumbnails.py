"""A small picture of each track's best face, by which a user recognises the persons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emorec.extraction.features import Features

Arrays = dict[str, np.ndarray]


def no_thumbnails() -> Arrays:
    """The arrays of a segment without thumbnails.

    ``thumbnail_track`` (M,), ``thumbnail_quality`` (M,) of the face, ``thumbnail_bytes`` (M,), and all JPEGs one after
    another in ``thumbnail_jpeg`` (B,).
    """
    return {
        "thumbnail_track": np.zeros(0, np.int64),
        "thumbnail_quality": np.zeros(0, np.float32),
        "thumbnail_bytes": np.zeros(0, np.int64),
        "thumbnail_jpeg": np.zeros(0, np.uint8),
    }


def arrays_of(pictures: Mapping[int, tuple[float, bytes]]) -> Arrays:
    """The arrays of a segment with a quality and a JPEG for each track, in the order of tracks."""
    if not pictures:
        return no_thumbnails()
    tracks = sorted(pictures)
    jpegs = [pictures[track][1] for track in tracks]
    return {
        "thumbnail_track": np.array(tracks, np.int64),
        "thumbnail_quality": np.array([pictures[track][0] for track in tracks], np.float32),
        "thumbnail_bytes": np.array([len(jpeg) for jpeg in jpegs], np.int64),
        "thumbnail_jpeg": np.frombuffer(b"".join(jpegs), np.uint8),
    }


def thumbnail(features: Features, number: int) -> bytes | None:
    """The JPEG of a person's best face, None if none is stored."""
    row = best_thumbnail(features, number)
    return None if row is None else thumbnail_jpeg(features, row)


def best_thumbnail(
    features: Features, number: int, during: tuple[float, float] | None = None, reach: float = 0.0
) -> int | None:
    """The index of the thumbnail with a person's best face, None if none is stored.

    With ``during`` (s) only tracks count that show the person then or, if there are none, soonest before or after it,
    up to ``reach`` (s) away.
    """
    arrays = features.arrays
    if "face_track" not in arrays or not len(arrays.get("thumbnail_track", ())):
        return None
    own = arrays["face_person"] == number
    if during is not None:
        times = arrays["face_time"]
        away = np.where(own, np.abs(times - np.clip(times, *during)), np.inf)
        nearest = float(away.min(initial=np.inf))
        own &= (away <= nearest) & (away <= reach)
    rows = np.flatnonzero(np.isin(arrays["thumbnail_track"], np.unique(arrays["face_track"][own])))
    return int(rows[arrays["thumbnail_quality"][rows].argmax()]) if len(rows) else None


def thumbnail_jpeg(features: Features, row: int) -> bytes:
    """The JPEG of the thumbnail with an index."""
    arrays = features.arrays
    end = int(arrays["thumbnail_bytes"][: row + 1].sum())
    return arrays["thumbnail_jpeg"][end - int(arrays["thumbnail_bytes"][row]) : end].tobytes()
