"""Data-parallel training under torchrun: every process samples the same batches and trains on its own part of each.

All processes have the same seed, so they sample, augment and order the data identically without communication; they
exchange only the statistics of batch norm and the gradients. One process at the same batch size computes the same
numbers, except for the activations that dropout zeroes and the order of sums.
"""

from __future__ import annotations

import os
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import distributed, nn

from emorec import files
from emorec.errors import EmorecError


def start(device: str = "cpu") -> str:
    """Join the other processes if torchrun started this one; returns the device to train on."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        cuda = device == "cuda"
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if cuda else "gloo")
    return device


def stop() -> None:
    """Leave the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank() -> int:
    """This process's number; process 0 is the main process, which writes all files and prints."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def report(sentence: str) -> None:
    """Print from the main process. Names of files in the sentence need not be valid text."""
    if rank() == 0:
        print(files.shown(sentence), flush=True)


def barrier() -> None:
    """Wait for all processes."""
    if count() > 1:
        distributed.barrier()


@contextmanager
def first_alone() -> Iterator[None]:
    """A context that the main process runs before all others, to fill the caches that they then read."""
    if rank() > 0:
        barrier()
    yield
    if rank() == 0:
        barrier()


def share(batch: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    """This process's part of a batch: tensors of equal length -> their rows of this process."""
    if count() == 1:
        return batch
    rows = len(batch[0])
    if rows % count():
        raise EmorecError(
            f"A batch of {rows} cannot be shared evenly by {count()} processes; "
            f"choose a --batch_size that is a multiple of {count()}."
        )
    return tuple(tensor.chunk(count())[rank()] for tensor in batch)


@contextmanager
def own_randomness(*seed: int) -> Iterator[None]:
    """A context in which each process has random numbers of its own (for dropout); outside they are the same in all."""
    if count() == 1:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(hash((*seed, rank())) % 2**31)
        yield


def average_gradients(net: nn.Module) -> None:
    """Make every gradient the mean over all processes, in one exchange."""
    if count() == 1:
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def mean(value: float) -> float:
    """The mean of a number over all processes."""
    if count() == 1:
        return value
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    total = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return float(total) / count()


def share_statistics(net: nn.Module) -> None:
    """Make the batch norms of ``net`` use the batch of all processes, in place.

    torch's SyncBatchNorm does that too, but only on GPUs.
    """
    if count() > 1:
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.forward = types.MethodType(_normalise, module)


class _Sum(torch.autograd.Function):
    """A tensor's sum over all processes; the gradient is summed too."""

    @staticmethod
    def forward(_, x):
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_, gradient):
        total = gradient.contiguous().clone()
        distributed.all_reduce(total)
        return total


def _normalise(self: Any, x: torch.Tensor) -> torch.Tensor:
    """``forward`` of a batch norm with moments over all processes, which all have the same number of rows."""
    if not self.training:
        return type(self).forward(self, x)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    with torch.autocast(x.device.type, enabled=False):
        wide = x.float()
        centre: Any = _Sum.apply(wide.mean(axes))
        centre = centre / count()
        centred = wide - centre.view(shape)
        variance: Any = _Sum.apply(centred.square().mean(axes))
        variance = variance / count()
        with torch.no_grad():
            items = x.numel() // x.shape[1] * count()
            self.running_mean.lerp_(centre, self.momentum)
            self.running_var.lerp_(variance * (items / max(items - 1, 1)), self.momentum)
            self.num_batches_tracked += 1
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        return (normal * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)
