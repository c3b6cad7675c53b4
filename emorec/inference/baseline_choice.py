"""What a user gives as the baseline: a word, a stretch of time, or the result of another recording."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction.options import seconds as seconds_of
from emorec.extraction.people import default_name, plain_name
from emorec.extraction.people_edits import clock
from emorec.inference import fusion as fusions
from emorec.inference import prior as priors
from emorec.inference import usual_expression
from emorec.inference.usual_expression import Measured

SPEAKER, PERSON, NONE = CHOICES = ("speaker", "person", "none")
DEFAULT = SPEAKER
STRETCH = re.compile(r"\s*([\d:.,]+)\s*-\s*([\d:.,]+)\s*")
MAX_BYTES = 2_000_000_000  # 500 hours in steps of 1 s
LEADING_BYTES = b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"  # bytes that come before the text in JSON of any encoding
FIRST_BYTES = 4096  # that tell whether a file can be JSON
SMALLEST = 1e-6  # probability; results have six decimals

UNKNOWN = (
    "The baseline {given!r} does not exist; choose one of {names}, a stretch of time such as 0:10-0:40, or the JSON "
    "result of another recording ({reason})."
)
BACKWARDS = "The baseline {given!r} must end after it begins, as in 0:10-0:40."
WRONG_FILE = "The baseline {given} is not the JSON result of a recording: {reason}."
NO_FACE = "The baseline {given} shows no face for long enough; choose the result of a video."
NO_FUSION = (
    "The baseline {given} was made with the fusion voice, which reads no face; choose a result of another fusion."
)
SHORT_WINDOW = (
    "The baseline {given} was made with a window of {window:g} s, which is too short to tell a usual expression; "
    "analyze that recording again with a window of {least:g} s or more."
)
PARTLY = "Of the baseline {name} only {start} to {end} was analysed, so only this part was used."
TOLERANCE = 1.0  # seconds by which a stretch may exceed what was analysed; people write whole seconds
OTHER_MODEL = "The baseline {given} was made with another model; analyze that recording again with this one."


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A baseline: ``name`` as results state it, and where the usual expression comes from.

    It comes from the ``whole`` recording, from a ``stretch`` (s) of it, or from a result of the model with the
    ``fingerprint``, which tells what is ``known`` of persons by name. Without any of these, faces are read as they are.
    """

    name: str
    whole: bool = False
    stretch: tuple[float, float] | None = None
    known: Mapping[str, Measured] | None = None
    fingerprint: str = ""

    @property
    def voice(self) -> bool:
        """Whether voices are read relative to the speaker."""
        return self.name != NONE

    @property
    def face(self) -> bool:
        """Whether the usual expression is taken out of faces."""
        return self.whole or self.stretch is not None or self.known is not None

    def note(self, start: float, until: float) -> str:
        """A sentence that says which part of the stretch lies between ``start`` and ``until`` (s); "" if all does."""
        if self.stretch is None:
            return ""
        first, last = max(self.stretch[0], start), min(self.stretch[1], until)
        if first - self.stretch[0] < TOLERANCE and self.stretch[1] - last < TOLERANCE:
            return ""
        return PARTLY.format(name=self.name, start=clock(first), end=clock(last))


BaselineLike = str | PathLike[str] | Choice


def resolve(given: BaselineLike) -> Choice:
    """The baseline that a user names: one of CHOICES, START-END, or the file of a JSON result; or a Choice itself.

    Raises EmorecError, in one sentence, for anything else.
    """
    if isinstance(given, Choice):
        return given
    if not isinstance(given, str | PathLike) or given == "":
        raise EmorecError(UNKNOWN.format(given=given, names=", ".join(CHOICES), reason="it is not text"))
    text = fspath(given)
    if text in CHOICES:
        return Choice(name=text, whole=text == PERSON)
    stretch = stretch_of(text)
    if stretch:
        return Choice(name=text.strip(), stretch=stretch)
    return _of_file(Path(text), text)


def stretch_of(text: str) -> tuple[float, float] | None:
    """Start and end (s) of START-END; None for other text. Raises EmorecError for times that cannot be a stretch."""
    found = STRETCH.fullmatch(text)
    if found is None:
        return None
    start, end = (seconds_of(part) for part in found.groups())
    if end <= start:
        raise EmorecError(BACKWARDS.format(given=text))
    return start, end


def _of_file(path: Path, given: str) -> Choice:
    try:
        with path.open("rb") as file:
            content = file.read(FIRST_BYTES)
            # Anything else is a recording, perhaps a large one, that was given by mistake.
            if content.lstrip(LEADING_BYTES)[:1] in (b"{", b"["):
                content += file.read(MAX_BYTES + 1 - FIRST_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EmorecError(UNKNOWN.format(given=given, names=", ".join(CHOICES), reason=reason)) from None
    if len(content) > MAX_BYTES:
        raise EmorecError(WRONG_FILE.format(given=given, reason=f"it is larger than {MAX_BYTES // 10**6} MB"))
    try:
        result = json.loads(content)
    except (ValueError, RecursionError):
        raise EmorecError(WRONG_FILE.format(given=given, reason="it cannot be read as JSON")) from None
    try:
        known = _persons(result)
        fingerprint = result["choices"].get("fingerprint") or ""
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        reason = "its rows and choices are not those that emorec writes"
        raise EmorecError(WRONG_FILE.format(given=given, reason=reason)) from None
    if not known:
        if result.get("fusion") == "voice":
            raise EmorecError(NO_FUSION.format(given=given))
        has_face = any(row["face"] for row in result["rows"])
        longest = max((_window(result, row) for row in result["rows"]), default=0.0)
        short = SHORT_WINDOW if has_face and longest < fusions.FULL_SECONDS - SMALLEST else NO_FACE
        raise EmorecError(short.format(given=given, window=result["window"], least=fusions.FULL_SECONDS))
    return Choice(name=path.name, known=known, fingerprint=str(fingerprint))


def _persons(result: Any) -> dict[str, Measured]:
    """What the face of each person usually shows in a result, by name."""
    choices = result["choices"]
    shares = np.array([_finite(choices["prior_shares"][emotion]) for emotion in EMOTIONS])
    prior = np.log(np.maximum(shares, priors.FLOOR))
    taken = choices.get("usual_expression", {})
    faces: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, list[float]] = {}
    for row in result["rows"]:
        # With less than full evidence, the likelihoods in a row are weakened.
        if not row["face"] or row["person"] is None:
            continue
        if row["face_coverage"] * _window(result, row) < fusions.FULL_SECONDS - SMALLEST:
            continue
        face = np.array([_finite(row["face"][emotion]) for emotion in EMOTIONS])
        added = taken.get(str(row["person"]), {})
        earlier = np.array([_finite(added.get(emotion, 0.0)) for emotion in EMOTIONS])
        name = plain_name(str(row.get("name") or default_name(row["person"])))
        faces.setdefault(name, []).append(np.log(np.maximum(face, SMALLEST)) - prior - earlier)
        length = (_finite(row["end"]) - _finite(row["start"])) * _finite(row.get("row_face", row["face_coverage"]))
        seconds.setdefault(name, []).append(length)
    found = {name: usual_expression.measure(np.array(faces[name]), np.array(seconds[name])) for name in faces}
    return {name: measured for name, measured in found.items() if measured.seconds > 0}


def _window(result: Any, row: Any) -> float:
    """The length (s) of the window of a row: that of the result or, if its step is longer, of the row itself.

    Raises KeyError, ValueError or TypeError if the result does not tell it.
    """
    window, step = _finite(result["window"]), _finite(result["step"])
    return max(window, _finite(row["end"]) - _finite(row["start"])) if step > window else window


def _finite(value: Any) -> float:
    """A number. Raises ValueError or TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)
