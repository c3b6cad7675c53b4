"""Automatic gain: quiet passages are amplified, by the level of the loudest hop nearby."""

import numpy as np

REACH_HOPS = 12  # hops (3.1 s) on each side among which the loudest one counts
# dB of full scale (root mean square) to which quiet passages are amplified for speech detection. On seven corpora its
# results at this level are those at the original one. Louder sound is not attenuated, so that a bang does not make the
# voice beside it quieter.
TARGET = -26.0
SILENCE = -80.0  # dB below which nothing is amplified; the noise of 16-bit sound lies lower still
MIN_TRAINING_LEVEL = -50.0  # dB; level of the quietest recordings in the training data (RAVDESS)


def amplify_to_target(samples: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,), amplified to TARGET if the loudest hop nearby is quieter; S is a multiple of ``hop``."""
    loudest = _loudest(samples, hop)
    return _amplify(samples, np.maximum(TARGET - np.maximum(loudest, SILENCE), 0.0), hop)


def amplify_to_training_level(samples: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,), amplified to MIN_TRAINING_LEVEL if the loudest hop nearby is quieter; others are unchanged."""
    samples = np.asarray(samples, np.float32)
    loudest = _loudest(samples, hop)
    gain = np.maximum(MIN_TRAINING_LEVEL - np.maximum(loudest, SILENCE), 0.0)
    # Digital silence has nothing to amplify, and noise below it should stay below the floor.
    gain[loudest < SILENCE] = 0.0
    return _amplify(samples, gain, hop) if gain.any() else samples


def _loudest(samples: np.ndarray, hop: int) -> np.ndarray:
    """Level (dB of full scale) of the loudest hop within REACH_HOPS of each hop, (S // hop,)."""
    hops = np.asarray(samples, np.float32)[: len(samples) // hop * hop].reshape(-1, hop)
    level = 10 * np.log10(np.einsum("nh,nh->n", hops, hops) / hop + 1e-20)
    padded = np.pad(level, REACH_HOPS, constant_values=-np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * REACH_HOPS + 1).max(axis=1)


def _amplify(samples: np.ndarray, gain: np.ndarray, hop: int) -> np.ndarray:
    """Samples (S,) times a gain (dB) per hop (S // hop,), interpolated between the centres of the hops."""
    if not len(gain):
        return samples
    centres = (np.arange(len(gain)) + 0.5) * hop
    factors = np.interp(np.arange(len(samples)), centres, 10 ** (gain / 20))
    return (samples * factors).astype(np.float32)
