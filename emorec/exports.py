"""A Timeline written down: CSV and JSON here, subtitles in a room of their own."""

import csv
import io
import itertools
import json
import math

from emorec import __version__, files, subtitles
from emorec.emotions import EMOTIONS

COLUMNS = (
    "start", "end", "person", *EMOTIONS, "dominant", "confidence", "face_coverage", "speech_coverage"
)  # fmt: skip
DIGITS = 6


def table(timeline, most=None):
    """One dict a row with the keys of COLUMNS; what is not known is None. ``most`` is how many of the first rows."""
    return [
        {"start": row["start"], "end": row["end"], "person": row["person"]}
        | (row["probabilities"] or dict.fromkeys(EMOTIONS))
        | {name: row[name] for name in ("dominant", "confidence", "face_coverage", "speech_coverage")}
        for row in _rows(timeline, most)
    ]


def as_dict(timeline):
    """The whole timeline as plain JSON values: facts, summary, and a row a step with both modalities' opinions."""
    shares, known = timeline.shares()
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
        "summary": {"known_share": _number(known), "dominant_shares": {k: _number(v) for k, v in shares.items()}},
        "rows": _rows(timeline),
    }


def csv_text(timeline):
    """The table as CSV text, a header and one line a row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table(timeline))
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


WRITERS = {"csv": write_csv, "json": write_json, "srt": subtitles.write_srt, "vtt": subtitles.write_vtt}


def _rows(timeline, most=None):
    columns = zip(
        timeline.start, timeline.end, timeline.person, timeline.dominant, timeline.confidence, timeline.probabilities,
        timeline.face, timeline.voice, timeline.face_coverage, timeline.speech_coverage, timeline.disagreement,
        strict=True,
    )  # fmt: skip
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
        }
        for start, end, person, dominant, confidence, probabilities, face, voice, face_coverage, speech_coverage,
        disagreement in itertools.islice(columns, most)
    ]  # fmt: skip


def _named(probabilities):
    if math.isnan(probabilities[0]):
        return None
    return {emotion: _number(value) for emotion, value in zip(EMOTIONS, probabilities, strict=True)}


def _number(value):
    return None if value is None or math.isnan(value) else round(float(value), DIGITS)
