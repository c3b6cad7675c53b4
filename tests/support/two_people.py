"""A recording of two people, made of the portrait that the page ships: side by side, then one of them alone."""

from pathlib import Path

import numpy as np
from PIL import Image

from support.make_tracks import record_tracks, speech
from support.paths import ROOT

RATE = 10  # Hz
SECONDS = 3.0  # of each of the two shots
HEIGHT, WIDTH = 240, 480


def pictures() -> np.ndarray:
    """Grey pictures (frames, HEIGHT, WIDTH): two people for SECONDS, then one in the middle for SECONDS."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        portrait = opened.convert("L")
        portrait.thumbnail((220, 220))
    face = np.asarray(portrait)
    random = np.random.default_rng(0)
    shots = []
    for lefts in ((10, 250), (130,)):
        picture = np.full((HEIGHT, WIDTH), 90.0)
        for left in lefts:
            picture[10 : 10 + face.shape[0], left : left + face.shape[1]] = face
        shots.append(picture)
    frames = np.repeat(np.stack(shots), round(SECONDS * RATE), axis=0)
    return (frames + random.normal(0, 2, frames.shape)).clip(0, 255).astype(np.uint8)


def record(path: Path) -> Path:
    """Write the recording, in which somebody speaks throughout."""
    return record_tracks(path, [speech(2 * SECONDS)], [pictures()], rate=RATE)
