"""The network that distillation trains, its loss, and its errors."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from emorec.models.networks import distilled_trunk, pool_parts
from train.data import datasets
from train.recipes import voice

MIN_SPEECH = 0.3  # probability of speech above which a hop counts for the loss

# Modules of a Student in the run states of earlier versions, and their names here.
OLD_NAMES = {"listener.": "trunk.", "say.": "regressor.", "judge.": "classifier."}


class Student(nn.Module):
    """The distilled trunk, a layer that predicts the teachers' features, and one that predicts their classifier."""

    def __init__(self, targets: int):
        """``targets`` is the number of the teachers' features per hop."""
        super().__init__()
        size = voice.DISTILLED["listener_embedding"]
        self.trunk = distilled_trunk(voice.merged_config())
        self.regressor = nn.Linear(size, targets)
        self.classifier = nn.Linear(2 * size, len(datasets.RAVDESS_LABELS))
        self.register_load_state_dict_pre_hook(_rename_old)

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        """Log-mel (N, n_mels, T) -> features of each hop (N, T / 16, D)."""
        log_mel = log_mel.unsqueeze(1).contiguous(memory_format=torch.channels_last)
        return self.trunk(log_mel).float().squeeze(2).transpose(1, 2)


def _rename_old(module: nn.Module, state: dict[str, torch.Tensor], prefix: str, *_: object) -> None:
    for name in list(state):
        for old, new in OLD_NAMES.items():
            if name.startswith(prefix + old):
                state[prefix + new + name.removeprefix(prefix + old)] = state.pop(name)


def loss_of(net: Student, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """The loss of ``train``."""
    log_mel, speech, targets = batch
    return masked_error(net.regressor(net(log_mel)), targets, speech)


def masked_error(predicted: torch.Tensor, targets: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
    """Mean squared error of predictions (N, H, targets) over the hops with speech (N, H)."""
    spoken = (speech > MIN_SPEECH).unsqueeze(2)
    return ((predicted.float() - targets).square() * spoken).sum() / (spoken.sum() * targets.shape[2]).clamp_min(1)


def pool(values: torch.Tensor, speech: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of values (N, H, D) over hops weighted by speech (N, H), as VoiceNet pools this trunk's."""
    return pool_parts([(values, speech.clamp_min(voice.SILENT))])


@torch.inference_mode()
def squared_errors(net: Student, clip: tuple[np.ndarray, np.ndarray], targets: np.ndarray) -> np.ndarray:
    """Mean squared error of each hop of a clip that holds speech."""
    log_mel, speech = (torch.from_numpy(part).float().to(next(net.parameters()).device) for part in clip)
    predicted = net.regressor(net(log_mel.unsqueeze(0)))[0].cpu()
    errors = (predicted - torch.from_numpy(targets).float()).square().mean(1)
    return errors[speech.cpu() > MIN_SPEECH].numpy()
