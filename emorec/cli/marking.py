"""The options ``--markers`` and ``--marker_window``."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.annotation import Marker
    from emorec.extraction.features import Features
    from emorec.timeline import Timeline

SLACK = 1.0  # seconds by which a recording may be longer than its file states

WRONG_WINDOW = "The marker window {given!r} is no pair of seconds; write the time before and after, as in 5,10."


@dataclass(frozen=True, kw_only=True)
class MarkerOptions:
    """The markers that were given, and the time (s) before and after them that is averaged."""

    markers: tuple[Marker, ...]
    before: float
    after: float


def read_markers(options: argparse.Namespace) -> MarkerOptions | None:
    """Read the markers that the options name; None without any. Raises EmorecError."""
    if options.markers is None:
        return None
    from emorec.output import markers

    try:
        before, after = (abs(float(part)) for part in options.marker_window.split(","))
    except ValueError:
        raise EmorecError(WRONG_WINDOW.format(given=options.marker_window)) from None
    markers.check_window(before, after)
    return MarkerOptions(markers=markers.parse_markers(options.markers), before=before, after=after)


def check(given: MarkerOptions, features: Features) -> None:
    """Raise EmorecError if all markers lie outside of a recording that is analyzed as a whole.

    ``features`` may be incomplete: a length that the file states is known before it is decoded.
    """
    from emorec.output import markers

    # A length that is not stated grows with what was decoded.
    if features.duration > features.until and not markers.is_part(features.settings):
        markers.check_within(given.markers, 0.0, features.duration, SLACK)


def write(result: Timeline, given: MarkerOptions, folder: Path, name: str, with_chart: bool, locale: str) -> list[Path]:
    """Write the mean timeline around the markers as ``NAME.markers.csv``, and its chart; return the paths."""
    from emorec import files
    from emorec.output import markers

    averages = markers.average_around(result, given.before, given.after)
    written = [folder / f"{name}.markers.csv"]
    files.write_result(written[0], markers.csv_text(averages, locale).encode())
    if with_chart:
        from emorec.output import chart_files, charts, marker_charts

        title = Path(str(result.media.get("name", name))).name
        chart = marker_charts.around_chart(averages, title, charts.INK, charts.FONT)
        written.append(folder / f"{name}.markers.png")
        files.write_result(written[1], chart_files.content(chart, "png"))
    return written
