"""The teachers of the distilled trunk: features of two published speech encoders.

Both were trained on thousands of speakers; the corpora with emotion labels have about a hundred. Their weights are read
from Python packages (train/requirements.txt), which are not imported:

- Resemblyzer 0.1.4 (https://github.com/resemble-ai/Resemblyzer, Apache 2.0), a recurrent speaker encoder (Wan et al.,
  2018). The second of its three layers tells most about emotions.
- Moonshine tiny for English (https://github.com/moonshine-ai/moonshine, MIT), the encoder of a speech recogniser
  (Jeffries et al., 2024).
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torchaudio
from torch import nn

from emorec.errors import EmorecError

RATE = 16_000  # Hz, of both
FILES = {
    "voices": ("resemblyzer", "pretrained.pt"),
    "words": ("moonshine_voice", "assets/tiny-en/encoder_model.ort"),
}
LEVEL = -30.0  # dB of full scale that Resemblyzer was trained at
PEAK = 0.5  # of full scale, for Moonshine
ACTIVE = 0.01  # amplitude, relative to the loudest, above which a recording counts as started and not yet ended
ACTIVE_MARGIN = 800  # samples kept around that
LAYERS = 2  # of Resemblyzer's three
FEATURES = 256 + 288  # numbers per hop, of both encoders


def features(samples: np.ndarray, hop: int) -> np.ndarray:
    """The teachers' features of each hop: float32 samples (S,) at 16 kHz -> float16 (S / hop, FEATURES).

    S is a multiple of ``hop``. Raises EmorecError if their packages are not installed.
    """
    hops = len(samples) // hop
    parts = [_speaker_frames(samples), _recogniser_frames(samples)]
    return np.concatenate([_over_hops(part, hops) for part in parts], axis=1).astype(np.float16)


def check() -> None:
    """Raise EmorecError if the teachers' packages are not installed."""
    for package, path in FILES.values():
        _file_in(package, path)


@torch.inference_mode()
def _speaker_frames(samples: np.ndarray) -> np.ndarray:
    """The second layer of Resemblyzer's network: (S,) -> (frames of 10 ms, 256)."""
    mel, layers = _resemblyzer()
    spoken = samples[_active(samples)]
    level = np.sqrt(np.square(spoken, dtype=np.float64).mean())
    states = mel(torch.from_numpy(samples * np.float32(10 ** (LEVEL / 20) / max(level, 1e-6)))).T.unsqueeze(0)
    for layer in layers:
        states, _ = layer(states)
    return states[0, :-1].numpy()  # the last frame is centred after the end


def _recogniser_frames(samples: np.ndarray) -> np.ndarray:
    """The last layer of Moonshine's encoder: (S,) -> (frames of 24 ms, 288)."""
    session = _moonshine()
    loud = samples * np.float32(PEAK / max(np.abs(samples).max(), 1e-6))
    given = {"input_values": loud[None], "attention_mask": np.ones((1, len(loud)), np.int64)}
    return np.asarray(session.run(None, given)[0])[0]


def _active(samples: np.ndarray) -> slice:
    """The part of a recording between its first and its last active 25 ms."""
    loudness = np.sqrt(np.convolve(samples**2, np.full(400, 1 / 400, np.float32), "same") + 1e-10)
    active = np.flatnonzero(loudness > loudness.max() * ACTIVE)
    return slice(max(0, active[0] - ACTIVE_MARGIN), active[-1] + ACTIVE_MARGIN)


def _over_hops(frames: np.ndarray, hops: int) -> np.ndarray:
    """The mean of the frames in each hop, both evenly spaced over the same time: (T, D) -> (hops, D)."""
    edges = np.linspace(0, len(frames), hops + 1).round().astype(int)
    return np.stack([frames[low : max(high, low + 1)].mean(0) for low, high in zip(edges, edges[1:], strict=False)])


@cache
def _resemblyzer() -> tuple[torchaudio.transforms.MelSpectrogram, list[nn.Module]]:
    """Its spectrogram and the first LAYERS of its layers, for inference."""
    saved = torch.load(_file_in(*FILES["voices"]), map_location="cpu", weights_only=True)["model_state"]
    layers: list[nn.Module] = []
    for number in range(LAYERS):
        layer = nn.LSTM(256 if number else 40, 256, batch_first=True).requires_grad_(False).eval()
        layer.load_state_dict({name: saved[f"lstm.{name[:-1]}{number}"] for name in layer.state_dict()})
        layers.append(layer)
    mel = torchaudio.transforms.MelSpectrogram(
        RATE, 400, hop_length=160, n_mels=40, norm="slaney", mel_scale="slaney", power=2.0
    )
    return mel, layers


@cache
def _moonshine() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(_file_in(*FILES["words"]), options, providers=["CPUExecutionProvider"])


def _file_in(package: str, path: str) -> str:
    """The path of a file in an installed package, which is not imported. Raises EmorecError."""
    found = importlib.util.find_spec(package)
    file = Path(found.origin).parent / path if found and found.origin else None
    if file is None or not file.is_file():
        raise EmorecError(
            f"The voice network's second trunk is distilled from the package {package}, which is not installed: "
            "pip install --no-deps -r train/requirements.txt."
        )
    return str(file)
