"""The files of a result that the page offers for download."""

from dataclasses import replace
from pathlib import Path

from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.models.checkpoint import Checkpoint
from emorec.output import charts, formats, names, report, result_names
from emorec.ui.wording import on_page

# For each kind of download: what follows the recording's name, and the text of the button.
DOWNLOADS = {
    "csv": (".csv", "CSV"),
    "json": (".json", "JSON"),
    "srt": (".srt", "Subtitles (SRT)"),
    "vtt": (".vtt", "Subtitles (VTT)"),
    "png": (".png", "Chart (PNG)"),
    "svg": (".svg", "Chart (SVG)"),
    "html": (".chart.html", "Chart (HTML)"),
    "report": (names.REPORTS[False], "Report"),
}
COMMAS = "csv-de"  # CSV with semicolons and decimal commas
HIDDEN = "report-hidden"  # a report with hidden faces
# The same for the kinds that are offered in a list.
MORE = {
    COMMAS: (".de.csv", "CSV with decimal commas"),
    HIDDEN: (names.REPORTS[True], "Report with hidden faces"),
    **{
        name: (form.suffix, form.words)
        for name, form in formats.FORMATS.items()
        if name not in DOWNLOADS and form.available
    },
}


def write_download(
    kind: str, timeline: Timeline, name: str, model: Checkpoint | None, folder: Path, features: Features | None = None
) -> Path:
    """Write a timeline as one of DOWNLOADS or MORE into a folder; returns the file's path. Raises EmorecError.

    ``model`` made the timeline from ``features``, which have the pictures of a report; both may be None if unknown.
    """
    file = folder / result_names.file_name(name, timeline, (DOWNLOADS | MORE)[kind][0])
    if kind in formats.FORMATS:
        formats.FORMATS[kind].write(timeline, file)
    elif kind == COMMAS:
        formats.FORMATS["csv"].write(timeline, file, "de")
    elif kind in ("report", HIDDEN):
        # The notes of the library name options of the command line, which a visitor does not have.
        reported = replace(timeline, notes=tuple(map(on_page, timeline.notes)))
        report.write(reported, file, model, features, blur=kind == HIDDEN)
    else:
        charts.save(timeline, file)
    return file
