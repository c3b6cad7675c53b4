"""The tables of a library: their names, versions, columns and types.

Reading them needs nothing of what makes timelines, which takes seconds to import.
"""

from __future__ import annotations

from emorec.emotions import EMOTIONS

EXTRA = "library"  # the extra that installs pyarrow and duckdb
KEY = b"emorec_tables"  # of the metadata of each file: VERSION
VERSION = b"1"  # changes with every change that a reader would notice
FACTS = b"emorec_timeline"  # of the metadata of windows: what a timeline has beside its rows, as JSON
MEAN = "mean"  # of the metadata of windows, and of the tables of a plain result: rows of the mean of all persons
# Columns of the mean that the rows of the persons do not tell.
ANYBODY = ("face_coverage", "row_face", "speech_coverage", "row_speech")
SUFFIX = ".parquet"

# The manifest of a batch, which is the view ``media``; times are UTC in ISO 8601.
MANIFEST = "manifest.parquet"
MANIFEST_KEY = b"emorec_manifest"  # of the metadata of the file: MANIFEST_VERSION
MANIFEST_VERSION = b"1"  # changes with every change that a reader would notice
MEDIA = {
    "item": "string",
    "source": "string",
    "status": "string",
    "error": "string",
    "duration": "float64",
    "seconds": "float64",
    "started": "string",
    "finished": "string",
    "persons": "int32",
    "face_share": "float64",
    "speech_share": "float64",
    "emorec_version": "string",
    "model": "string",
    "features": "string",
    "choices": "string",
}

# Columns and their types in Parquet; those of windows are written by ``output.parquet``.
PEOPLE = {
    "person": "int32",
    "name": "string",
    "seconds": "float64",  # on screen
    **dict.fromkeys(EMOTIONS, "float64"),  # shares of the time with evidence
    "unsure": "float64",
    "known_seconds": "float64",
    "confidence": "float64",
    "valence": "float64",
    "arousal": "float64",
}
HIGHLIGHTS = {
    "start": "float64",
    "end": "float64",
    "kind": "string",
    "emotion": "string",
    "strength": "float64",
    "text": "string",
    "reason": "string",
    "person": "int32",
}
MARKERS = {"time": "float64", "label": "string"}
NAMES = ("windows", "people", "highlights", "markers")
GRID = "grid"  # a table as windows, on whose rows highlights are found; only beside windows of another step
JSON_SCHEMA = 1  # version of NAME.json that is read: ``output.tables.JSON_SCHEMA``
