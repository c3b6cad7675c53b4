"""Recordings that are joined byte by byte, and when something is heard in them."""

import numpy as np

from emorec.media import streams as media
from support.decoding import undamaged
from support.make_media import record

RATE = 16_000
NOISY = 0.1
"""Loudness that only the tones reach."""


def joined(folder, suffix, *parts):
    """One file of the bytes of several recordings, each a pair of ``Video`` and ``Audio``."""
    names = [record(folder / f"{number}.{suffix}", *part) for number, part in enumerate(parts)]
    whole = folder / f"joined.{suffix}"
    whole.write_bytes(b"".join(name.read_bytes() for name in names))
    return whole


def onsets(path, damages=None):
    """The times (s) at which silence ends, and the time at which the sound does; the sound is one unbroken stretch."""
    blocks = list(undamaged(media.audio(path), [] if damages is None else damages))
    assert all(
        abs(block.time + len(block.samples) / RATE - following.time) < 1e-6
        for block, following in zip(blocks, blocks[1:], strict=False)
    )
    samples = np.concatenate([block.samples for block in blocks])
    loud = np.flatnonzero(np.abs(samples) > NOISY)
    starts = loud[np.diff(loud, prepend=-RATE) > RATE // 10]
    return blocks[0].time + starts / RATE, blocks[0].time + len(samples) / RATE
