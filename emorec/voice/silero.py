"""Silero VAD's network, version 6 for 16 kHz (https://github.com/snakers4/silero-vad, MIT), rebuilt in torch.

Its weights are read from the package's ONNX file. What looks at each chunk by itself runs over all of them at once, and
only the recurrent layer in time: the same judgements in a quarter of the time that the file takes chunk by chunk.
"""

import importlib.util
from functools import cache
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

CHUNK = 512  # samples per decision at 16 kHz
CONTEXT = 64  # samples of the chunk before that it wants to see
WINDOW = 256  # samples under its short-time Fourier transform
BANDS = WINDOW // 2 + 1
WEIGHTS = "silero_vad_16k_op15.onnx"


class Silero(nn.Module):
    """Spectrum, four convolutions over the few frames of a chunk, a recurrent layer over chunks."""

    def __init__(self):
        super().__init__()
        self.spectrum = nn.Conv1d(1, 2 * BANDS, WINDOW, stride=WINDOW // 2, bias=False)
        layers = [(BANDS, 128, 1), (128, 64, 2), (64, 64, 2), (64, 128, 1)]
        self.convolutions = nn.ModuleList(nn.Conv1d(a, b, 3, stride, padding=1) for a, b, stride in layers)
        self.recurrent = nn.LSTM(128, 128, batch_first=True)
        self.head = nn.Conv1d(128, 1, 1)

    def encode(self, chunks):
        """Chunks (N, CONTEXT + CHUNK), each behind the end of the one before -> features (N, 128)."""
        x = self.spectrum(F.pad(chunks, (0, CONTEXT), mode="reflect").unsqueeze(1))
        x = torch.hypot(x[:, :BANDS], x[:, BANDS:])
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return x.squeeze(2)

    def judge(self, features):
        """Features (rows, T, 128) of chunks in time -> probabilities of speech (rows, T); each row begins anew."""
        states, _ = self.recurrent(features)
        return torch.sigmoid(self.head(F.relu(states).transpose(1, 2))).squeeze(1)


@cache
def load():
    """The network with its published weights, for inference."""
    import onnx  # a fifth of a second that only whoever hears needs

    # The package is found, not imported: importing it loads a deprecated TorchScript runtime that is not needed.
    folder = Path(importlib.util.find_spec("silero_vad").origin).parent
    published = onnx.load(folder / "data" / WEIGHTS).graph.initializer
    weights = {tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy()) for tensor in published}
    network = Silero().requires_grad_(False).eval()
    network.load_state_dict({name: weights[_published(name)] for name in network.state_dict()})
    return network


def _published(name):
    """The name in the file of one of Silero's tensors."""
    part, *rest = name.split(".")
    if part == "spectrum":
        return "model.stft.forward_basis_buffer"
    if part == "convolutions":
        return f"model.encoder.{rest[0]}.reparam_conv.{rest[1]}"
    if part == "recurrent":
        return f"model.decoder.rnn.{rest[0].removesuffix('_l0')}"
    return f"model.decoder.decoder.2.{rest[0]}"
