"""The model of a batch: the same for all recordings, however long the batch takes."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from emorec import settings
from emorec.batch.choices import Choices
from emorec.models import checkpoint, pretrained
from emorec.models.device import resolve_device


def pin(choices: Choices) -> tuple[Choices, str, tuple[str, ...]]:
    """Fix the model of a batch: the choices with its commit or folder, a digest of model and detector, and notices.

    The checkpoint is loaded here too, so that an unusable one gives one error instead of one for each recording.
    Raises EmorecError.
    """
    resolve_device(choices.device)
    origin = pretrained.resolve(choices.model)
    checkpoint.load(origin.folder)
    # The configuration holds the calibration, on which results depend although features do not.
    digest = hashlib.sha256((origin.folder / checkpoint.CONFIG_FILE).read_bytes())
    digest.update(origin.sha256.encode())
    if detector := pretrained.face_detector_file():
        digest.update(detector.read_bytes())
    model: str | None = str(origin.folder.resolve())
    if origin.repo:
        model = f"{origin.repo}@{origin.commit}"
    elif not (choices.model or settings.model()):
        model = None  # the bundled one, which may have another path on another machine
    return replace(choices, model=model), digest.hexdigest(), origin.notices
