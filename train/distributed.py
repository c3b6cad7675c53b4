"""Data-parallel training under torchrun: every process draws the same batches and learns from its own part of each.

All processes are seeded alike, so they draw, augment and order the data identically without a word between them; what
they exchange is the statistics of batch norm and the gradients. One process at the same batch size computes the same
numbers, but for which activations dropout hits and the order of sums.
"""

import os
import types
from contextlib import contextmanager

import torch
from torch import distributed, nn

from emorec.errors import EmorecError


def start(device="cpu"):
    """Join the other processes where torchrun started this one; returns the device to train on."""
    if int(os.environ.get("WORLD_SIZE", 1)) > 1 and not distributed.is_initialized():
        cuda = device == "cuda"
        if cuda:
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("nccl" if cuda else "gloo")
    return device


def stop():
    """Leave the other processes."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count():
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def rank():
    """This process's number among them; 0 writes all files and speaks."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def barrier():
    """Wait for all processes."""
    if count() > 1:
        distributed.barrier()


@contextmanager
def first_alone():
    """Process 0 does the block before all others: it fills the caches that they then read."""
    if rank() > 0:
        barrier()
    yield
    if rank() == 0:
        barrier()


def share(batch):
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
def own_randomness(*seed):
    """Inside, each process draws numbers of its own (for dropout); outside all stay alike. Alone, nothing changes."""
    if count() == 1:
        yield
        return
    with torch.random.fork_rng():
        torch.manual_seed(hash((*seed, rank())) % 2**31)
        yield


def average_gradients(net):
    """Make every gradient the mean over all processes, in one exchange."""
    if count() == 1:
        return
    gradients = [p.grad for p in net.parameters() if p.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def mean(value):
    """The mean of a number over all processes."""
    if count() == 1:
        return value
    device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
    total = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.all_reduce(total)
    return float(total) / count()


def share_statistics(net):
    """Let the batch norms of ``net`` see the whole batch, in place. torch's own SyncBatchNorm does so on GPUs only."""
    if count() > 1:
        for module in net.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.forward = types.MethodType(_normalise, module)


class _Sum(torch.autograd.Function):
    """A tensor's sum over all processes, whose gradient is summed likewise."""

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


def _normalise(self, x):
    """``forward`` of a batch norm with moments over all processes, each of which has as many rows."""
    if not self.training:
        return type(self).forward(self, x)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    shape = [1, -1, *[1] * (x.ndim - 2)]
    with torch.autocast(x.device.type, enabled=False):
        wide = x.float()
        centre = _Sum.apply(wide.mean(axes)) / count()
        apart = wide - centre.view(shape)
        variance = _Sum.apply(apart.square().mean(axes)) / count()
        with torch.no_grad():
            items = x.numel() // x.shape[1] * count()
            self.running_mean.lerp_(centre, self.momentum)
            self.running_var.lerp_(variance * (items / max(items - 1, 1)), self.momentum)
            self.num_batches_tracked += 1
        normal = apart * torch.rsqrt(variance + self.eps).view(shape)
        return (normal * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)
