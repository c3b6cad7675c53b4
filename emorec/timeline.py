"""The result of an analysis as a library gives it: a table, files, a chart, and its display in notebooks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec.inference import timeline as inference
from emorec.output import dataframe, subtitles, tables
from emorec.output.highlights import Highlight, find_highlights
from emorec.output.summary import sentence

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True, repr=False)
class Timeline(inference.Timeline):
    """Emotions over time, with one row per step; ``emorec.inference.timeline.Timeline`` describes the arrays.

    A notebook shows it as a chart. Every method that writes a file writes it completely or not at all, makes missing
    folders, and raises EmorecError if it cannot be written.
    """

    @classmethod
    def of(cls, timeline: inference.Timeline) -> Timeline:
        """The same timeline with these methods, also those of each person."""
        values: dict[str, Any] = {field.name: getattr(timeline, field.name) for field in fields(timeline)}
        values["people"] = tuple(cls.of(person) for person in timeline.people)
        return cls(**values)

    def to_dataframe(self) -> pd.DataFrame:
        """A tidy pandas data frame with one row per step, about the person in the column ``person``.

        Times are in seconds; docs/SCHEMA.md describes the columns. Timelines of several persons of one recording can
        be put together with ``pandas.concat``. Raises EmorecError if pandas is not installed.
        """
        return dataframe.dataframe(self)

    def to_csv(self, path: str | PathLike[str] | None = None) -> str:
        """The rows as CSV text, also written to ``path`` if one is given; docs/SCHEMA.md describes the columns."""
        return self._text(tables.csv_text(self), path)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Everything as JSON text, also written to ``path`` if one is given; docs/SCHEMA.md describes the keys."""
        return self._text(tables.json_text(self), path)

    def to_srt(self, path: str | PathLike[str] | None = None) -> str:
        """SubRip subtitles as text, also written to ``path`` if one is given: one cue for each run of an emotion."""
        return self._text(subtitles.srt_text(self), path)

    def to_vtt(self, path: str | PathLike[str] | None = None) -> str:
        """WebVTT subtitles as text, also written to ``path`` if one is given: one cue for each run of an emotion."""
        return self._text(subtitles.vtt_text(self), path)

    def plot(self, style: str = "stacked") -> alt.LayerChart:
        """An Altair chart over time, with the evidence below.

        ``style`` is "stacked" or "lines" for the probabilities, or "valence_arousal" for what is derived from them.

        Raises EmorecError for another style.
        """
        from emorec.output import charts  # Altair takes half a second to import, and most analyses draw nothing

        return charts.notebook_chart(self, style)

    def save_plot(self, path: str | PathLike[str], style: str = "stacked") -> None:
        """Save the chart as .png, .svg or .html (by the suffix of ``path``); the HTML needs no network.

        ``style`` is that of ``plot``.
        """
        from emorec.output import charts

        charts.save(self, Path(path), style)

    def highlights(self) -> list[Highlight]:
        """The strongest peaks, changes, and disagreements of face and voice, in order of time."""
        return find_highlights(self)

    def __repr__(self) -> str:
        return f"<{sentence(self)}>"

    def _repr_html_(self) -> str:
        from emorec.output import notebook

        return notebook.html_text(self)

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        from emorec.output import notebook

        bundle = notebook.mimebundle(self)
        wanted = [name for name in bundle if not include or name in include]
        return {name: bundle[name] for name in wanted if not exclude or name not in exclude}

    def _text(self, text: str, path: str | PathLike[str] | None) -> str:
        if path is not None:
            tables.write_text(text, Path(path))
        return text
