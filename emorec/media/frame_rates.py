"""How many pictures a second a video has, and how many threads decode them."""

from __future__ import annotations

from emorec.prefetch import processors

DEFAULT_RATE = 25.0  # frames a second if the file does not state it, as FFmpeg assumes

MAX_FRAME_RATE = 1000  # frames a second; a higher average is not believed

# Pixels a second up to which one core decodes H.264 no slower than a second core does the rest of an analysis. Several
# decoding threads take a fifth more processor time for the same pictures.
LIGHT = 1280 * 720 * 30 * 1.1


def frame_rate(stream) -> float | None:
    """Average frames a second of a video stream, None if unknown."""
    average = stream.average_rate
    # Where FFmpeg counts ticks of the clock, as in dv, its guess is better.
    rate = average if average and average < MAX_FRAME_RATE else stream.guessed_rate
    return float(rate) if rate else None


def decoder_threads(stream) -> int:
    """How many threads decode a stream; 0 for as many as there are cores."""
    if stream.type == "audio":
        return 1
    heavy = stream.width * stream.height * (frame_rate(stream) or DEFAULT_RATE) > LIGHT
    return 0 if heavy or processors() > 2 else 1
