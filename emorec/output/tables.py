"""A Timeline as CSV and as JSON, and the names of files; docs/SCHEMA.md explains every column and key."""

import csv
import io
import itertools
import json
import math
from dataclasses import asdict

from emorec import files
from emorec._version import __version__
from emorec.emotions import EMOTIONS
from emorec.inference.timeline import Timeline
from emorec.output import subtitles
from emorec.output.highlights import find_highlights
from emorec.output.summary import summary

# New columns come last, so that programs which read by position keep working.
COLUMNS = (
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
)
AFTER_EMOTIONS = COLUMNS[COLUMNS.index("dominant") :]
DIGITS = 6
DEFAULT_FUSION = "late"  # not named in file names


def table(timeline, most=None):
    """One dict a row with the keys of COLUMNS; what is not known is None. ``most`` is how many of the first rows."""
    return [
        {"start": row["start"], "end": row["end"], "person": row["person"]}
        | (row["probabilities"] or dict.fromkeys(EMOTIONS))
        | {name: row[name] for name in AFTER_EMOTIONS}
        for row in _rows(timeline, most)
    ]


def as_dict(timeline):
    """The whole timeline as plain JSON values.

    Facts, all choices that made it, summary, highlights, and a row a step with what each modality alone says.
    """
    figures = summary(timeline)
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
        "summary": {
            "known_share": _number(figures.known),
            "dominant_shares": {emotion: _number(share) for emotion, share in figures.shares.items()},
            "unsure_share": _number(figures.unsure),
            "too_little": figures.too_little,
            "known_seconds": _number(figures.known_seconds),
            "seconds": _number(figures.seconds),
            "face_share": _number(figures.face),
            "speech_share": _number(figures.speech),
            "confidence": _number(figures.confidence),
        },
        "highlights": [_rounded(asdict(moment)) for moment in find_highlights(timeline)],
        "rows": _rows(timeline),
    }


def choices(timeline: Timeline) -> dict:
    """Everything that made a timeline, by name: choices, settings, prior, model and version."""
    return timeline.choices | {"emorec": __version__}


def csv_text(timeline):
    """The table as CSV text, a header and one line a row; truth is written as true and false."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row | {"sure": str(row["sure"]).lower()} for row in table(timeline))
    return out.getvalue()


def json_text(timeline):
    """The timeline as JSON text; what is not known is null."""
    return json.dumps(as_dict(timeline), indent=1, allow_nan=False) + "\n"


def write_csv(timeline, path):
    """Write the table to a file, whole or not at all. Raises EmorecError where that cannot be done."""
    files.write_result(path, csv_text(timeline).encode())


def write_json(timeline, path):
    """Write the timeline to a file, whole or not at all. Raises EmorecError where that cannot be done."""
    files.write_result(path, json_text(timeline).encode())


def file_name(stem: str, timeline: Timeline, suffix: str) -> str:
    """A name for a result: ``interview.csv``, or ``interview.face.person-2.csv`` if these are not the default."""
    person = timeline.choices.get("person")
    marks = [
        f".{timeline.fusion}" if timeline.fusion != DEFAULT_FUSION else "",
        f".person-{person}" if person is not None else "",
    ]
    return "".join([stem, *marks, suffix])


WRITERS = {"csv": write_csv, "json": write_json, "srt": subtitles.write_srt, "vtt": subtitles.write_vtt}


def _rows(timeline, most=None):
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
        ) in itertools.islice(columns, most)  # fmt: skip
    ]


def _rounded(values):
    return {name: _number(value) if isinstance(value, float) else value for name, value in values.items()}


def _named(probabilities):
    if math.isnan(probabilities[0]):
        return None
    return {emotion: _number(value) for emotion, value in zip(EMOTIONS, probabilities, strict=True)}


def _number(value):
    return None if value is None or math.isnan(value) else round(float(value), DIGITS)
