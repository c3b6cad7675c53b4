"""Voice front end: log-mel frames, local level normalisation, speech activity.

Everything lies on one grid: a *frame* is 256 samples (16 ms), a *hop* is 16 frames (4096 samples, 0.256 s),
and hop 0 starts at sample 0. Training and inference call the same functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torchaudio
from numpy.typing import ArrayLike
from torch.nn import functional as F

from emorec import ranges
from emorec.voice import gain, rumble, silero, tones

RATE = 16_000  # Hz
FRAME = 256  # samples
FRAMES_PER_HOP = 16
LONGEST_WINDOW = 4096  # samples of the window of one frame
# Hops on each side of a hop that the voice network's embedding depends on: 4 + 8 + 16 + 32 frames, rounded up.
CONTEXT_HOPS = 4


@dataclass(frozen=True, kw_only=True)
class VoiceFrontEnd:
    """Constants of the front end; a checkpoint holds the ones that it was trained with."""

    rate: int = RATE
    frame: int = FRAME  # samples from one log-mel frame to the next
    n_fft: int = 512  # samples of one frame's window
    n_mels: int = 64
    f_min: float = 50.0  # Hz
    f_max: float = 8_000.0  # Hz
    floor: float = 1e-7  # mel power that counts as silence
    level_seconds: float = 6.0  # length of the window in which the level is normalised
    active_range: float = 9.0  # nats below the local peak; a quieter frame does not count for the level
    scale: float = 2.5  # nats; gives normalised frames about unit deviation

    def __post_init__(self) -> None:
        # Speech detection, and the filter before it, take no other rate and no other hop.
        for name, only in (("rate", RATE), ("frame", FRAME)):
            ranges.check_whole(name, getattr(self, name), only, only)
        ranges.check_whole("n_fft", self.n_fft, self.frame, LONGEST_WINDOW)
        if self.n_fft % 2:
            raise ValueError(f"n_fft is {self.n_fft}; it must be even")
        ranges.check_whole("n_mels", self.n_mels, 1, self.n_fft // 2)
        ranges.check_number("f_max", self.f_max, 1, self.rate / 2)
        ranges.check_number("f_min", self.f_min, 0, self.f_max - 1)
        ranges.check_number("floor", self.floor, 1e-12, 1)
        ranges.check_number("level_seconds", self.level_seconds, 0.1, 60)
        ranges.check_number("active_range", self.active_range, 0.1, 100)
        ranges.check_number("scale", self.scale, 0.1, 100)

    @property
    def hop(self) -> int:
        """Samples per hop."""
        return self.frame * FRAMES_PER_HOP

    @property
    def hop_seconds(self) -> float:
        """Seconds per hop."""
        return self.hop / self.rate

    @property
    def margin_hops(self) -> int:
        """Hops of context with which a hop's embedding does not depend on how a recording is cut into blocks."""
        # Half the window of the level, as much again for the peaks that decide which of its frames are active, and the
        # reach of the gain of quiet sound and of the filter before it.
        reach = gain.REACH_HOPS + rumble.REACH_HOPS
        level = int(np.ceil(self.level_seconds / self.hop_seconds)) + CONTEXT_HOPS + reach
        warm_up = -(-(SPEECH_WARM_UP_CHUNKS * silero.CHUNK + silero.CONTEXT) // self.hop)
        return max(level, self.speech_row_hops - 1 + warm_up + reach)

    @property
    def speech_row_hops(self) -> int:
        """Hops from the start of one row of speech detection to the next, see ``speech``."""
        return SPEECH_ROW_CHUNKS * silero.CHUNK // self.hop


VERSION = 4  # incremented whenever the same samples give other features
SPEECH_ROW_CHUNKS = 128  # chunks (4.1 s) of one row; the rows of a recording form a batch
SPEECH_CHUNKS_AT_ONCE = 1024  # chunks whose spectra are in memory at the same time: 5 MB
SPEECH_WARM_UP_CHUNKS = 24  # chunks (0.77 s) in which the recurrent state settles before a row's first output
SPEECH_WARM_UP_HOPS = 4  # hops that contain those chunks and the context of the first


@cache
def _mel(front_end: VoiceFrontEnd) -> torchaudio.transforms.MelSpectrogram:
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


def log_mel(samples: np.ndarray, front_end: VoiceFrontEnd = VoiceFrontEnd(), *, filtered: bool = False) -> torch.Tensor:
    """Level-normalised log-mel power in nats: float32 samples (S,) -> tensor (n_mels, S // frame).

    S should be a multiple of the hop. From every frame the mean level of the active frames within ``level_seconds``
    around it is subtracted, so that neither the microphone's gain nor the distance to it counts. Sound that is quieter
    than all training data is amplified first; otherwise it would disappear in the floor. Before that, what lies below
    a voice is removed, unless the samples are ``filtered`` by ``rumble.remove_rumble`` already.
    """
    side = (front_end.n_fft - front_end.frame) // 2
    samples = samples if filtered else rumble.remove_rumble(samples)
    samples = gain.amplify_to_training_level(samples, front_end.hop)
    padded = F.pad(torch.as_tensor(samples, dtype=torch.float32), (side, side))
    power = _mel(front_end)(padded)
    frames = torch.log(power + front_end.floor)
    return (frames - _level(frames, front_end)).div(front_end.scale).clamp_min(-3.0)


def _level(frames: torch.Tensor, front_end: VoiceFrontEnd) -> torch.Tensor:
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


def loudness(samples: np.ndarray, front_end: VoiceFrontEnd = VoiceFrontEnd()) -> np.ndarray:
    """Root mean square of each hop in dB of full scale: samples (S,) -> array (S // hop,)."""
    hops = np.asarray(samples, dtype=np.float32)[: len(samples) // front_end.hop * front_end.hop]
    power = np.square(hops.reshape(-1, front_end.hop)).mean(axis=1)
    return (10 * np.log10(power + 1e-10)).astype(np.float32)


@torch.inference_mode()
def speech(
    samples: np.ndarray,
    front_end: VoiceFrontEnd = VoiceFrontEnd(),
    before: ArrayLike = (),
    after: ArrayLike = (),
    *,
    filtered: bool = False,
) -> np.ndarray:
    """Probability of speech in each hop: samples (S,) at 16 kHz -> array (S // hop,).

    Silero VAD gives a probability for each chunk of 32 ms, one after another. The recording is split into rows that
    run as one batch, each warmed up on the end of the row before. A hop's probability is the mean over its chunks,
    reduced if a steady tone starts in it. Quiet passages are amplified first, so that quiet speech is found too; and
    before that, what lies below a voice is removed, unless all samples are already ``filtered`` by
    ``rumble.remove_rumble``.

    ``before`` and ``after`` are the samples around these, or silence. With them a recording that is cut at the starts
    of rows, every ``speech_row_hops``, gives the same result as in one piece.
    """
    hops = len(samples) // front_end.hop
    if hops == 0:
        return np.zeros(0, dtype=np.float32)
    network, inside = silero.load(), hops * front_end.hop
    # Whole hops around, as far as the filter, the gain and the tones depend on them.
    reach = (rumble.REACH_HOPS + gain.REACH_HOPS + SPEECH_WARM_UP_HOPS) * front_end.hop
    head, tail = np.asarray(before, np.float32), np.asarray(after, np.float32)
    head = head[len(head) % front_end.hop :][-reach:]
    tail = tail[: min(reach, len(tail) // front_end.hop * front_end.hop)]
    whole = np.concatenate([head, np.asarray(samples, np.float32)[:inside], tail])
    whole = whole if filtered else rumble.remove_rumble(whole)
    amplified = gain.amplify_to_target(whole, front_end.hop)
    chunks = _chunks(amplified[: len(head)], amplified[len(head) : len(head) + inside])
    features = torch.cat([network.encode(part) for part in torch.from_numpy(chunks).split(SPEECH_CHUNKS_AT_ONCE)])
    count = len(features) - SPEECH_WARM_UP_CHUNKS
    features = F.pad(features, (0, 0, 0, -count % SPEECH_ROW_CHUNKS))
    rows = features.unfold(0, SPEECH_WARM_UP_CHUNKS + SPEECH_ROW_CHUNKS, SPEECH_ROW_CHUNKS).transpose(1, 2)
    chances = network.predict(rows)[:, SPEECH_WARM_UP_CHUNKS:].reshape(-1)[:count]
    first = len(head) // front_end.hop
    tonal = tones.onsets(whole, front_end.hop)[first : first + hops]
    return chances.reshape(hops, -1).mean(dim=1).numpy() * (1 - tonal)


def _chunks(before: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """Warm-up chunks and those of the samples, each after the end of the one before: (chunks, context + chunk)."""
    head = np.zeros(silero.CONTEXT + SPEECH_WARM_UP_CHUNKS * silero.CHUNK, np.float32)
    known = before[-len(head) :]
    head[len(head) - len(known) :] = known
    length = silero.CONTEXT + silero.CHUNK
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([head, samples]), length)
    return windows[:: silero.CHUNK].copy()
