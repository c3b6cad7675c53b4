"""The level of sound, evened out: quiet speech is speech, and the loudest passage nearby says how quiet it is."""

import numpy as np

REACH_HOPS = 12  # hops (3.1 s) on each side among which the loudest one decides
# dB of full scale (root mean square) that speech detection hears quiet passages at. It judges seven corpora at this
# level as at their own; louder sound stays as it is, so that a bang does not make the voice beside it quieter.
TARGET = -26.0
SILENCE = -80.0  # dB below which there is nothing to make louder: the noise of 16-bit sound lies lower still
# dB that the quietest recordings of the training data reach (RAVDESS); what is quieter is lifted to it.
QUIETEST = -50.0


def levelled(samples: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,), made louder where the loudest hop nearby is quieter than TARGET; S is a multiple of ``hop``."""
    loudest = _loudest(samples, hop)
    return _scaled(samples, np.maximum(TARGET - np.maximum(loudest, SILENCE), 0.0), hop)


def lifted(samples: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,), made louder where the loudest hop nearby is quieter than QUIETEST; others are left as they are."""
    samples = np.asarray(samples, np.float32)
    loudest = _loudest(samples, hop)
    gain = np.maximum(QUIETEST - np.maximum(loudest, SILENCE), 0.0)
    # Digital silence has nothing to lift, and noise below it should stay below the floor.
    gain[loudest < SILENCE] = 0.0
    return _scaled(samples, gain, hop) if gain.any() else samples


def _loudest(samples: np.ndarray, hop: int) -> np.ndarray:
    """Level (dB of full scale) of the loudest hop within REACH_HOPS of each hop, (S // hop,)."""
    hops = np.asarray(samples, np.float32)[: len(samples) // hop * hop].reshape(-1, hop)
    level = 10 * np.log10(np.einsum("nh,nh->n", hops, hops) / hop + 1e-20)
    padded = np.pad(level, REACH_HOPS, constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH_HOPS + 1).max(axis=1)


def _scaled(samples: np.ndarray, gain: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,) times a gain (dB) per hop, which changes evenly from the middle of one hop to that of the next."""
    if not len(gain):
        return samples
    places = (np.arange(len(gain)) + 0.5) * hop
    factors = np.interp(np.arange(len(samples)), places, 10 ** (gain / 20))
    return (samples * factors).astype(np.float32)
