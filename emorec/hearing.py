"""Stage 1, the sound: a recording's voice, hop by hop, in segments."""

import numpy as np
import torch

from emorec import segments, voice, worker
from emorec.ahead import Ahead
from emorec.inference import for_inference
from emorec.networks import VoiceNet

BLOCK_HOPS = 16  # sound is read in blocks of so many hops; every segment but the second starts with one


def voice_segments(path, model, first, notes):
    """One dict of voice arrays per segment, from segment ``first`` on.

    Each segment is encoded with a margin on both sides, wide enough that its hops do not depend on the cut.
    """
    front_end, net = model.front_end, for_inference(model.voice)
    margin = _margin_hops(front_end) * front_end.hop
    number, end = first, 0
    origin = _start(number, front_end) - margin  # sample that ``kept`` starts at
    kept = np.zeros(0, np.float32)
    blocks = worker.audio(
        path,
        front_end.rate,
        start=max(origin, 0) / front_end.rate,
        block_seconds=BLOCK_HOPS * front_end.hop_seconds,
        on_damage=notes.append,
    )
    with Ahead(blocks) as blocks:
        for block in blocks:
            begin = round(block.time * front_end.rate)
            place = begin - origin
            # Silence stands where the media has no sound yet: before its first sample, or before the audio starts.
            kept = np.concatenate([kept[:place], np.zeros(max(0, place - len(kept)), np.float32), block.samples])
            end = begin + len(block.samples)
            while len(kept) >= (span := _span(number, front_end)) + 2 * margin:
                yield _voice_arrays(front_end, net, kept[: span + 2 * margin], number, _start(number + 1, front_end))
                kept, origin, number = kept[span:], origin + span, number + 1
    while end > _start(number, front_end):
        span = _span(number, front_end)
        window = np.pad(kept[: span + 2 * margin], (0, max(0, span + 2 * margin - len(kept))))
        yield _voice_arrays(front_end, net, window, number, min(end, _start(number + 1, front_end)))
        kept, number = kept[span:], number + 1


def _start(number, front_end):
    """The sample that a segment starts at."""
    return segments.start(number) * front_end.hop


def _span(number, front_end):
    """Samples of a segment."""
    return _start(number + 1, front_end) - _start(number, front_end)


def _margin_hops(front_end):
    """Hops read on each side of a segment: what the front end asks for, in whole blocks."""
    return -(-front_end.margin_hops // BLOCK_HOPS) * BLOCK_HOPS


@torch.inference_mode()
def _voice_arrays(front_end, net, samples, number, end):
    """Arrays of one segment from its samples with margins; ``end`` is the sample that its sound ends at."""
    margin, context, hop = _margin_hops(front_end), VoiceNet.CONTEXT_HOPS, front_end.hop
    log_mel = voice.log_mel(samples, front_end)
    near = slice((margin - context) * VoiceNet.FRAMES_PER_HOP, -(margin - context) * VoiceNet.FRAMES_PER_HOP)
    # Speech is judged in rows that begin at their multiples on the clock, wherever segments begin.
    early = segments.start(number) % front_end.speech_row_hops
    row, last = (margin - early) * hop, len(samples) - margin * hop
    sounding = -(-(end - _start(number, front_end)) // front_end.hop)
    embeddings = net.embed(log_mel[:, near].unsqueeze(0).to(next(net.parameters()).device))[0]
    return {
        "voice_time": (segments.start(number) + np.arange(sounding) + 0.5) * front_end.hop_seconds,
        "voice_speech": voice.speech(samples[row:last], front_end, samples[:row], samples[last:])[early:][:sounding],
        "voice_loudness": voice.loudness(samples[margin * hop : last], front_end)[:sounding],
        "voice_embedding": embeddings[context:][:sounding].cpu().numpy().astype(np.float16),
        "end": np.array([end / front_end.rate]),
    }
