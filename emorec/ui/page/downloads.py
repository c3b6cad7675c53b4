"""The files that a session can take away, each written when it is asked for."""

from emorec.output import charts, report, tables

# What follows the recording's name, and the words of the button.
KINDS = {
    "csv": (".csv", "CSV"),
    "json": (".json", "JSON"),
    "srt": (".srt", "Subtitles (SRT)"),
    "vtt": (".vtt", "Subtitles (VTT)"),
    "png": (".png", "Chart (PNG)"),
    "svg": (".svg", "Chart (SVG)"),
    "html": (".chart.html", "Chart (HTML)"),
    "report": (".report.html", "Report"),
}


def write(kind, timeline, name, model, folder):
    """Write a timeline as one of KINDS into a folder; the file's path."""
    file = folder / tables.file_name(name, timeline, KINDS[kind][0])
    if kind in tables.WRITERS:
        tables.WRITERS[kind](timeline, file)
    elif kind == "report":
        report.write(timeline, file, model.evaluation, model.training)
    else:
        charts.save(timeline, file)
    return file
