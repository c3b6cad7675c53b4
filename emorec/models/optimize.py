"""Networks as analysis runs them: the same answers up to rounding, sooner."""

import copy
from functools import cache

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from emorec.models.networks import Residual


def for_inference(network):
    """``fused``, with convolutions in bfloat16 where the CPU multiplies such numbers itself: twice as quick.

    What comes out is float32 as ever. docs/PERFORMANCE.md says what the rounding costs in accuracy.
    """
    network = fused(network)
    if next(network.parameters()).device.type == "cpu" and multiplies_bfloat16():
        for name in ("trunk", "collapse", "listener"):
            if hasattr(network, name):
                getattr(network, name).to(torch.bfloat16)
    return network


def multiplies_bfloat16():
    """Whether the CPU has instructions that multiply bfloat16; without them it is slower than float32."""
    # The only way to ask, and private: a version of torch that lacks it keeps float32.
    return getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)()


def fused(network):
    """A copy for inference that says the same up to rounding: each batch norm folded into the convolution before it,
    on a CPU what follows a convolution done in the same pass over memory, weights in channels-last order."""
    network = copy.deepcopy(network).eval().requires_grad_(False)
    for module in [*network.modules()]:
        if isinstance(module, nn.Sequential):
            for index in range(len(module) - 1):
                if isinstance(module[index], nn.Conv2d) and isinstance(module[index + 1], nn.BatchNorm2d):
                    module[index] = fuse_conv_bn_eval(module[index], module[index + 1])
                    module[index + 1] = nn.Identity()
    if next(network.parameters()).device.type == "cpu" and adds_in_passing():
        _add_in_passing(network)
    return network.to(memory_format=torch.channels_last)


@cache
def adds_in_passing():
    """Whether torch has oneDNN's convolutions that also add and rectify. They are private to it: where they are
    missing, or fail on this CPU, the plain ones are taken, which need a third more time."""
    try:
        with torch.no_grad():
            _PassingResidual(Residual(1))(torch.zeros(1, 1, 3, 3))
    except (AttributeError, RuntimeError):
        return False
    return True


def _add_in_passing(module):
    """Replace what lies below a module: convolutions that are followed by a ReLU, and residual blocks."""
    for name, child in module.named_children():
        if isinstance(child, Residual):
            setattr(module, name, _PassingResidual(child))
        elif _rectifies(child):
            setattr(module, name, _Passing(child[0]))
        else:
            _add_in_passing(child)


def _rectifies(module):
    """Whether a module is a convolution and a ReLU, with nothing between them but a batch norm that was folded."""
    if not isinstance(module, nn.Sequential) or len(module) < 2:
        return False
    convolution, *between, last = module
    folded = all(isinstance(layer, nn.Identity) for layer in between)
    return isinstance(convolution, nn.Conv2d) and folded and isinstance(last, nn.ReLU)


class _Passing(nn.Module):
    """A convolution and the ReLU behind it."""

    def __init__(self, convolution):
        super().__init__()
        self.convolution = convolution

    def forward(self, x):
        return torch.ops.mkldnn._convolution_pointwise(x, *_of(self.convolution), "relu", [], "")


class _PassingResidual(nn.Module):
    """``networks.Residual``, its sum and ReLU done by its second convolution."""

    def __init__(self, residual):
        super().__init__()
        self.first, self.second = _Passing(residual.first[0]), residual.second[0]

    def forward(self, x):
        return torch.ops.mkldnn._convolution_pointwise.binary(
            self.first(x), x, *_of(self.second), "add", 1.0, "relu", [], ""
        )


def _of(convolution):
    """What oneDNN is told of a convolution: weight, bias, padding, stride, dilation, groups."""
    sizes = (convolution.padding, convolution.stride, convolution.dilation)
    return convolution.weight, convolution.bias, *sizes, convolution.groups
