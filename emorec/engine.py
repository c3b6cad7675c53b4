"""One engine for every door: a checkpoint and a face detector, loaded once, over both stages."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import torch

from emorec import checkpoint, faces, observe, timeline, weights
from emorec.errors import EmorecError

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Engine:
    """A loaded checkpoint and where the face detector's file is (None: the fallback detector)."""

    model: checkpoint.Checkpoint
    detector_file: Path | None

    @property
    def notices(self):
        """Sentences that a user must see before trusting any result."""
        return () if self.detector_file else (weights.REDUCED_NOTICE,)

    def observe(self, path, cache=None):
        """Stage 1: yield growing Observations of a recording; see ``emorec.observe``."""
        return observe.observe(path, self.model, faces.detector(self.detector_file), cache=cache)

    def decide(self, observations, **choices):
        """Stage 2: a Timeline with fusion, step, window, person and smooth as chosen; see ``emorec.timeline``."""
        return timeline.decide(observations, self.model, **choices)

    def analyze(self, path, progress=None, **choices):
        """Both stages. ``progress(observations)`` is called as they grow. Raises EmorecError."""
        timeline.check(**{name: value for name, value in choices.items() if name != "person"})
        observations = None
        with contextlib.closing(self.observe(path)) as growing:
            for observations in growing:
                if progress:
                    progress(observations)
        return self.decide(observations, **choices)


def load(model_path=None, device="auto"):
    """An Engine with the named checkpoint (None: EMOREC_MODEL, else the bundled one). Raises EmorecError."""
    if device not in DEVICES:
        raise EmorecError(f"The device {device!r} does not exist; choose one of {', '.join(DEVICES)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise EmorecError("There is no usable CUDA device here; choose the device cpu or auto.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return Engine(checkpoint.load(weights.resolve(model_path), device), weights.face_detector_file())
