"""The model of a batch: the same for all recordings, however long the batch takes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from emorec import settings
from emorec.batch.choices import Choices
from emorec.models import checkpoint, pretrained
from emorec.models.device import resolve_device


def pin(choices: Choices) -> tuple[Choices, tuple[str, str], tuple[str, ...]]:
    """Fix the model of a batch: the choices with its commit or folder, two digests of model and detector, and notices.

    The second digest leaves out what was measured of the model, which only a report says.

    The checkpoint is loaded here too, so that an unusable one gives one error instead of one for each recording.
    Raises EmorecError.
    """
    resolve_device(choices.device)
    origin = pretrained.resolve(choices.model)
    checkpoint.load(origin.folder)
    # The configuration holds the calibration, on which results depend although features do not.
    config = (origin.folder / checkpoint.CONFIG_FILE).read_bytes()
    values = json.loads(config)
    if not choices.report:
        values.pop("evaluation", None)
    networks = origin.sha256.encode()
    if detector := pretrained.face_detector_file():
        networks += detector.read_bytes()
    whole, deciding = (
        hashlib.sha256(each + networks).hexdigest() for each in (config, json.dumps(values, sort_keys=True).encode())
    )
    model: str | None = str(origin.folder.resolve())
    if origin.repo:
        model = f"{origin.repo}@{origin.commit}"
    elif not (choices.model or settings.model()):
        model = None  # the bundled one, which may have another path on another machine
    return replace(choices, model=model), (whole, deciding), origin.notices
