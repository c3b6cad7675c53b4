"""Optimised copies of the networks for inference: the same outputs up to rounding, faster."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from emorec.models.networks import Residual

Net = TypeVar("Net", bound=nn.Module)

# The optimised copy of each network, and the weights that it was made of.
_copies: WeakKeyDictionary[nn.Module, tuple[list[tuple[int, int]], nn.Module]] = WeakKeyDictionary()


def for_inference(network: Net) -> Net:
    """A copy by ``fuse``; on a CPU with bfloat16 instructions, with convolutions in bfloat16: twice as fast.

    Outputs stay float32. docs/PERFORMANCE.md states what the rounding costs in accuracy. As long as the weights do not
    change, the same copy is returned again: making one takes as long as analysing a second of video.
    """
    # Tensors made in torch's inference mode have no version, and cannot be changed outside of it.
    weights = [
        (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version) for tensor in network.state_dict().values()
    ]
    made_of, optimised = _copies.get(network, ([], network))
    if made_of != weights:
        optimised = _optimise(network)
        _copies[network] = weights, optimised
    return optimised  # pyright: ignore[reportReturnType]  # the copy has the type of its network


def _optimise(network: Net) -> Net:
    network = fuse(network)
    if next(network.parameters()).device.type == "cpu" and multiplies_bfloat16():
        for name in ("trunk", "collapse", "listener"):
            if hasattr(network, name):
                getattr(network, name).to(torch.bfloat16)
    return network


def multiplies_bfloat16() -> bool:
    """Whether the CPU has bfloat16 instructions; without them bfloat16 is slower than float32."""
    # A private function, as torch has no public one. If a version of torch lacks it, float32 is used.
    return getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


def fuse(network: Net) -> Net:
    """A copy for inference with the same outputs up to rounding, with weights in channels-last order.

    Each batch norm is folded into the convolution before it. On a CPU the sum and ReLU after a convolution are done in
    the same pass over memory.
    """
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in [*network.modules()]:
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                convolution, norm = module[index], module[index + 1]
                if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(convolution, norm)
                    module[index + 1] = nn.Identity()
    if next(network.parameters()).device.type == "cpu" and has_fused_convolutions():
        _fuse_convolutions(network)
    return network.to(memory_format=torch.channels_last)


@cache
def has_fused_convolutions() -> bool:
    """Whether oneDNN's convolutions that also add and apply a ReLU work here.

    They are private to torch. If they are missing or fail on this CPU, plain ones are used, which take a third longer.
    """
    try:
        with torch.no_grad():
            _FusedResidual(Residual(1))(torch.zeros(1, 1, 3, 3))
    except (AttributeError, RuntimeError):
        return False
    return True


def _fuse_convolutions(module: nn.Module) -> None:
    """Replace the convolutions with a ReLU and the residual blocks in a module, in place."""
    for name, child in module.named_children():
        if isinstance(child, Residual):
            setattr(module, name, _FusedResidual(child))
        elif isinstance(child, nn.Sequential) and _is_convolution_relu(child):
            setattr(module, name, _FusedConvolution(child[0]))
        else:
            _fuse_convolutions(child)


def _is_convolution_relu(module: nn.Sequential) -> bool:
    """Whether a module is a convolution and a ReLU, with nothing between them but a folded batch norm."""
    if len(module) < 2:
        return False
    convolution, *between, last = module
    folded = all(isinstance(layer, nn.Identity) for layer in between)
    return isinstance(convolution, nn.Conv2d) and folded and isinstance(last, nn.ReLU)


class _FusedConvolution(nn.Module):
    """A convolution with a ReLU."""

    def __init__(self, convolution: Any):
        super().__init__()
        self.convolution = convolution

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._convolution_pointwise(x, *_arguments(self.convolution), "relu", [], "")


class _FusedResidual(nn.Module):
    """``networks.Residual``, with its sum and ReLU done by its second convolution."""

    def __init__(self, residual: Residual):
        super().__init__()
        self.first, self.second = _FusedConvolution(residual.first[0]), residual.second[0]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.mkldnn._convolution_pointwise.binary(
            self.first(x), x, *_arguments(self.second), "add", 1.0, "relu", [], ""
        )


def _arguments(convolution: Any) -> tuple:
    """oneDNN's arguments for a convolution: weight, bias, padding, stride, dilation, groups."""
    sizes = (convolution.padding, convolution.stride, convolution.dilation)
    return convolution.weight, convolution.bias, *sizes, convolution.groups
