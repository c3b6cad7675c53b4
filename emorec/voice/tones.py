"""Detect onsets of steady tones: a note, a chord or a plucked string keeps its frequencies, a voice never does."""

import numpy as np

LOW, HIGH = 80.0, 4000.0  # Hz between which spectra are compared
RATE = 16_000  # Hz
FRAMES_PER_HOP = 2  # frames of 128 ms that do not overlap
# Cosine of the spectra of two neighbouring frames at which they begin to count as one steady tone, and at which they
# count in full. In seven corpora 1.3 % of the hops with speech are lost by it; tones, chords and strings lie above it.
MIN_STEADY, FULL_STEADY = 0.95, 0.97
# A hop whose spectrum was the same 1 to 2 s earlier, with a cosine above CONTINUED, holds a continuous hum. Speech
# detection ignores such a hum by then, and must still detect speech over it.
CONTINUED = 0.8
EARLIER_FRAMES = range(8, 17)


def onsets(samples: np.ndarray, hop: int) -> np.ndarray:
    """The certainty, from 0 to 1, that a steady tone starts in each hop: samples (S,) at 16 kHz -> (S // hop,).

    A hop depends on the EARLIER_FRAMES before it and on the half hop after it. The samples are padded with silence.
    """
    count = len(samples) // hop
    spectra = _spectra(np.asarray(samples, np.float32)[: count * hop], hop // FRAMES_PER_HOP)
    similarity = np.zeros(len(spectra) + 1, np.float32)  # of each frame and the one before it
    similarity[1:-1] = _cosines(spectra, 1)
    parts = [similarity[part:][: count * FRAMES_PER_HOP : FRAMES_PER_HOP] for part in range(FRAMES_PER_HOP + 1)]
    steady = np.max(parts, axis=0, initial=0)
    earlier = np.zeros(len(spectra), np.float32)
    for lag in EARLIER_FRAMES:
        earlier[lag:] = np.maximum(earlier[lag:], _cosines(spectra, lag))
    new = earlier.reshape(count, FRAMES_PER_HOP).mean(axis=1) < CONTINUED
    return np.clip((steady - MIN_STEADY) / (FULL_STEADY - MIN_STEADY), 0.0, 1.0) * new


def _spectra(samples: np.ndarray, frame: int) -> np.ndarray:
    """Magnitude spectrum of each frame between LOW and HIGH, of unit length or 0 in silence: (S // frame, bins)."""
    low, high = round(LOW * frame / RATE), round(HIGH * frame / RATE)
    frames = samples.reshape(-1, frame) * np.hanning(frame).astype(np.float32)
    spectra = np.abs(np.fft.rfft(frames, axis=1)[:, low:high]).astype(np.float32)
    return spectra / np.maximum(np.linalg.norm(spectra, axis=1, keepdims=True), 1e-9)


def _cosines(spectra: np.ndarray, lag: int) -> np.ndarray:
    """Cosine similarity of each spectrum, from number ``lag`` on, and the one ``lag`` frames earlier."""
    return np.einsum("nf,nf->n", spectra[lag:], spectra[:-lag])
