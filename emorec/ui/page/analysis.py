"""The analysis that a session shows: its state, its persons, its timeline, and the files to download."""

import mimetypes
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from emorec.analyzer import Analyzer
from emorec.extraction.features import Features
from emorec.extraction.options import WHOLE, Settings
from emorec.inference.timeline import Timeline
from emorec.models.checkpoint import Checkpoint
from emorec.output import charts, report, tables

MAX_PERSONS = 12  # in the list of persons; those seen most
ANYONE = ("the person seen most", -1)  # text and value of the choice of no person

# For each kind of download: what follows the recording's name, and the text of the button.
DOWNLOADS = {
    "csv": (".csv", "CSV"),
    "json": (".json", "JSON"),
    "srt": (".srt", "Subtitles (SRT)"),
    "vtt": (".vtt", "Subtitles (VTT)"),
    "png": (".png", "Chart (PNG)"),
    "svg": (".svg", "Chart (SVG)"),
    "html": (".chart.html", "Chart (HTML)"),
    "report": (".report.html", "Report"),
}


@dataclass(frozen=True, eq=False)
class Analysis:
    """A recording and what is known of it so far.

    ``path`` or ``link``: the recording; ``facts``: the source of a link's recording, and ``sound_only``: whether its
    pictures were not downloaded. ``checkpoint``: the name of the checkpoint that extracted ``features``; ``settings``:
    which part of the recording they cover; ``stored``: whether all of them were found in the cache; ``seconds``: how
    long the job took; ``problem``: a sentence if it failed; ``title``: the name of a recording that is no file.
    """

    path: str = ""
    link: str = ""
    checkpoint: str = ""
    features: Features | None = None
    running: bool = False
    seconds: float = 0.0
    stored: bool = False
    problem: str = ""
    facts: dict = field(default_factory=dict)
    sound_only: bool = False
    settings: Settings = WHOLE
    title: str = ""

    @property
    def pictures_ignored(self) -> bool:
        """Whether the recording may have pictures that were not analysed."""
        kind = mimetypes.guess_type(self.path)[0] or ""
        return self.sound_only or not (self.settings.faces or kind.startswith("audio/"))

    @property
    def name(self) -> str:
        """The name for downloads, without a suffix."""
        return Path(self.path).stem or self.title or "emorec"


def persons(features: Features) -> list[tuple[str, int]]:
    """The choices of a person, as (text, number): ANYONE, then the persons seen most."""
    arrays = features.arrays
    frames = max(len(arrays["frame_time"]), 1)
    found = features.persons[:MAX_PERSONS]
    shares = {number: (arrays["face_person"] == number).sum() / frames for number in found}
    return [ANYONE, *((f"person {number}, in {share:.0%}", number) for number, share in shares.items())]


def draw(
    analyzer: Analyzer, features: Features, style: str = "stacked", facts: dict | None = None, **choices: Any
) -> tuple[Timeline, Any]:
    """The timeline of features, and its Altair chart for the page; ``facts`` is the source of the recording.

    ``choices`` are those of ``Analyzer.infer``. Raises EmorecError.
    """
    timeline = analyzer.infer(features, **choices)
    timeline = replace(timeline, media=timeline.media | (facts or {}))
    return timeline, charts.timeline_chart(timeline, legend=False, style=style)


def write_download(kind: str, timeline: Timeline, name: str, model: Checkpoint, folder: Path) -> Path:
    """Write a timeline as one of DOWNLOADS into a folder; returns the file's path. Raises EmorecError."""
    file = folder / tables.file_name(name, timeline, DOWNLOADS[kind][0])
    if kind in tables.WRITERS:
        tables.WRITERS[kind](timeline, file)
    elif kind == "report":
        report.write(timeline, file, model.evaluation, model.training)
    else:
        charts.save(timeline, file)
    return file
