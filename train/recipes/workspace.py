"""Where and how a recipe trains its networks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from train import loop


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """The folders of the data, of the ``runs`` and of packed data (``cache``), the device, and whether a run that was
    stopped continues."""

    data: Path
    runs: Path
    cache: Path
    device: str = "cpu"
    resume: bool = False

    def fit(
        self,
        net: loop.Net,
        batches: loop.Batches,
        loss_of: Callable[..., torch.Tensor],
        schedule: loop.Schedule,
        run: str,
        evaluate: Callable[[Any], dict[str, float]],
        settings: dict[str, Any],
    ) -> loop.Net:
        """Train ``net`` in the folder RUNS/``run``; see ``loop.fit``, which also raises what this raises."""
        folder = self.runs / run
        return loop.fit(net, batches, loss_of, schedule, folder, evaluate, self.device, self.resume, run, settings)
