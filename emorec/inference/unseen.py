"""What is said of a recording whose pictures show no face: a result from the voice alone looks like any other."""

from __future__ import annotations

from emorec.extraction.features import Features

NO_FACE = (
    "No face was found in the pictures, so only voices count. If there is a face, it may be too small, too dark or "
    "turned away."
)


def note(features: Features, fusion: str) -> str:
    """NO_FACE if a recording that is read to its end has pictures but no face, and faces were to count; else ""."""
    # While a recording is being read, a face may still come; and a result from faces alone is empty, which says it.
    if not features.complete or fusion in ("face", "voice"):
        return ""
    arrays = features.arrays
    return NO_FACE if len(arrays["frame_time"]) and not len(arrays["face_time"]) else ""
