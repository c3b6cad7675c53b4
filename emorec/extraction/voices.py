"""Stage 1, voices: detect speech and encode the sound of a recording, hop by hop, segment by segment."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from emorec.extraction import channels, segments, sources
from emorec.extraction.arrays import MAX_FLOAT
from emorec.extraction.options import WHOLE, Settings
from emorec.media.passes import Damage
from emorec.media.streams import AudioBlock
from emorec.models import speaker
from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import VoiceNet
from emorec.models.optimize import for_inference
from emorec.prefetch import Prefetcher
from emorec.voice import features, rumble
from emorec.voice.features import VoiceFrontEnd

BLOCK_HOPS = 16  # hops in a block of sound that is read; every segment but the second starts at a multiple of it
MANY_LOUD = 0.05  # share of the samples of a block; less are single wrong ones
TOO_LOUD = (
    "The sound is far louder than full scale, like integers that were stored as floats, so its speech may not be "
    "found; divide it by its full scale first."
)

Arrays = dict[str, np.ndarray]


def voice_segments(
    media: str | Path | sources.Source, model: Checkpoint, first: int, notes: list[str], settings: Settings = WHOLE
) -> Generator[Arrays]:
    """Yield the voice arrays of each segment, from segment ``first`` on.

    Each segment is encoded with a margin on both sides, wide enough that its hops do not depend on where it is cut. If
    only a part of a recording is used, the margin is also read beyond both ends of the part, and only hops that overlap
    the part are yielded. If the channels are split, the hops of both follow each other in time (see ``channels``).
    Sentences for the user are added to ``notes``. Raises EmorecError if the recording cannot be decoded.
    """
    for arrays in _whole_segments(media, model, first, notes, settings):
        yield _cut(arrays, settings, model.front_end.hop_seconds)


def _cut(arrays: Arrays, settings: Settings, hop_seconds: float) -> Arrays:
    """Only the hops in the part that is used."""
    middle = arrays["voice_time"]
    inside = settings.overlap(middle - hop_seconds / 2, middle + hop_seconds / 2)
    hops = {name: values[inside] for name, values in arrays.items() if name != "end"}
    return hops | {"end": np.minimum(arrays["end"], settings.until)}


def _whole_segments(
    media: str | Path | sources.Source, model: Checkpoint, first: int, notes: list[str], settings: Settings
) -> Iterator[Arrays]:
    """Yield the voice arrays of each segment with all its hops."""
    front_end, net = model.front_end, for_inference(model.voice)
    margin = margin_hops(front_end) * front_end.hop
    number, end = first, 0
    origin = _start(number, front_end) - margin  # the first sample in ``pieces``
    count = len(channels.SIDES) if settings.channel == channels.SPLIT else 1
    # Put together only when a segment is complete: to copy all of it for every block takes longer than to decode it.
    pieces, encoded = [np.zeros((count, 0), np.float32)], {}
    block_seconds, margin_seconds = BLOCK_HOPS * front_end.hop_seconds, margin / front_end.rate
    end_sample, read_until = math.inf, math.inf  # end of the part, as a sample, and end of reading (s)
    if settings.end is not None:
        end_sample = round(settings.end * front_end.rate)
        read_until = math.ceil((settings.end + margin_seconds) / block_seconds) * block_seconds
    blocks = sources.as_source(media).audio(
        front_end.rate,
        start=max(origin, 0) / front_end.rate,
        block_seconds=block_seconds,
        selection=settings.selection,
        end=read_until,
        part_from=max(0.0, settings.start - margin_seconds),
    )
    with Prefetcher(blocks) as blocks:
        for begin, samples in _pieces(blocks, origin, count, front_end, notes):
            if begin < end:  # the decoder went back a little
                pieces = [np.concatenate(pieces, axis=1)[:, : begin - origin]]
            pieces.append(samples)
            end = begin + samples.shape[1]
            while (
                end_sample > _start(number, front_end)
                and end - origin >= (span := _span(number, front_end)) + 2 * margin
            ):
                buffer = np.concatenate(pieces, axis=1)
                window = buffer[:, : span + 2 * margin]
                yield _voice_arrays(front_end, net, window, number, _start(number + 1, front_end), encoded)
                pieces, origin, number = [buffer[:, span:]], origin + span, number + 1
    buffer = np.concatenate(pieces, axis=1)
    while min(end, end_sample) > _start(number, front_end):
        span = _span(number, front_end)
        missing = max(0, span + 2 * margin - buffer.shape[1])
        window = np.pad(buffer[:, : span + 2 * margin], ((0, 0), (0, missing)))
        yield _voice_arrays(front_end, net, window, number, min(end, _start(number + 1, front_end)), encoded)
        buffer, number = buffer[:, span:], number + 1


def _pieces(
    blocks: Iterable[AudioBlock | Damage], origin: int, count: int, front_end: VoiceFrontEnd, notes: list[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the sound from the sample ``origin`` on as (first sample, samples), without a gap.

    Samples are (``count``, N), a row for each channel.

    Before the first sample of the media, or before its audio starts, there is silence. The silence may last hours, so
    it comes in pieces that are no longer than a segment. Sentences about damage and level are added to ``notes``.
    """
    longest = segments.SEGMENT_HOPS * front_end.hop
    for block in blocks:
        if isinstance(block, Damage):
            notes.append(block.sentence)
            continue
        loud = 0 if TOO_LOUD in notes else np.count_nonzero(np.abs(block.samples) > MAX_FLOAT)
        if loud > MANY_LOUD * block.samples.size:
            notes.append(TOO_LOUD)
        begin = round(block.time * front_end.rate)
        for silent in range(origin, begin, longest):
            yield silent, np.zeros((count, min(longest, begin - silent)), np.float32)
        yield begin, np.atleast_2d(block.samples)
        origin = begin + block.samples.shape[-1]


def _start(number: int, front_end: VoiceFrontEnd) -> int:
    """The sample at which a segment starts."""
    return segments.first_hop(number) * front_end.hop


def _span(number: int, front_end: VoiceFrontEnd) -> int:
    """The number of samples in a segment."""
    return _start(number + 1, front_end) - _start(number, front_end)


def margin_hops(front_end: VoiceFrontEnd) -> int:
    """Hops that are read on each side of a segment: the margin of the front end, in whole blocks."""
    return -(-front_end.margin_hops // BLOCK_HOPS) * BLOCK_HOPS


def _voice_arrays(
    front_end: VoiceFrontEnd,
    net: VoiceNet,
    samples: np.ndarray,
    number: int,
    end: int,
    encoded: dict[tuple[int, int], Arrays],
) -> Arrays:
    """The arrays of one segment from its samples (channels, N) with margins; its sound ends at the sample ``end``."""
    hops = -(-(end - _start(number, front_end)) // front_end.hop)
    time = (segments.first_hop(number) + np.arange(hops) + 0.5) * front_end.hop_seconds
    each: list[Arrays] = []
    for index, channel in enumerate(samples):
        # Many files hold the same sound in both channels; it is encoded once.
        same = index and np.array_equal(channel, samples[0])
        arrays = each[0] if same else encode_channel(front_end, net, channel, number, encoded)
        each.append({name: array[:hops] for name, array in arrays.items()})
    features_of_hops = each[0] if len(each) == 1 else channels.merge(each)
    return {"voice_time": np.repeat(time, len(each))} | features_of_hops | {"end": np.array([end / front_end.rate])}


def encode_channel(
    front_end: VoiceFrontEnd, net: VoiceNet, samples: np.ndarray, number: int, encoded: dict[tuple[int, int], Arrays]
) -> Arrays:
    """The features of the hops of one channel in a segment, from its samples (N,) with margins.

    Silence has the same features everywhere: they are cached in ``encoded``, so hours of it take almost no time.
    """
    # Speech is detected in rows of a fixed length. They begin at multiples of that length from the start of the
    # recording, which need not be where a segment begins.
    hops_into_row = segments.first_hop(number) % front_end.speech_row_hops
    if samples.any():
        return _encode(front_end, net, samples, hops_into_row)
    key = len(samples), hops_into_row
    if key not in encoded:
        encoded[key] = _encode(front_end, net, samples, hops_into_row)
    return encoded[key]


@torch.inference_mode()
def _encode(front_end: VoiceFrontEnd, net: VoiceNet, samples: np.ndarray, hops_into_row: int) -> Arrays:
    """The features of samples (N,) between their margins; ``hops_into_row``: hops between the start of the current
    row of speech detection and the first of them."""
    margin, context, hop = margin_hops(front_end), VoiceNet.CONTEXT_HOPS, front_end.hop
    samples = rumble.remove_rumble(samples)  # once for all that follows
    log_mel = features.log_mel(samples, front_end, filtered=True)
    with_context = slice((margin - context) * VoiceNet.FRAMES_PER_HOP, -(margin - context) * VoiceNet.FRAMES_PER_HOP)
    row, last = (margin - hops_into_row) * hop, len(samples) - margin * hop
    inner = log_mel[:, with_context]
    speech = features.speech(samples[row:last], front_end, samples[:row], samples[last:], filtered=True)
    embeddings = net.embed(inner.unsqueeze(0).to(next(net.parameters()).device))[0]
    return {
        "voice_speech": speech[hops_into_row:],
        "voice_loudness": features.loudness(samples[margin * hop : last], front_end),
        "voice_embedding": embeddings[context:].cpu().numpy().astype(np.float16),
        "voice_sound": speaker.embed_sound(speaker.load(), inner)[context:].astype(np.float16),
    }
