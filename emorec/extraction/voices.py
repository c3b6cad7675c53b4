"""Stage 1, the sound: a recording's voice, hop by hop, in segments."""

import math

import numpy as np
import torch

from emorec.extraction import segments, sources
from emorec.extraction.options import WHOLE
from emorec.models.networks import VoiceNet
from emorec.models.optimize import for_inference
from emorec.prefetch import Prefetcher
from emorec.voice import features

BLOCK_HOPS = 16  # sound is read in blocks of so many hops; every segment but the second starts with one


def voice_segments(media, model, first, notes, settings=WHOLE):
    """One dict of voice arrays per segment, from segment ``first`` on.

    Each segment is encoded with a margin on both sides, wide enough that its hops do not depend on the cut. Of a part
    of a recording, too, sound is read so far beyond its ends, and the hops are those that overlap it.
    """
    for arrays in _whole_segments(media, model, first, notes, settings):
        yield _within(arrays, settings, model.front_end.hop_seconds)


def _within(arrays, settings, hop_seconds):
    """Only the hops in the part that is observed."""
    middle = arrays["voice_time"]
    inside = settings.overlap(middle - hop_seconds / 2, middle + hop_seconds / 2)
    hops = {name: values[inside] for name, values in arrays.items() if name != "end"}
    return hops | {"end": np.minimum(arrays["end"], settings.until)}


def _whole_segments(media, model, first, notes, settings):
    front_end, net = model.front_end, for_inference(model.voice)
    margin = _margin_hops(front_end) * front_end.hop
    number, end = first, 0
    origin = _start(number, front_end) - margin  # sample that ``kept`` starts at
    kept, encoded = np.zeros(0, np.float32), {}
    block_seconds, margin_seconds = BLOCK_HOPS * front_end.hop_seconds, margin / front_end.rate
    last = math.inf  # sample that the part ends at
    if settings.end is not None:
        last = round(settings.end * front_end.rate)
        stop = math.ceil((settings.end + margin_seconds) / block_seconds) * block_seconds
    blocks = sources.of(media).audio(
        front_end.rate,
        start=max(origin, 0) / front_end.rate,
        block_seconds=block_seconds,
        on_damage=notes.append,
        selection=settings.selection,
        end=math.inf if settings.end is None else stop,
        part_from=max(0.0, settings.start - margin_seconds),
    )
    with Prefetcher(blocks) as blocks:
        for begin, samples in _pieces(blocks, origin, front_end):
            kept = np.concatenate([kept[: begin - origin], samples])
            end = begin + len(samples)
            while last > _start(number, front_end) and len(kept) >= (span := _span(number, front_end)) + 2 * margin:
                window = kept[: span + 2 * margin]
                yield _voice_arrays(front_end, net, window, number, _start(number + 1, front_end), encoded)
                kept, origin, number = kept[span:], origin + span, number + 1
    while min(end, last) > _start(number, front_end):
        span = _span(number, front_end)
        window = np.pad(kept[: span + 2 * margin], (0, max(0, span + 2 * margin - len(kept))))
        yield _voice_arrays(front_end, net, window, number, min(end, _start(number + 1, front_end)), encoded)
        kept, number = kept[span:], number + 1


def _pieces(blocks, origin, front_end):
    """Yield the sound from the sample ``origin`` on as (first sample, samples), without a gap.

    Silence stands where the media has no sound yet: before its first sample, or before the audio starts. That may be
    hours, so it comes in pieces no longer than a segment.
    """
    longest = segments.SEGMENT_HOPS * front_end.hop
    for block in blocks:
        begin = round(block.time * front_end.rate)
        for silent in range(origin, begin, longest):
            yield silent, np.zeros(min(longest, begin - silent), np.float32)
        yield begin, block.samples
        origin = begin + len(block.samples)


def _start(number, front_end):
    """The sample that a segment starts at."""
    return segments.start(number) * front_end.hop


def _span(number, front_end):
    """Samples of a segment."""
    return _start(number + 1, front_end) - _start(number, front_end)


def _margin_hops(front_end):
    """Hops read on each side of a segment: what the front end asks for, in whole blocks."""
    return -(-front_end.margin_hops // BLOCK_HOPS) * BLOCK_HOPS


def _voice_arrays(front_end, net, samples, number, end, encoded):
    """Arrays of one segment from its samples with margins; ``end`` is the sample that its sound ends at.

    Silence is the same wherever it stands: ``encoded`` keeps what was made of it, so hours of it cost next to nothing.
    """
    # Speech is judged in rows that begin at their multiples on the clock, wherever segments begin.
    early = segments.start(number) % front_end.speech_row_hops
    if samples.any():
        arrays = _encode(front_end, net, samples, early)
    else:
        key = len(samples), early
        if key not in encoded:
            encoded[key] = _encode(front_end, net, samples, early)
        arrays = encoded[key]
    sounding = -(-(end - _start(number, front_end)) // front_end.hop)
    time = (segments.start(number) + np.arange(sounding) + 0.5) * front_end.hop_seconds
    sound = {name: array[:sounding] for name, array in arrays.items()}
    return {"voice_time": time} | sound | {"end": np.array([end / front_end.rate])}


@torch.inference_mode()
def _encode(front_end, net, samples, early):
    """What is heard in samples between their margins; a row of judging speech began ``early`` hops before them."""
    margin, context, hop = _margin_hops(front_end), VoiceNet.CONTEXT_HOPS, front_end.hop
    log_mel = features.log_mel(samples, front_end)
    near = slice((margin - context) * VoiceNet.FRAMES_PER_HOP, -(margin - context) * VoiceNet.FRAMES_PER_HOP)
    row, last = (margin - early) * hop, len(samples) - margin * hop
    embeddings = net.embed(log_mel[:, near].unsqueeze(0).to(next(net.parameters()).device))[0]
    return {
        "voice_speech": features.speech(samples[row:last], front_end, samples[:row], samples[last:])[early:],
        "voice_loudness": features.loudness(samples[margin * hop : last], front_end),
        "voice_embedding": embeddings[context:].cpu().numpy().astype(np.float16),
    }
