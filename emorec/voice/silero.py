"""The network of Silero VAD, version 6 for 16 kHz (https://github.com/snakers4/silero-vad, MIT), rebuilt in torch.

Its weights are read from the package's ONNX file. The layers that see single chunks run over all chunks at once, and
only the recurrent layer runs in time: the same probabilities in a quarter of the time that the file takes chunk by
chunk.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

CHUNK = 512  # samples per decision at 16 kHz
CONTEXT = 64  # samples of the previous chunk that it takes with each chunk
WINDOW = 256  # samples; window of its short-time Fourier transform
BANDS = WINDOW // 2 + 1
WEIGHTS = "silero_vad_16k_op15.onnx"


class Silero(nn.Module):
    """Spectrum, four convolutions over the few frames of a chunk, a recurrent layer over chunks."""

    def __init__(self) -> None:
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * BANDS, WINDOW, stride=WINDOW // 2, bias=False)
        layers = [(BANDS, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1)]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, 3, stride, padding=1) for a, b, stride in layers)
        self.recurrent = nn.LSTM(128, 128, batch_first=True)
        self.head = nn.Conv1d(128, 1, 1)

    def encode(self, chunks: torch.Tensor) -> torch.Tensor:
        """Chunks (N, CONTEXT + CHUNK), each after the end of the one before -> features (N, 128)."""
        x = self.spectrum(F.pad(chunks, (0, CONTEXT), mode="reflect").unsqueeze(1))
        x = torch.hypot(x[:, :BANDS], x[:, BANDS:])
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return x.squeeze(2)

    def predict(self, features: torch.Tensor) -> torch.Tensor:
        """Features (rows, T, 128) of successive chunks -> probabilities of speech (rows, T).

        Each row starts from a zero state.
        """
        states, _ = self.recurrent(features)
        return torch.sigmoid(self.head(F.relu(states).transpose(1, 2))).squeeze(1)


@cache
def load() -> Silero:
    """The network with its published weights, for inference. Raises ModuleNotFoundError without silero-vad."""
    import onnx  # here, because it takes a fifth of a second that only voices need
    from onnx import numpy_helper

    # The package is found, not imported: importing it loads a deprecated TorchScript runtime that is not needed.
    found = importlib.util.find_spec("silero_vad")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'silero_vad'", name="silero_vad")
    folder = Path(found.origin).parent
    published = onnx.load(folder / "data" / WEIGHTS).graph.initializer
    weights = {tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy()) for tensor in published}
    network = Silero().requires_grad_(False).eval()
    network.load_state_dict({name: weights[_onnx_name(name)] for name in network.state_dict()})
    return network


def _onnx_name(name: str) -> str:
    """The name in the ONNX file of one of Silero's tensors."""
    part, *rest = name.split(".")
    if part == "spectrum":
        return "model.stft.forward_basis_buffer"
    if part == "convolutions":
        return f"model.encoder.{rest[0]}.reparam_conv.{rest[1]}"
    if part == "recurrent":
        return f"model.decoder.rnn.{rest[0].removesuffix('_l0')}"
    return f"model.decoder.decoder.2.{rest[0]}"
