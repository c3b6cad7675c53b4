"""Measure the cost of a checkpoint's networks: parameters, multiply-adds and time per item on this CPU."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from emorec.models.checkpoint import Checkpoint
from emorec.models.networks import FaceNet, VoiceNet
from emorec.models.optimize import for_inference

BATCH = 32
ROUNDS = 20
PASSES = 2  # over all networks; in the first one memory is still being allocated
VOICE_HOPS = 12  # 3.07 s, one window


def measure(model: Checkpoint) -> dict[str, dict[str, Any]]:
    """{network: {"parameters", "multiply_adds", "ms"}} of a Checkpoint; an item is a face, a voice window of 3.07 s, or
    one window's fusion. Times are the best of 20 rounds of 32 items on one thread, once all have run before."""
    frames = VOICE_HOPS * model.voice.FRAMES_PER_HOP
    features = model.fusion.config
    inputs = {
        "face": (torch.rand(BATCH, 1, model.face.config.size, model.face.config.size),),
        "voice": (torch.randn(BATCH, model.voice.config.n_mels, frames), torch.ones(BATCH, VOICE_HOPS)),
        "fusion": (
            torch.randn(BATCH, features.face_features),
            torch.randn(BATCH, features.voice_features),
            torch.ones(BATCH),
            torch.ones(BATCH),
        ),
    }
    for _ in range(PASSES):
        costs = {name: _cost(getattr(model, name), given) for name, given in inputs.items()}
    return costs


@torch.no_grad()
def _cost(net: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, Any]:
    parameters = sum(p.numel() for p in net.parameters())
    with FlopCounterMode(display=False) as counter:
        net.eval()(*(tensor[:1] for tensor in inputs))
    if isinstance(net, FaceNet | VoiceNet):
        net = for_inference(net)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net(*inputs)
        rounds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            net(*inputs)
            rounds.append((time.perf_counter() - started) / BATCH * 1000)
    finally:
        torch.set_num_threads(threads)
    return {
        "parameters": parameters,
        "multiply_adds": counter.get_total_flops() // 2,
        "ms": round(min(rounds), 3),
    }
