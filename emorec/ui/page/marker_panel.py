"""The visitor's markers: a file of times and labels, drawn in the chart, and the mean timeline around them."""

from __future__ import annotations

import functools
import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec import files
from emorec.annotation import Marker
from emorec.errors import EmorecError, listed
from emorec.inference.timeline import Timeline
from emorec.output import markers as marker_output
from emorec.output import result_names
from emorec.output.markers import AnyTimeline
from emorec.ui.api import user_errors
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.controls import markup
from emorec.ui.page.followups import Followups
from emorec.ui.service import Service

NOTHING_YET = "There is nothing to mark yet; analyse a recording first."
HOW = (
    "Times of your own, such as the moments of a stimulus, are drawn in the chart: a table with the columns time and "
    "label, SRT, ELAN, Praat, or labels of Audacity."
)
# Each marker is drawn, and the means of thousands of labels take minutes, in which other visitors wait.
MOST = 5_000  # markers of one recording
MAX_BYTES = 10_000_000  # of their file
TOO_MANY = (
    "The page draws at most {most} markers of a recording, and this file has {count}; leave some out, or use the "
    "command line, which takes more."
)
TOO_LARGE = "The page reads markers from files of at most {limit} MB; leave some out."
OUTSIDE = "Outside of what was analysed, and left out: {count} of {all}."
SUFFIX = ".markers.csv"
MAX_LABELS = 6  # that are named below the chart


@dataclass(frozen=True)
class PageMarkers:
    """The markers of the ``Analysis`` with this ``id``; for any other analysis there are none."""

    id: str = ""
    markers: tuple[Marker, ...] = ()

    def of(self, analysis: Analysis) -> tuple[Marker, ...]:
        """The markers of an analysis."""
        return self.markers if self.id == analysis.id else ()

    def on(self, analysis: Analysis, timeline: AnyTimeline) -> AnyTimeline:
        """The timeline of an analysis with its markers; those that lie outside of it are left out, with a note."""
        found = self.of(analysis)
        return marker_output.with_markers(timeline, found, shared=True) if found else timeline


def markers() -> SimpleNamespace:
    """The buttons for markers, and a caption."""
    with gr.Row(elem_id="markers"):
        load = gr.UploadButton("Add markers", size="sm", min_width=90, elem_id="load-markers")
        around = gr.Button(
            "Mean around markers (CSV)", size="sm", min_width=90, visible=False, elem_id="around-markers"
        )
        remove = gr.Button("Remove markers", size="sm", min_width=90, visible=False, elem_id="remove-markers")
    words = markup(f'<p class="caption">{HOW}</p>', elem_id="markers-words")
    return SimpleNamespace(load=load, around=around, remove=remove, words=words)


class MarkerHandlers:
    """The handlers of markers, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def load(self, file: Any, analysis: Analysis, timeline: Timeline | None, request: gr.Request) -> PageMarkers:
        """A file of markers was uploaded."""
        with user_errors():
            given = file[0] if isinstance(file, list) and file else file
            if not isinstance(given, dict) or timeline is None or analysis.features is None:
                raise EmorecError(NOTHING_YET)
            path = self.service.check_upload(given["path"], request)
            if os.path.getsize(path) > MAX_BYTES:
                raise EmorecError(TOO_LARGE.format(limit=MAX_BYTES // 1_000_000))
            markers = marker_output.parse_markers(path)
            if len(markers) > MOST:
                raise EmorecError(TOO_MANY.format(most=MOST, count=len(markers)))
            marker_output.with_markers(timeline, markers)  # raises EmorecError if all of them are outside
            return PageMarkers(analysis.id, markers)

    def remove(self, analysis: Analysis) -> PageMarkers:
        """The markers were removed."""
        return PageMarkers(analysis.id)

    def show(self, analysis: Analysis, marked: PageMarkers, timeline: Timeline | None) -> tuple:
        """After a redraw: the caption, and whether the buttons are shown that average and remove markers."""
        given, drawn = marked.of(analysis), timeline.markers if timeline else ()
        labels = [html.escape(files.shown(label)) for label in dict.fromkeys(each.label for each in drawn)]
        count = f"{len(drawn)} marker{'s' if len(drawn) > 1 else ''}"
        words = f"{count} in the chart: {listed(labels, MAX_LABELS)}." if drawn else HOW
        if drawn and len(given) > len(drawn):
            words += f" {OUTSIDE.format(count=len(given) - len(drawn), all=len(given))}"
        shown = gr.update(visible=bool(drawn))
        return f'<p class="caption" role="status">{words}</p>', shown, shown

    def around(self, analysis: Analysis, marked: PageMarkers, *, timeline: Timeline | None, request: gr.Request) -> str:
        """The mean timeline around the markers as a download."""
        session, own = request.session_hash or "", self.service.files
        with user_errors(), own.new_download(session, analysis.key) as folder:
            if timeline is None:
                raise EmorecError(NOTHING_YET)
            averages = marker_output.average_around(marked.on(analysis, timeline))
            file = folder / result_names.file_name(analysis.name, timeline, SUFFIX)
            files.write(file, marker_output.csv_text(averages).encode())
        return str(file)


def connect(
    parts: SimpleNamespace,
    session: SimpleNamespace,
    handlers: MarkerHandlers,
    after_draw: Followups,
    at_once: dict[str, Any],
    connect_download: Callable[[Callable[..., Any], Any, list[Any], gr.File], None],
    on_click: Callable[..., Any],
) -> None:
    """Connect the buttons.

    What is shown after a redraw is added to ``after_draw``; ``on_click`` is that of ``CurrentTimeline``.
    """
    panel = parts.results.markers
    # Not preprocessed: the handler first checks whose the file is.
    panel.load.upload(
        handlers.load,
        [panel.load, session.analysis, session.timeline],
        session.marked,
        preprocess=False,
        **at_once,
    )
    panel.remove.click(handlers.remove, session.analysis, session.marked, **at_once)
    click = functools.partial(on_click, panel.around)
    connect_download(click, handlers.around, [session.analysis, session.marked], parts.results.download)
    shown = [session.analysis, session.marked, session.timeline]
    after_draw.add(handlers.show, shown, [panel.words, panel.around, panel.remove])
