"""Pictures of one and of two people who move, go and come back in changing shots, made of the page's portrait."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from support.paths import ROOT

HEIGHT, WIDTH = 180, 360
SECOND_PERSON = 5.0, 14.0  # seconds of every 25 in which the second person is there


def pictures(seconds: float, cuts: Sequence[float], rate: int = 5) -> np.ndarray:
    """Grey pictures (frames, HEIGHT, WIDTH). At each of ``cuts`` (s) the shot changes between two of them: in the
    first one there are at times two people, in the second one the first of them sits elsewhere, in the dark."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        portrait = opened.convert("L")
        portrait.thumbnail((150, 150))
    face = np.asarray(portrait)
    random = np.random.default_rng(0)
    shown = []
    for time in np.arange(round(seconds * rate)) / rate:
        dark = sum(time >= cut for cut in cuts) % 2
        picture = np.full((HEIGHT, WIDTH), 30.0 if dark else 90.0)
        left = round(20 + 10 * np.sin(time)) + 110 * dark
        _put(picture, face, left)
        if not dark and SECOND_PERSON[0] < time % 25 < SECOND_PERSON[1]:
            _put(picture, face[:, ::-1], 190)
        shown.append(picture + random.normal(0, 2, picture.shape))
    return np.stack(shown).clip(0, 255).astype(np.uint8)


def _put(picture: np.ndarray, face: np.ndarray, left: int) -> None:
    picture[15 : 15 + face.shape[0], left : left + face.shape[1]] = face
