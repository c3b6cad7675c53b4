"""A timeline as CSV and JSON, and the names of files; docs/SCHEMA.md explains every column and key."""

from __future__ import annotations

import csv
import io
import itertools
import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from emorec import files
from emorec._version import __version__
from emorec.affect import DIMENSIONS, valence_arousal
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output import subtitles
from emorec.output.highlights import find_highlights
from emorec.output.summary import summary

# New columns come last, so that programs that read by position keep working.
COLUMNS: tuple[str, ...] = (
    "start",
    "end",
    "person",
    *EMOTIONS,
    "dominant",
    "confidence",
    "face_coverage",
    "speech_coverage",
    "sure",
    "evidence",
    "row_face",
    "row_speech",
    *DIMENSIONS,
    "name",
)
AFTER_EMOTIONS = COLUMNS[COLUMNS.index("dominant") :]
DIGITS = 6
DEFAULT_FUSION = "late"  # not part of file names
UNFIT = re.compile(r"[^\w.-]+")  # what is replaced in a person's name


def table(timeline: Timeline, max_rows: int | None = None) -> list[dict[str, Any]]:
    """One dict per row with the keys of COLUMNS; None is unknown. ``max_rows`` limits it to the first rows.

    A timeline of all persons has a row for each step and person, in order of time.
    """
    return [
        {"start": row["start"], "end": row["end"], "person": row["person"]}
        | (row["probabilities"] or dict.fromkeys(EMOTIONS))
        | {name: row[name] for name in AFTER_EMOTIONS}
        for row in _rows_of_all(timeline, max_rows)
    ]


def as_dict(timeline: Timeline) -> dict[str, Any]:
    """The whole timeline as plain JSON values.

    Metadata of the recording, all settings, summary, highlights, and one row per step with the probabilities from each
    modality alone. Of all persons there is a row for each step and person; then ``people`` has the summary of each
    person, and ``mean_rows`` are the rows of their mean, which ``summary`` and ``highlights`` describe.
    """
    everybody: dict[str, Any] = {}
    if timeline.people:
        everybody["people"] = [_person(person) for person in timeline.people]
        everybody["mean_rows"] = _rows(timeline)
    return {
        "emorec": __version__,
        "media": timeline.media,
        "duration": _number(timeline.duration),
        "fusion": timeline.fusion,
        "step": timeline.step,
        "window": timeline.window,
        "complete": timeline.complete,
        "notes": list(timeline.notes),
        "emotions": list(EMOTIONS),
        "choices": choices(timeline),
        "summary": _figures(timeline),
        "highlights": [_rounded(asdict(moment)) for moment in find_highlights(timeline)],
        "rows": _rows_of_all(timeline),
    } | everybody


def choices(timeline: Timeline) -> dict[str, Any]:
    """All settings that made a timeline, by name, with the prior, the model and the version of emorec."""
    return timeline.choices | {"emorec": __version__}


def csv_text(timeline: Timeline) -> str:
    """The rows as CSV text, a header and one line per row; booleans are written as true and false."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"sure": str(row["sure"]).lower()} for row in table(timeline))
    return out.getvalue()


def json_text(timeline: Timeline) -> str:
    """The timeline as JSON text; null is unknown."""
    return json.dumps(as_dict(timeline), indent=1, allow_nan=False) + "\n"


def write_csv(timeline: Timeline, path: Path) -> None:
    """Write the rows as CSV to a file, completely or not at all. Raises EmorecError if it cannot be written."""
    write_text(csv_text(timeline), path)


def write_json(timeline: Timeline, path: Path) -> None:
    """Write the timeline as JSON to a file, completely or not at all. Raises EmorecError if it cannot be written."""
    write_text(json_text(timeline), path)


def write_text(text: str, path: Path) -> None:
    """Write text to a file in UTF-8, completely or not at all. Raises EmorecError if it cannot be written."""
    files.write_result(path, text.encode())


def file_name(stem: str, timeline: Timeline, suffix: str) -> str:
    """The name of a result file: ``interview.csv``, or ``interview.face.person-2.csv`` for a fusion and a person.

    A person's name, and "all", "main" and "speaker", stand there as they are, with - for what no file name may have.
    """
    person = timeline.choices.get("person")
    named = f"person-{person}" if isinstance(person, int) else UNFIT.sub("-", person or "").strip("-. ") or "person"
    marks = [
        f".{timeline.fusion}" if timeline.fusion != DEFAULT_FUSION else "",
        f".{named}" if person is not None else "",
    ]
    return "".join([stem, *marks, suffix])


WRITERS = {"csv": write_csv, "json": write_json, "srt": subtitles.write_srt, "vtt": subtitles.write_vtt}


def _figures(timeline: Timeline) -> dict[str, Any]:
    figures = summary(timeline)
    return {
        "known_share": _number(figures.known),
        "dominant_shares": {emotion: _number(share) for emotion, share in figures.shares.items()},
        "unsure_share": _number(figures.unsure),
        "too_little": figures.too_little,
        "known_seconds": _number(figures.known_seconds),
        "seconds": _number(figures.seconds),
        "face_share": _number(figures.face),
        "speech_share": _number(figures.speech),
        "confidence": _number(figures.confidence),
        "valence": _number(figures.valence),
        "arousal": _number(figures.arousal),
    }


def _person(timeline: Timeline) -> dict[str, Any]:
    return {"number": timeline.choices.get("person"), "name": timeline.name, "summary": _figures(timeline)}


def _rows_of_all(timeline: Timeline, max_rows: int | None = None) -> list[dict[str, Any]]:
    """The rows of every person, those of one step after each other; at most ``max_rows``."""
    each = [_rows(one, max_rows) for one in timeline.each]
    return [row for rows in zip(*each, strict=True) for row in rows][:max_rows]


def _rows(timeline: Timeline, max_rows: int | None = None) -> list[dict[str, Any]]:
    columns = zip(
        timeline.start,
        timeline.end,
        timeline.person,
        timeline.dominant,
        timeline.confidence,
        timeline.probabilities,
        timeline.face,
        timeline.voice,
        timeline.face_coverage,
        timeline.speech_coverage,
        timeline.disagreement,
        timeline.sure,
        timeline.evidence,
        timeline.row_face,
        timeline.row_speech,
        valence_arousal(timeline.probabilities),
        valence_arousal(timeline.face),
        valence_arousal(timeline.voice),
        timeline.row_names,
        strict=True,
    )
    return [
        {
            "start": _number(start),
            "end": _number(end),
            "person": int(person) if person >= 0 else None,
            "probabilities": _named(probabilities),
            "dominant": dominant or None,
            "confidence": _number(confidence),
            "face_coverage": _number(face_coverage),
            "speech_coverage": _number(speech_coverage),
            "face": _named(face),
            "voice": _named(voice),
            "disagreement": _number(disagreement),
            "sure": bool(sure),
            "evidence": _number(evidence),
            "row_face": _number(row_face),
            "row_speech": _number(row_speech),
            **_affect("", affect),
            **_affect("face_", face_affect),
            **_affect("voice_", voice_affect),
            "name": files.shown(name) or None,
        }
        for (
            start,
            end,
            person,
            dominant,
            confidence,
            probabilities,
            face,
            voice,
            face_coverage,
            speech_coverage,
            disagreement,
            sure,
            evidence,
            row_face,
            row_speech,
            affect,
            face_affect,
            voice_affect,
            name,
        ) in itertools.islice(columns, max_rows)  # fmt: skip
    ]


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}


def _named(probabilities: np.ndarray) -> dict[str, float | None] | None:
    if math.isnan(probabilities[0]):
        return None
    return {emotion: _number(value) for emotion, value in zip(EMOTIONS, probabilities, strict=True)}


def _affect(prefix: str, values: np.ndarray) -> dict[str, float | None]:
    return {f"{prefix}{name}": _number(value) for name, value in zip(DIMENSIONS, values, strict=True)}


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), DIGITS)
