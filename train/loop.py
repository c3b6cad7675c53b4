"""The training loop: AdamW under a one-cycle schedule, an averaged copy of the weights, resumable after every epoch."""

import copy
import io
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from tqdm import tqdm

from emorec.errors import EmorecError
from train import distributed, run_dir
from train.run_dir import Record


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast to learn. ``ema_epochs``: over how many epochs the averaged weights look back."""

    epochs: int
    lr: float
    batch_size: int = 128
    weight_decay: float = 0.05
    warm_up: float = 0.15
    ema_epochs: float = 0.5
    seed: int = 0
    save_every: int = 1


def fit(
    net,
    batches,
    loss_of,
    schedule,
    folder,
    evaluate=None,
    device="cpu",
    resume=False,
    title="",
    settings=None,
    keep=run_dir.keep_weights,
):
    """Train ``net`` in place and return the averaged copy of it, in evaluation mode.

    batches(epoch, generator) yields one epoch's batches (tuples of tensors with as many rows) and ``len(batches)`` is
    their number; loss_of(net, batch) is a scalar; evaluate(net) is a dict of numbers for the log, run on the averaged
    weights. ``settings`` (JSON values) describe the run beside the schedule: a resumed run must have the same.

    After every ``schedule.save_every`` epochs, at the end and on Ctrl-C ``folder/last`` gets everything needed to go
    on and what keep(net, folder) writes of the averaged weights; ``folder/best`` gets the latter whenever the first
    number of ``evaluate`` is the highest so far. What is returned is the schedule's choice (the last epoch), never the
    best of many looks. Raises EmorecError, KeyboardInterrupt after saving.
    """
    facts = {name: value for name, value in asdict(schedule).items() if name != "save_every"}
    facts |= {"parameters": sum(p.numel() for p in net.parameters())} | (settings or {})
    notes = Record(folder, facts, resume, distributed.rank() == 0, device)
    torch.manual_seed(schedule.seed)
    net.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(net)
    distributed.share_statistics(net)
    steps = len(batches)
    optimizer = torch.optim.AdamW(_groups(net, schedule.weight_decay), lr=schedule.lr)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=schedule.lr, total_steps=schedule.epochs * steps, pct_start=schedule.warm_up
    )
    parts = {"net": net, "average": average, "optimizer": optimizer, "cycle": cycle}
    first, best = _restore(notes, parts) if resume else (0, None)
    distributed.barrier()
    notes.begin(first)
    state = None  # of the last whole epoch, where it is not on disk
    try:
        for epoch in range(first, schedule.epochs):
            loss, seconds = _epoch(parts, batches, loss_of, schedule, epoch, device, title)
            row = {"epoch": epoch + 1, "loss": round(loss, 4), "seconds": seconds}
            if notes.speaks:
                row |= evaluate(average.eval()) if evaluate else {}
                notes.log(row)
                print(title, row, flush=True)
                score = next((value for name, value in list(row.items())[3:]), None)
                if score is not None and (best is None or score >= best):
                    best = score
                    _keep(keep, average, notes.folder / "best")
                state = _state(parts, epoch + 1, best)
                if (epoch + 1) % schedule.save_every == 0 or epoch + 1 == schedule.epochs:
                    _save(notes, state, keep, average)
                    state = None
            distributed.barrier()
    finally:
        # Also on Ctrl-C: an epoch under way is given up, the one before it is kept.
        if state is not None and notes.speaks:
            average.load_state_dict(torch.load(io.BytesIO(state), weights_only=True)["average"])
            _save(notes, state, keep, average)
        notes.end()
    return average.eval()


def _epoch(parts, batches, loss_of, schedule, epoch, device, title):
    """Learn from one epoch's batches: the mean loss, and how long it took (s)."""
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
        batch = tuple(part.to(device, non_blocking=True) for part in distributed.share(batch))
        with distributed.own_randomness(schedule.seed, step):
            with torch.autocast(device, dtype=torch.bfloat16, enabled=quick_bfloat16(device)):
                loss = loss_of(net, batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
        distributed.average_gradients(net)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        cycle.step()
        _follow(average, net, min(decay, (1 + step) / (10 + step)))
        losses.append(float(loss.detach()))
        bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
    return distributed.mean(float(np.mean(losses))), round(time.monotonic() - started, 1)


def quick_bfloat16(device):
    """Whether the device multiplies in bfloat16 itself; one that imitates it takes ten times as long as in float32."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16"))


def averaged(folder, net):
    """``net`` with the averaged weights of the run in ``folder``, in evaluation mode.

    Of a run that is only kept for its weights, ``last/weights.safetensors`` is enough; half precision will do.
    """
    file, kept = Path(folder) / run_dir.STATE_FILE, Path(folder) / "last" / run_dir.WEIGHTS_FILE
    if file.exists():
        weights = run_dir.read_state(file)["average"]
    elif kept.exists():
        weights = safetensors.torch.load_file(kept)
    else:
        raise EmorecError(f"There is no trained network in {folder}; run train/run.py for it first.")
    net.load_state_dict(weights)
    return net.eval()


def finished(folder):
    """How many epochs the run in ``folder`` has behind it."""
    file = Path(folder) / run_dir.STATE_FILE
    return run_dir.read_state(file)["epoch"] if file.exists() else 0


def _groups(net, weight_decay):
    """Weight decay on matrices and kernels only; norms and biases are left alone."""
    trained = [p for p in net.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.ndim > 1]
    rest = [p for p in trained if p.ndim <= 1]
    return [{"params": decayed, "weight_decay": weight_decay}, {"params": rest, "weight_decay": 0.0}]


@torch.no_grad()
def _follow(average, net, decay):
    for slow, fast in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if slow.is_floating_point():
            slow.lerp_(fast, 1 - decay)
        else:
            slow.copy_(fast)


def _state(parts, epoch, best):
    """Everything needed to go on behind an epoch, as bytes: later steps change the tensors themselves."""
    content = io.BytesIO()
    torch.save({name: part.state_dict() for name, part in parts.items()} | {"epoch": epoch, "best": best}, content)
    return content.getvalue()


def _save(notes, state, keep, average):
    notes.save_state(state)
    _keep(keep, average, notes.folder / "last")


def _keep(keep, average, folder):
    with run_dir.writing(folder):
        keep(average, folder)


def _restore(notes, parts):
    saved = notes.load_state()
    if saved is None:
        return 0, None
    for name, part in parts.items():
        part.load_state_dict(saved[name])
    return saved["epoch"], saved["best"]
