"""A comparison of a result with labels: numbers, text, files and a chart."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import files
from emorec._version import __version__
from emorec.agreement import text
from emorec.agreement.measures import Agreement, ComparisonData
from emorec.agreement.statistics import Estimate
from emorec.emotions import EMOTIONS
from emorec.output import spreadsheets

if TYPE_CHECKING:
    import altair as alt

COLUMNS = ("start", "end", "person", "label", "dominant", "confidence", "sure", "compared")
DIGITS = 6


@dataclass(frozen=True, repr=False)
class Comparison(ComparisonData):
    """A result beside the labels that people gave to the same recording; ``ComparisonData`` describes its attributes.

    Printed, it is a table. Every method that writes a file writes it completely or not at all, and raises EmorecError
    if it cannot be written.
    """

    def __str__(self) -> str:
        return text.comparison_text(self)

    def __repr__(self) -> str:
        return f"<Comparison of {self.result} with {self.labels}: alpha {self.every.alpha}, {self.every.rows} rows>"

    def to_dict(self) -> dict[str, Any]:
        """All numbers as plain JSON values, without the rows; docs/SCHEMA.md describes the keys."""
        shifts = zip(self.shift.tried, self.shift.kappas, strict=True)
        return {
            "emorec": __version__,
            "result": files.shown(self.result),
            "labels": files.shown(self.labels),
            "tier": self.tier,
            "seconds": _number(self.seconds),
            "labelled_seconds": _number(self.labelled_seconds),
            "compared_seconds": _number(self.compared_seconds),
            "compared_share": _number(self.compared_share),
            "emotions": list(EMOTIONS),
            "all": _agreement_dict(self.every),
            "sure": _agreement_dict(self.sure),
            "shift": {
                "seconds": _number(self.shift.seconds),
                "kappa": _number(self.shift.kappa),
                "kappa_as_given": _number(self.shift.kappa_as_given),
                "tried": [{"seconds": _number(each), "kappa": _number(value)} for each, value in shifts],
            },
            "notes": list(self.notes),
            "recordings": list(dict.fromkeys(map(files.shown, self.recordings.tolist()))),
        }

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """``to_dict`` as JSON text, also written to ``path`` if one is given. Raises EmorecError."""
        return _write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n", path)

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """Every row with its label as CSV text, also written to ``path`` if one is given. Raises EmorecError."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        many = len(self.recordings) > 0
        writer.writerow([*COLUMNS, *(["recording"] if many else [])])
        columns = (self.start, self.end, self.persons, self.label, self.dominant, self.confidence, self.is_sure)
        for row, (start, end, person, label, dominant, confidence, sure) in enumerate(zip(*columns, strict=True)):
            compared = str(bool(label and dominant)).lower()
            times = (round(float(start), DIGITS), round(float(end), DIGITS))
            cells = [*times, person, label, dominant, _number(confidence), str(bool(sure)).lower(), compared]
            writer.writerow([*cells, *([spreadsheets.cell(str(self.recordings[row]))] if many else [])])
        return _write_text(out.getvalue(), path)

    def plot(self) -> alt.VConcatChart:
        """An Altair chart: labels and result over time, confusion, calibration, and the fit of every shift."""
        from emorec.agreement import charts

        return charts.comparison_chart(self)

    def save_plot(self, path: str | PathLike[str]) -> None:
        """Save the chart as .png, .svg or .html, by the suffix of ``path``. Raises EmorecError."""
        from emorec.output import chart_files

        chart_files.check_suffix(Path(path))
        files.write_result(Path(path), chart_files.content(self.plot(), Path(path).suffix.lower()[1:]))


def _agreement_dict(agreement: Agreement) -> dict[str, Any]:
    measures = {
        name: _estimate_dict(getattr(agreement, name)) for name in ("alpha", "kappa", "accuracy", "mean_recall")
    }
    labelled, given = agreement.confusion.sum(axis=1), agreement.confusion.sum(axis=0)
    return {
        "rows": agreement.rows,
        "seconds": _number(agreement.seconds),
        "blocks": agreement.blocks,
        **measures,
        "classes": [
            {
                "emotion": name,
                "labelled": int(labelled[index]),
                "result": int(given[index]),
                "recall": _estimate_dict(agreement.recall[name]),
                "precision": _number(agreement.precision[name]),
            }
            for index, name in enumerate(EMOTIONS)
        ],
        "confusion": agreement.confusion.tolist(),
        "calibration": [
            {name: _number(value) if isinstance(value, float) else value for name, value in vars(each).items()}
            for each in agreement.calibration
        ],
        "calibration_error": _number(agreement.calibration_error),
    }


def _estimate_dict(estimate: Estimate) -> dict[str, float | None]:
    return {"value": _number(estimate.value), "low": _number(estimate.low), "high": _number(estimate.high)}


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(float(value), DIGITS)


def _write_text(text: str, path: str | PathLike[str] | None) -> str:
    if path is not None:
        files.write_result(Path(path), text.encode())
    return text
