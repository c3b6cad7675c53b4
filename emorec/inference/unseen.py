"""What is said of a recording whose pictures show no face: a result from the voice alone looks like any other."""

from __future__ import annotations

from emorec.extraction.features import Features
from emorec.extraction.speakers import SPEECH

NO_FACE = (
    "No face was found in the pictures, so only voices count. If there is a face, it may be too small, too dark or "
    "turned away."
)


def note(features: Features, fusion: str) -> str:
    """NO_FACE if a recording that is read to its end has pictures without a face, and speech, and faces were to count;
    else ""."""
    # While a recording is being read, a face may still come. A result without evidence says by itself what is missing.
    if not features.complete or fusion in ("face", "voice"):
        return ""
    arrays = features.arrays
    is_told = len(arrays["frame_time"]) and not len(arrays["face_time"]) and (arrays["voice_speech"] >= SPEECH).any()
    return NO_FACE if is_told else ""
