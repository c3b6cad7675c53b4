"""The result of a still picture as HTML: the picture with a box and a card at every face.

``page/assets/picture.js`` shows the card of the box that is under the pointer, was tapped, or has the focus.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emorec.emotions import COLOURS, EMOJI, EMOTIONS
from emorec.image import FaceResult
from emorec.output import trust
from emorec.output.chart_data import signed
from emorec.output.charts import CONFIDENT
from emorec.output.text import percent
from emorec.ui.file_fragments import file_url
from emorec.ui.fragments import DERIVED, bar, callout

NO_FACE = "No face was found in this picture; try one where a face is larger or looks at the camera."
HOW = "Point at a face, tap it, or go to it with the Tab key to see all seven emotions."
UNSURE = "unsure: no emotion has {below:.0%}"


def result(file: Path | str, faces: Sequence[FaceResult], marked: Path | None, evaluation: dict[str, Any]) -> str:
    """The picture ``file`` with its faces; ``marked`` is the file to download, with the boxes drawn into it."""
    if not faces:
        return f'{callout(NO_FACE)}<figure class="picture"><img src="{file_url(file)}" alt="Your picture"></figure>'
    boxes = "".join(_box(number, face) + _card(number, face) for number, face in enumerate(faces, 1))
    image = f'<img src="{file_url(file)}" alt="Your picture, with {_count(len(faces))} marked">'
    words = f'<p class="caption">{html.escape(f"{in_words(faces)} {trust.picture_sentence(evaluation)} {HOW}")}</p>'
    rows = "".join(f"<li>{_named(number, face)}</li>" for number, face in enumerate(faces, 1))
    link = ""
    if marked:
        name = html.escape(marked.name)
        link = f'<a class="save" href="{file_url(marked)}" download="{name}">Download the picture with its marks</a>'
    return (
        f'<div class="seen">{words}<figure class="picture">{image}{boxes}</figure>'
        f'<ol class="found">{rows}</ol>{link}</div>'
    )


def in_words(faces: Sequence[FaceResult]) -> str:
    """How many faces there are, and how many of them are unsure."""
    unsure = sum(not is_sure(face) for face in faces)
    words = f"{unsure} of them {UNSURE.format(below=CONFIDENT)}" if len(faces) > 1 else UNSURE.format(below=CONFIDENT)
    return f"{_count(len(faces)).capitalize()}{', ' + words if unsure else ''}."


def is_sure(face: FaceResult) -> bool:
    """Whether the likeliest emotion of a face has enough probability to count as sure."""
    return face.confidence >= CONFIDENT


def _count(number: int) -> str:
    return "one face" if number == 1 else f"{number} faces"


def _box(number: int, face: FaceResult) -> str:
    left, top, width, height = face.box
    kind = "box" if is_sure(face) else "box unsure"
    return (
        f'<button type="button" class="{kind}" style="left:{left:.2%};top:{top:.2%};width:{width:.2%};'
        f'height:{height:.2%};border-color:{COLOURS[face.dominant]}" aria-expanded="false" '
        f'aria-describedby="face-{number}" aria-label="Face {_emotion_in_words(number, face)}">'
        f"<b>{number} {EMOJI[face.dominant]}</b></button>"
    )


def _card(number: int, face: FaceResult) -> str:
    """The card of a face: a bar for each emotion, the most probable first, and what is derived from them."""
    ranked = sorted(zip(EMOTIONS, face.probabilities, strict=True), key=lambda pair: -pair[1])
    rows = "".join(bar(emotion, share) for emotion, share in ranked)
    affect = f"Derived: valence {signed(face.valence)}, arousal {signed(face.arousal)}"
    unsure = "" if is_sure(face) else f'<p class="caption">Unsure: no emotion has {CONFIDENT:.0%}</p>'
    note = f'{unsure}<p class="caption" title="{html.escape(DERIVED)}">{affect}</p>'
    return (
        f'<section class="face" id="face-{number}"><table><caption>Face {_emotion_in_words(number, face)}</caption>'
        f"{rows}</table>{note}</section>"
    )


def _named(number: int, face: FaceResult) -> str:
    return f'<i style="background:{COLOURS[face.dominant]}"></i>{_emotion_in_words(number, face)}'


def _emotion_in_words(number: int, face: FaceResult) -> str:
    sure = is_sure(face)
    return f"{number}: {face.dominant} {percent(face.confidence, sure)}{'' if sure else ', unsure'}"
