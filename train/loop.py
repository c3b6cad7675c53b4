"""The training loop: AdamW with a one-cycle schedule, an averaged copy of the weights, resumable after every epoch."""

from __future__ import annotations

import copy
import io
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import safetensors.torch
import torch
from torch import nn
from tqdm import tqdm

from emorec.errors import EmorecError
from train import distributed, run_dir
from train.run_dir import RunDir

Net = TypeVar("Net", bound=nn.Module)
Batch = tuple[torch.Tensor, ...]

NOT_FINITE = (
    "The training of the {what} stops in epoch {epoch}, because its loss is not a finite number; choose a lower --lr "
    "and another folder by --out, or look for unusual items."
)


class Batches(Protocol):
    """Yields the batches of an epoch: tuples of tensors with the same number of rows. ``len`` is their number.

    All processes yield the same batches, unless the attribute ``divided`` is true: then each yields only its own part
    of them.
    """

    def __len__(self) -> int: ...

    def __call__(self, epoch: int, generator: np.random.Generator) -> Iterable[Batch]: ...


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Length and learning rate of a training. ``ema_epochs``: over how many epochs the weights are averaged."""

    epochs: int
    lr: float
    batch_size: int = 128
    weight_decay: float = 0.05
    warm_up: float = 0.15
    ema_epochs: float = 0.5
    seed: int = 0
    save_every: int = 1


def fit(
    net: Net,
    batches: Batches,
    loss_of: Callable[..., torch.Tensor],
    schedule: Schedule,
    folder: str | Path,
    evaluate: Callable[[Any], dict[str, float]] | None = None,
    device: str = "cpu",
    resume: bool = False,
    title: str = "",
    settings: dict[str, Any] | None = None,
    save: Callable[[Any, Path], None] = run_dir.save_weights,
) -> Net:
    """Train ``net`` in place and return the averaged copy of it, in evaluation mode.

    loss_of(net, batch) is a scalar; evaluate(net) is a dict of numbers for the log, computed with the averaged weights.
    ``settings`` (JSON values) describe the run beside the schedule: a resumed run must have the same.

    After every ``schedule.save_every`` epochs, at the end and on Ctrl-C, ``folder/last`` gets the state of the run and
    what save(net, folder) writes of the averaged weights; ``folder/best`` gets the latter whenever the first number of
    ``evaluate`` is the highest so far. The returned weights are those of the last epoch, not the best ones, which were
    selected by validation. Raises EmorecError, and KeyboardInterrupt after saving.
    """
    described = {name: value for name, value in asdict(schedule).items() if name != "save_every"}
    described |= {"parameters": sum(p.numel() for p in net.parameters())} | (settings or {})
    run = RunDir(folder, described, resume, distributed.rank() == 0, device)
    torch.manual_seed(schedule.seed)
    untyped: Any = net  # torch's types lack memory_format
    untyped.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    distributed.share_statistics(net)
    steps = len(batches)
    optimizer = torch.optim.AdamW(_groups(net, schedule.weight_decay), lr=schedule.lr)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=schedule.lr, total_steps=schedule.epochs * steps, pct_start=schedule.warm_up
    )
    parts = {"net": net, "average": average, "optimizer": optimizer, "cycle": cycle}
    first, best = _restore(run, parts) if resume else (0, None)
    distributed.barrier()
    run.open(first)
    state = None  # that of the last complete epoch, if it is not on disk yet
    try:
        for epoch in range(first, schedule.epochs):
            loss, seconds = _epoch(parts, batches, loss_of, schedule, epoch, device, title)
            row = {"epoch": epoch + 1, "loss": round(loss, 4), "seconds": seconds}
            if run.is_main:
                scores = evaluate(average.eval()) if evaluate else {}
                row |= scores
                run.log(row)
                print(title, row, flush=True)
                score = next(iter(scores.values()), None)  # the first number of ``evaluate``
                if score is not None and (best is None or score >= best):
                    best = score
                    _save_weights(save, average, run.folder / "best")
                state = _state(parts, epoch + 1, best)
                if (epoch + 1) % schedule.save_every == 0 or epoch + 1 == schedule.epochs:
                    _save(run, state, save, average)
                    state = None
            distributed.barrier()
    finally:
        # Also on Ctrl-C: the unfinished epoch is dropped, the one before it is saved.
        if state is not None and run.is_main:
            average.load_state_dict(torch.load(io.BytesIO(state), weights_only=True)["average"])
            _save(run, state, save, average)
        run.close()
    return average.eval()


def _epoch(
    parts: dict[str, Any],
    batches: Batches,
    loss_of: Callable[..., torch.Tensor],
    schedule: Schedule,
    epoch: int,
    device: str,
    title: str,
) -> tuple[float, float]:
    """Train one epoch: the mean loss, and the time (s)."""
    net, average, optimizer, cycle = parts.values()
    steps = len(batches)
    decay = 1 - 1 / max(schedule.ema_epochs * steps, 1)
    generator = np.random.default_rng([schedule.seed, epoch])
    torch.manual_seed(schedule.seed * 1000 + epoch)
    started, losses = time.monotonic(), []
    net.train()
    quiet = True if distributed.rank() else None
    bar = tqdm(batches(epoch, generator), total=steps, desc=f"{title} {epoch + 1}/{schedule.epochs}", disable=quiet)
    for batch in bar:
        step = epoch * steps + len(losses)
        own = batch if getattr(batches, "divided", False) else distributed.share(batch)
        batch = tuple(part.to(device, non_blocking=True) for part in own)
        with distributed.own_randomness(schedule.seed, step):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=has_fast_bfloat16(device)):
                loss = loss_of(net, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
        distributed.average_gradients(net)
        norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        # The norm is of the averaged gradients, so all processes stop together, and none waits for another.
        if not norm.isfinite():
            raise EmorecError(NOT_FINITE.format(what=title or "network", epoch=epoch + 1))
        optimizer.step()
        cycle.step()
        _update_average(average, net, min(decay, (1 + step) / (10 + step)))
        losses.append(float(loss.detach()))
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return distributed.mean(float(np.mean(losses))), round(time.monotonic() - started, 1)


def has_fast_bfloat16(device: str) -> bool:
    """Whether the device has bfloat16 instructions; emulated, bfloat16 takes ten times as long as float32."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))


def load_averaged(folder: str | Path, net: Net) -> Net:
    """``net`` with the averaged weights of the run in ``folder``, in evaluation mode.

    If the run has no state, ``last/weights.safetensors`` is read, which may be in half precision. Raises EmorecError if
    there is neither.
    """
    file, weights_file = Path(folder) / run_dir.STATE_FILE, Path(folder) / "last" / run_dir.WEIGHTS_FILE
    if file.exists():
        weights = run_dir.read_state(file)["average"]
    elif weights_file.exists():
        weights = safetensors.torch.load_file(weights_file)
    else:
        raise EmorecError(f"There is no trained network in {folder}; run train/run.py for it first.")
    net.load_state_dict(weights)
    return net.eval()


def finished_epochs(folder: str | Path) -> int:
    """The number of finished epochs of the run in ``folder``."""
    file = Path(folder) / run_dir.STATE_FILE
    return run_dir.read_state(file)["epoch"] if file.exists() else 0


def _groups(net: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups with weight decay on matrices and kernels only, not on norms and biases."""
    trained = [p for p in net.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    rest = [p for p in trained if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@torch.no_grad()
def _update_average(average: nn.Module, net: nn.Module, decay: float) -> None:
    for slow, fast in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _state(parts: dict[str, Any], epoch: int, best: float | None) -> bytes:
    """The state of the run after an epoch, serialised, because later steps change the tensors in place."""
    content = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch, "best": best}, content)
    return content.getvalue()


def _save(run: RunDir, state: bytes, save: Callable[[Any, Path], None], average: nn.Module) -> None:
    run.save_state(state)
    _save_weights(save, average, run.folder / "last")


def _save_weights(save: Callable[[Any, Path], None], average: nn.Module, folder: Path) -> None:
    with run_dir.writing(folder):
        save(average, folder)


def _restore(run: RunDir, parts: dict[str, Any]) -> tuple[int, float | None]:
    saved = run.load_state()
    if saved is None:
        return 0, None
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return saved["epoch"], saved["best"]
