"""The result of an analysis as a library gives it: a table, files, a chart, and its display in notebooks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emorec import files
from emorec.inference import timeline as inference
from emorec.output import dataframe, formats
from emorec.output import markers as marker_output
from emorec.output.highlights import MAX_OF_KIND, Highlight, find_highlights
from emorec.output.markers import Around, MarkersLike
from emorec.output.negative import COUNT, SECONDS, most_negative
from emorec.output.summary import sentence

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd  # pyright: ignore[reportMissingTypeStubs]


@dataclass(frozen=True, repr=False, eq=False)
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

    def to_csv(self, path: str | PathLike[str] | None = None, locale: str = "en") -> str:
        """The rows as CSV text, also written to ``path`` if one is given; docs/SCHEMA.md describes the columns.

        ``locale`` is "en", or "de" for semicolons and decimal commas. Raises EmorecError for another one.
        """
        return self._text("csv", path, locale)

    def to_tsv(self, path: str | PathLike[str] | None = None, locale: str = "en") -> str:
        """The rows as text with tabs between the cells, else as ``to_csv``."""
        return self._text("tsv", path, locale)

    def to_json(self, path: str | PathLike[str] | None = None) -> str:
        """Everything as JSON text, also written to ``path`` if one is given; docs/SCHEMA.md describes the keys."""
        return self._text("json", path)

    def to_srt(self, path: str | PathLike[str] | None = None) -> str:
        """SubRip subtitles as text, also written to ``path`` if one is given: one cue for each run of an emotion."""
        return self._text("srt", path)

    def to_vtt(self, path: str | PathLike[str] | None = None) -> str:
        """WebVTT subtitles as text, also written to ``path`` if one is given: one cue for each run of an emotion."""
        return self._text("vtt", path)

    def to_eaf(self, path: str | PathLike[str] | None = None) -> str:
        """An ELAN document as text, also written to ``path`` if one is given: a tier a person and modality."""
        return self._text("eaf", path)

    def to_textgrid(self, path: str | PathLike[str] | None = None) -> str:
        """A Praat TextGrid as text, also written to ``path`` if one is given: a tier a person and modality."""
        return self._text("textgrid", path)

    def to_audacity(self, path: str | PathLike[str] | None = None) -> str:
        """Audacity labels as text, also written to ``path`` if one is given: one for each run of an emotion."""
        return self._text("audacity", path)

    def to_rttm(self, path: str | PathLike[str] | None = None) -> str:
        """Who speaks when as RTTM text, also written to ``path`` if one is given."""
        return self._text("rttm", path)

    def to_emotionml(self, path: str | PathLike[str] | None = None) -> str:
        """EmotionML as text, also written to ``path`` if one is given: one ``emotion`` for each run of one."""
        return self._text("emotionml", path)

    def to_parquet(self, path: str | PathLike[str]) -> None:
        """Write the columns of ``to_dataframe`` as a Parquet file. Raises EmorecError if pyarrow is not installed."""
        self.save(path, "parquet")

    def to_xlsx(self, path: str | PathLike[str]) -> None:
        """Write an Excel workbook with the sheets windows, people, highlights and choices.

        Raises EmorecError if openpyxl is not installed.
        """
        self.save(path, "xlsx")

    def save(self, path: str | PathLike[str], format: str | None = None) -> None:
        """Write the timeline in a format: that of the suffix of ``path``, or the named one ("csv", "eaf", ...).

        docs/SCHEMA.md lists formats and suffixes. Raises EmorecError if there is no such format.
        """
        formats.find_format(Path(path), format).write(self, Path(path))

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

    def highlights(self, max_of_kind: int | None = MAX_OF_KIND) -> list[Highlight]:
        """What stands out, in order of time: peaks, lasting changes, disagreement of face and voice, low confidence,
        and changes of person. ``max_of_kind`` limits the number of each; None gives all.
        """
        return find_highlights(self, max_of_kind)

    def most_negative(self, count: int | None = COUNT, seconds: float = SECONDS) -> list[Highlight]:
        """The ``count`` stretches of ``seconds`` with the lowest mean valence, lowest first; None gives all.

        Only those with a valence below 0 count, so there may be none. They do not overlap; a recording that is shorter
        is one stretch.
        """
        return most_negative(self, count, seconds)

    def with_markers(self, markers: MarkersLike, *, shared: bool = False) -> Self:
        """The same timeline with markers of your own, which the chart shows and ``around`` averages over.

        ``markers`` is a file (a table with the columns time and label, labels of Audacity, SRT, ELAN or Praat), or
        pairs of a time (s) and a label. Markers outside of what was analysed are left out, with a note; if the markers
        are ``shared`` by several recordings, all of them may be. Raises EmorecError if they cannot be read, and if they
        are not shared and none lies inside.
        """
        return marker_output.with_markers(self, markers, shared)

    def around(
        self,
        markers: MarkersLike | None = None,
        before: float = marker_output.BEFORE,
        after: float = marker_output.AFTER,
    ) -> list[Around]:
        """The mean timeline from ``before`` to ``after`` (s) around the markers of each label, with 95 % intervals.

        ``markers`` is as in ``with_markers``; None takes those of the timeline. Raises EmorecError.
        """
        return marker_output.average_around(self if markers is None else self.with_markers(markers), before, after)

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

    def _text(self, name: str, path: str | PathLike[str] | None, *settings: str) -> str:
        text = formats.FORMATS[name].content(self, *settings)
        assert isinstance(text, str)
        if path is not None:
            files.write_result(Path(path), text.encode())
        return text
