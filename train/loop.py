"""The training loop: AdamW under a one-cycle schedule, an averaged copy of the weights, resumable after every epoch."""

import copy
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from emorec.errors import EmorecError


@dataclass(frozen=True)
class Schedule:
    """How long and how fast to learn. ``ema_epochs``: over how many epochs the averaged weights look back."""

    epochs: int
    lr: float
    batch_size: int = 128
    weight_decay: float = 0.05
    warm_up: float = 0.15
    ema_epochs: float = 0.5
    seed: int = 0


def fit(net, batches, loss_of, schedule, folder, evaluate=None, device="cpu", resume=False, title=""):
    """Train ``net`` in place and return the averaged copy of it, in evaluation mode.

    batches(epoch, generator) yields one epoch's batches and ``len(batches)`` is their number;
    loss_of(net, batch) is a scalar; evaluate(net) is a dict of numbers for the log, run on the averaged weights.
    After each epoch everything needed to go on is written to ``folder/last.pt`` and a row to ``folder/log.csv``.
    The choice of weights is the schedule's (the last epoch), never the best of many looks.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(schedule.seed)
    net.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    steps = len(batches)
    optimizer = torch.optim.AdamW(_groups(net, schedule.weight_decay), lr=schedule.lr)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=schedule.lr, total_steps=schedule.epochs * steps, pct_start=schedule.warm_up
    )
    parts = {"net": net, "average": average, "optimizer": optimizer, "cycle": cycle}
    first = _load(folder / "last.pt", parts) if resume else 0
    decay = 1 - 1 / max(schedule.ema_epochs * steps, 1)
    for epoch in range(first, schedule.epochs):
        generator = np.random.default_rng([schedule.seed, epoch])
        torch.manual_seed(schedule.seed * 1000 + epoch)
        started, losses = time.monotonic(), []
        net.train()
        bar = tqdm(batches(epoch, generator), total=steps, desc=f"{title} {epoch + 1}/{schedule.epochs}", disable=None)
        for batch in bar:
            with torch.autocast(device, dtype=torch.bfloat16):
                loss = loss_of(net, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            cycle.step()
            step = epoch * steps + len(losses)
            _follow(average, net, min(decay, (1 + step) / (10 + step)))
            losses.append(float(loss.detach()))
        average.eval()
        row = {"epoch": epoch + 1, "loss": round(float(np.mean(losses)), 4)}
        row |= {"seconds": round(time.monotonic() - started, 1)} | (evaluate(average) if evaluate else {})
        _log(folder / "log.csv", row, fresh=epoch == 0)
        print(title, row, flush=True)
        _save(folder / "last.pt", parts, epoch + 1)
    return average.eval()


def averaged(folder, net):
    """``net`` with the averaged weights of the run in ``folder``, in evaluation mode."""
    file = Path(folder) / "last.pt"
    if not file.exists():
        raise EmorecError(f"There is no trained network in {folder}; run train/run.py for it first.")
    net.load_state_dict(torch.load(file, weights_only=True, map_location="cpu")["average"])
    return net.eval()


def _groups(net, weight_decay):
    """Weight decay on matrices and kernels only; norms and biases are left alone."""
    decayed = [p for p in net.parameters() if p.ndim > 1]
    rest = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@torch.no_grad()
def _follow(average, net, decay):
    for slow, fast in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _save(file, parts, epoch):
    partial = file.with_suffix(".partial")
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch}, partial)
    partial.replace(file)


def _load(file, parts):
    if not file.exists():
        return 0
    saved = torch.load(file, weights_only=True, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return saved["epoch"]


def _log(file, row, fresh):
    with open(file, "w" if fresh else "a", newline="") as out:
        writer = csv.DictWriter(out, fieldnames=list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
