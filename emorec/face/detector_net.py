"""The layers of the bundled face detector, described once for training (torch) and for running (onnxruntime).

A fully convolutional network with three output maps, one cell every 8, 16 and 32 pixels. Deep maps are added to the
shallow ones (a feature pyramid: Lin et al., 2017), and one set of convolutions reads all three.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional as F

STRIDES = (8, 16, 32)  # pixels between the cells of the three output maps
MULTIPLE = STRIDES[-1]  # the height and width of an input picture are multiples of this (pixels)
LANDMARKS = 5
CHANNELS = 1 + 4 + 2 * LANDMARKS  # of each output map: logit, box, landmarks
WIDTHS = (16, 32, 32, 64, 80)  # channels of the five stages, at strides 2, 4, 8, 16 and 32
PYRAMID = 48  # channels of the pyramid that joins the last three stages
MAX_LOG_SIZE = 5.0  # natural logarithm of a box's side in strides, at most; keeps an untrained network finite


@dataclass(frozen=True)
class Layer:
    """One convolution: ``kernel`` x ``kernel`` pixels, with one group per channel when ``depthwise``."""

    inputs: int
    outputs: int
    kernel: int = 3
    stride: int = 1
    depthwise: bool = False
    relu: bool = True

    @property
    def groups(self) -> int:
        """Groups of the convolution."""
        return self.inputs if self.depthwise else 1


class Operations(Protocol):
    """What a backend offers to ``maps``; a value ``x`` is a tensor, or the name of one."""

    def convolve(self, name: str, x: Any) -> Any:
        """The layer of that name, with its activation."""

    def add(self, x: Any, y: Any) -> Any:
        """Sum of two maps, then ReLU."""

    def enlarge(self, x: Any) -> Any:
        """A map twice as high and wide, values repeated."""


def layers() -> dict[str, Layer]:
    """Every convolution of the network by name, in the order of the data."""
    half, quarter, eighth, sixteenth, last = WIDTHS
    found = {
        "stem": Layer(3, half, stride=2),
        "quarter": Layer(half, quarter, stride=2),
        "eighth": Layer(quarter, eighth, stride=2),
        "eighth.first": Layer(eighth, eighth),
        "eighth.second": Layer(eighth, eighth, relu=False),
        "sixteenth": Layer(eighth, sixteenth, stride=2),
        "sixteenth.first": Layer(sixteenth, sixteenth, depthwise=True, relu=False),
        "sixteenth.second": Layer(sixteenth, sixteenth, kernel=1, relu=False),
        "last": Layer(sixteenth, last, stride=2),
        "last.first": Layer(last, last, kernel=5, depthwise=True, relu=False),
        "last.second": Layer(last, last, kernel=1, relu=False),
    }
    for stride, width in zip(STRIDES, (eighth, sixteenth, last), strict=True):
        found[f"pyramid.{stride}"] = Layer(width, PYRAMID, kernel=1, relu=False)
        # Faces that fill the picture reach far beyond their middle, where the last map finds them.
        kernel = 5 if stride == STRIDES[-1] else 3
        found[f"join.{stride}"] = Layer(PYRAMID, PYRAMID, kernel=kernel, depthwise=True, relu=False)
        found[f"join.{stride}.mix"] = Layer(PYRAMID, PYRAMID, kernel=1)
        found[f"read.{stride}"] = Layer(PYRAMID, CHANNELS, relu=False)
    return found


def shapes(described: dict[str, Layer]) -> dict[str, tuple[int, ...]]:
    """The shape of every weight and bias of layers, by its name in a file."""
    found = {}
    for name, layer in described.items():
        found[name + ".weight"] = (layer.outputs, layer.inputs // layer.groups, layer.kernel, layer.kernel)
        found[name + ".bias"] = (layer.outputs,)
    return found


def maps(operations: Operations, picture: Any) -> tuple[Any, Any, Any]:
    """The output maps for strides 8, 16 and 32, computed by a backend from a picture (N, 3, H, W)."""
    convolve, add = operations.convolve, operations.add
    eighth = convolve("eighth", convolve("quarter", convolve("stem", picture)))
    eighth = add(eighth, convolve("eighth.second", convolve("eighth.first", eighth)))
    sixteenth = convolve("sixteenth", eighth)
    sixteenth = add(sixteenth, convolve("sixteenth.second", convolve("sixteenth.first", sixteenth)))
    last = convolve("last", sixteenth)
    last = add(last, convolve("last.second", convolve("last.first", last)))
    above, out = None, []
    for stride, features in ((32, last), (16, sixteenth), (8, eighth)):
        joined = convolve(f"pyramid.{stride}", features)
        if above is not None:
            joined = add(joined, operations.enlarge(above))
        above = convolve(f"join.{stride}.mix", convolve(f"join.{stride}", joined))
        out.append(convolve(f"read.{stride}", above))
    return tuple(reversed(out))


class DetectorNet(nn.Module):
    """The network for training: every convolution but the last ones is followed by batch normalisation."""

    def __init__(self):
        super().__init__()
        self.layers = layers()
        self.convolutions = nn.ModuleDict({_key(name): _module(layer, name) for name, layer in self.layers.items()})
        for stride in STRIDES:
            read: Any = self.convolutions[_key(f"read.{stride}")]
            bias = read[0].bias
            nn.init.constant_(bias, 0.0)
            bias.data[0] = -5.0  # at first hardly a cell holds a face, or the loss of all the others drowns the rest

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """RGB pictures (N, 3, H, W) from 0 to 255 -> three maps (N, CHANNELS, H / stride, W / stride)."""
        return maps(self, pictures)

    def convolve(self, name, x):
        x = self.convolutions[_key(name)](x)
        return F.relu(x, inplace=True) if self.layers[name].relu else x

    def add(self, x, y):
        return F.relu(x + y)

    def enlarge(self, x):
        return F.interpolate(x, scale_factor=2.0, mode="nearest")

    @torch.no_grad()
    def folded(self) -> dict[str, torch.Tensor]:
        """Weights and biases for running: batch normalisation and the scale of the input are part of them."""
        found = {}
        module: Any
        for name, module in self.convolutions.items():
            convolution = module[0]
            weight, bias = convolution.weight, convolution.bias
            if len(module) > 1:
                norm = module[1]
                factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                bias = norm.bias - norm.running_mean * factor
                weight = weight * factor[:, None, None, None]
            found[_name(name) + ".weight"] = weight.detach().clone().contiguous()
            found[_name(name) + ".bias"] = bias.detach().clone()
        return found


def cells(height: int, width: int, stride: int) -> torch.Tensor:
    """Centres (x, y) in pixels of the cells of one map, row by row: (height * width, 2)."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (torch.stack([x, y], dim=-1).reshape(-1, 2) + 0.5) * stride


def decode(outputs: Iterable[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Output maps -> logits (N, A), boxes (N, A, 4) as left, top, right, bottom, landmarks (N, A, 5, 2), cells (A, 3).

    All in pixels; A cells of the three maps together, each with its centre and its stride.
    """
    logits, boxes, points, places = [], [], [], []
    for stride, values in zip(STRIDES, outputs, strict=True):
        height, width = values.shape[2:]
        centre = cells(height, width, stride)
        values = values.flatten(2).transpose(1, 2)
        middle = centre + values[..., 1:3] * stride
        half = torch.exp(values[..., 3:5].clamp(max=MAX_LOG_SIZE)) * stride / 2
        logits.append(values[..., 0])
        boxes.append(torch.cat([middle - half, middle + half], dim=-1))
        points.append(centre[:, None] + values[..., 5:].unflatten(-1, (LANDMARKS, 2)) * stride)
        places.append(torch.cat([centre, torch.full((len(centre), 1), float(stride))], dim=1))
    return torch.cat(logits, 1), torch.cat(boxes, 1), torch.cat(points, 1), torch.cat(places)


def _module(layer, name):
    last = name.startswith("read.")
    convolution = nn.Conv2d(
        layer.inputs,
        layer.outputs,
        layer.kernel,
        layer.stride,
        padding=layer.kernel // 2,
        groups=layer.groups,
        bias=last,
    )
    return nn.Sequential(convolution) if last else nn.Sequential(convolution, nn.BatchNorm2d(layer.outputs))


def _key(name):
    return name.replace(".", "_")  # torch takes no dots in the names of modules


def _name(key):
    return key.replace("_", ".")
