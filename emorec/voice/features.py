"""Voice front end: log-mel frames, local level normalisation, speech activity.

Everything lies on one grid: a *frame* is 256 samples (16 ms), a *hop* is 16 frames (4096 samples, 0.256 s),
and hop 0 starts at sample 0. Training and inference call the same functions.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torchaudio
from torch.nn import functional as F

from emorec.voice import gain, silero, tones

FRAMES_PER_HOP = 16
# Hops on each side of a hop that the voice network's embedding depends on: 4 + 8 + 16 + 32 frames, rounded up.
CONTEXT_HOPS = 4


@dataclass(frozen=True, kw_only=True)
class VoiceFrontEnd:
    """Constants of the front end; a checkpoint carries the ones that it was trained with."""

    rate: int = 16_000  # Hz
    frame: int = 256  # samples from one log-mel frame to the next
    n_fft: int = 512  # samples under one frame's window
    n_mels: int = 64
    f_min: float = 50.0  # Hz
    f_max: float = 8_000.0  # Hz
    floor: float = 1e-7  # mel power taken as silence
    level_seconds: float = 6.0  # stretch of time over which the level is normalised
    active_range: float = 9.0  # nats under the local peak within which a frame counts for the level
    scale: float = 2.5  # nats; brings normalised frames to about unit deviation

    @property
    def hop(self):
        """Samples per hop."""
        return self.frame * FRAMES_PER_HOP

    @property
    def hop_seconds(self):
        return self.hop / self.rate

    @property
    def margin_hops(self):
        """Hops of context that make a hop's embedding independent of where a recording was cut into blocks."""
        # Half the stretch for the level, as much again for the peaks that say which of its frames are active, and what
        # the gain of quiet sound depends on.
        level = int(np.ceil(self.level_seconds / self.hop_seconds)) + CONTEXT_HOPS + gain.REACH_HOPS
        warm_up = -(-(SPEECH_WARM_UP_CHUNKS * silero.CHUNK + silero.CONTEXT) // self.hop)
        return max(level, self.speech_row_hops - 1 + warm_up + gain.REACH_HOPS)

    @property
    def speech_row_hops(self):
        """Hops from the start of one row of chunks that speech is judged in to the next."""
        return SPEECH_ROW_CHUNKS * silero.CHUNK // self.hop


VERSION = 3  # counts up with every change of what is heard in the same samples
SPEECH_ROW_CHUNKS = 128  # chunks (4.1 s) that are judged in one row; rows run side by side in a batch
SPEECH_CHUNKS_AT_ONCE = 1024  # whose spectra are held at the same time: 5 MB
SPEECH_WARM_UP_CHUNKS = 24  # chunks (0.77 s) that let the recurrent state settle before a row's first judgement
SPEECH_WARM_UP_HOPS = 4  # which hold them and the context of the first


@cache
def _mel(front_end):
    return torchaudio.transforms.MelSpectrogram(
        sample_rate=front_end.rate,
        n_fft=front_end.n_fft,
        hop_length=front_end.frame,
        f_min=front_end.f_min,
        f_max=front_end.f_max,
        n_mels=front_end.n_mels,
        center=False,
        norm="slaney",
        mel_scale="slaney",
    )


def log_mel(samples, front_end=VoiceFrontEnd()):
    """Log-mel power in nats, level-normalised: float32 samples (S,) -> tensor (n_mels, S // frame).

    S should be a multiple of the hop. From every frame the mean level of the active frames within
    ``level_seconds`` around it is taken away, so that neither the microphone's gain nor the distance to it counts.
    Sound that is quieter than any of the training data is lifted first: it would drown in the floor.
    """
    side = (front_end.n_fft - front_end.frame) // 2
    samples = gain.lifted(samples, front_end.hop)
    padded = F.pad(torch.as_tensor(samples, dtype=torch.float32), (side, side))
    power = _mel(front_end)(padded)
    frames = torch.log(power + front_end.floor)
    return (frames - _level(frames, front_end)).div(front_end.scale).clamp_min(-3.0)


def _level(frames, front_end):
    """Mean log-mel of the active frames around each frame: (n_mels, T) -> (T,)."""
    half = int(front_end.level_seconds / 2 * front_end.rate / front_end.frame)
    width = 2 * half + 1
    loudness = torch.logsumexp(frames, dim=0)[None, None]
    peak = F.max_pool1d(loudness, width, stride=1, padding=half)
    active = (loudness > peak - front_end.active_range).float()
    level = frames.mean(dim=0)[None, None]
    total = F.avg_pool1d(active * level, width, stride=1, padding=half)
    share = F.avg_pool1d(active, width, stride=1, padding=half)
    return (total / share.clamp_min(1e-6))[0, 0]


def loudness(samples, front_end=VoiceFrontEnd()):
    """Root mean square of each hop in dB of full scale: samples (S,) -> array (S // hop,)."""
    hops = np.asarray(samples, dtype=np.float32)[: len(samples) // front_end.hop * front_end.hop]
    power = np.square(hops.reshape(-1, front_end.hop)).mean(axis=1)
    return (10 * np.log10(power + 1e-10)).astype(np.float32)


@torch.inference_mode()
def speech(samples, front_end=VoiceFrontEnd(), before=(), after=()):
    """Probability of speech in each hop: samples (S,) at 16 kHz -> array (S // hop,).

    Silero VAD judges chunks of 32 ms one after another. The recording is laid out in rows that run side by side as a
    batch, each warmed up on the end of the row before. A hop's probability is the mean over its chunks, less if a
    steady tone begins in it. Quiet passages are made louder first, so that quiet speech is speech.

    ``before`` and ``after`` are the samples around, silence if there are none. With them a recording that is cut at
    the starts of rows, every ``speech_row_hops``, is judged as it is in one piece.
    """
    hops = len(samples) // front_end.hop
    if hops == 0:
        return np.zeros(0, dtype=np.float32)
    network, inside = silero.load(), hops * front_end.hop
    # Whole hops around, as far as the gain and the tones depend on them.
    reach = (gain.REACH_HOPS + SPEECH_WARM_UP_HOPS) * front_end.hop
    before = np.asarray(before, np.float32)[len(before) % front_end.hop :][-reach:]
    after = np.asarray(after, np.float32)[: min(reach, len(after) // front_end.hop * front_end.hop)]
    whole = np.concatenate([before, np.asarray(samples, np.float32)[:inside], after])
    level = gain.levelled(whole, front_end.hop)
    middle = slice(len(before), len(before) + inside)
    chunks = _chunks(level[: middle.start], level[middle])
    features = torch.cat([network.encode(part) for part in torch.from_numpy(chunks).split(SPEECH_CHUNKS_AT_ONCE)])
    count = len(features) - SPEECH_WARM_UP_CHUNKS
    features = F.pad(features, (0, 0, 0, -count % SPEECH_ROW_CHUNKS))
    rows = features.unfold(0, SPEECH_WARM_UP_CHUNKS + SPEECH_ROW_CHUNKS, SPEECH_ROW_CHUNKS).transpose(1, 2)
    judged = network.judge(rows)[:, SPEECH_WARM_UP_CHUNKS:].reshape(-1)[:count]
    first = len(before) // front_end.hop
    tonal = tones.onsets(whole, front_end.hop)[first : first + hops]
    return judged.reshape(hops, -1).mean(dim=1).numpy() * (1 - tonal)


def _chunks(before, samples):
    """(chunks, context + chunk): those that warm up and those of the samples, each behind the end of the one before."""
    head = np.zeros(silero.CONTEXT + SPEECH_WARM_UP_CHUNKS * silero.CHUNK, np.float32)
    known = before[-len(head) :]
    head[len(head) - len(known) :] = known
    length = silero.CONTEXT + silero.CHUNK
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([head, samples]), length)
    return windows[:: silero.CHUNK].copy()
