"""The annotated video on the page: its buttons, and the handlers that write it and show the progress."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.output import result_names, video
from emorec.ui import fragments
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.jobs.writing import Writing
from emorec.ui.page.analysis import Analysis, cut_to_part
from emorec.ui.page.controls import markup
from emorec.ui.page.current_timeline import CurrentTimeline
from emorec.ui.page.followups import Followups
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.result_handlers import NOTHING_YET
from emorec.ui.server.limits import VIDEOS
from emorec.ui.service import Service

CLOSING = 5.0  # seconds in which a video that was stopped closes its file
POLL = 0.5  # seconds between two checks of a video that is being written
HOW = "The recording as a video, with a box, a name and an emotion at every face, and the timeline below:"
GONE = "The recording itself is not kept here any more, so there is no video to write; analyse it again."
STOPPED = "Stopped; nothing was kept."
RUNNING = "A video is being written already; wait until it is done, or stop it first."
WRITTEN = "The video is written; the browser saves it."


def controls() -> SimpleNamespace:
    """The buttons for the annotated video, and its status."""
    with gr.Row(elem_id="video"):
        markup(f'<p class="caption">{HOW}</p>')
        boxes = gr.Button("Video with boxes (MP4)", size="sm", min_width=90, elem_id="video-boxes")
        hidden = gr.Button("Video with hidden faces (MP4)", size="sm", min_width=90, elem_id="video-hidden")
        stop = gr.Button("Stop writing", size="sm", min_width=90, visible=False, elem_id="video-stop")
        status = markup(elem_id="video-status")
    return SimpleNamespace(boxes=boxes, hidden=hidden, stop=stop, status=status)


class VideoHandlers:
    """The handlers of the annotated video, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service
        self._queue = JobQueue(VIDEOS)

    def write(
        self,
        hide: bool,
        analysis: Analysis,
        part: str,
        only: bool,
        edited: PeopleEdits,
        *,
        timeline: Timeline | None,
        request: gr.Request,
    ) -> Iterator[tuple]:
        """A button was clicked: write the video, show the progress, and at the end return its path."""
        features = edited.features(analysis)
        if (request.session_hash or "") in self.service.writings:
            gr.Warning(RUNNING)
            yield None, *[gr.skip()] * 4  # the status and the buttons belong to the video that is being written
            return
        problem = self._refused(analysis, timeline, features)
        if problem or timeline is None or features is None:
            yield None, fragments.callout(problem or NOTHING_YET), *_offered()
            return
        session, files = request.session_hash or "", self.service.files
        cut = cut_to_part(timeline, part, only)
        try:
            with files.new_download(session, analysis.key) as folder:
                file = folder / result_names.file_name(
                    analysis.name, cut, ".faces-hidden.mp4" if hide else ".faces.mp4"
                )
                write = functools.partial(_write, analysis.path, features, timeline, cut, file, hide)
                writing = Writing(
                    write, self._queue, self.service.visitor(request), self.service.client_gone(request, stays=False)
                )
                writing.key = analysis.key
                kept = yield from self._show_progress(session, writing)
                if writing.stopped or writing.problem or not kept:
                    raise EmorecError(writing.problem or STOPPED)
        except EmorecError as error:
            yield None, fragments.callout(str(error)), *_offered()
            return
        yield str(file), f'<p class="caption" role="status">{WRITTEN}</p>', *_offered()

    def _show_progress(self, session: str, writing: Writing) -> Generator[tuple, None, bool]:
        """Show the progress of a video until it is written; closing the generator stops it.

        Returns False if the visitor has deleted everything meanwhile.
        """
        self.service.writings[session] = writing
        try:
            yield None, _progress(writing), *_offered(running=True)
            while not writing.wait(POLL):
                self.service.files.use(session)  # a visitor who waits is not idle
                yield None, _progress(writing), *[gr.skip()] * 3
        finally:
            kept = self.service.writings.pop(session, None) is writing
            writing.stop()
            writing.wait(CLOSING)
        return kept

    def stop(self, request: gr.Request) -> None:
        """Stop writing the video, if one is being written."""
        if writing := self.service.writings.get(request.session_hash or ""):
            writing.stop()

    def drawn(self, request: gr.Request) -> Any:
        """Another result is drawn: empty the status of the last video, unless one is being written."""
        return gr.skip() if (request.session_hash or "") in self.service.writings else ""

    def _refused(self, analysis: Analysis, timeline: Timeline | None, features: Features | None) -> str:
        """Why there can be no video, as a sentence; "" if there can."""
        if timeline is None or (features is None and analysis.rows is None):
            return NOTHING_YET
        if features is None or not Path(analysis.path).is_file():
            return GONE
        return ""


def _write(
    media: str,
    features: Features,
    timeline: Timeline,
    cut: Timeline,
    file: Path,
    hide: bool,
    progress: Callable[[float], None],
) -> None:
    """Write the video of the part ``cut`` of a timeline; ``progress`` is called with the share that is written."""
    begin, end = (features.start, features.until) if cut is timeline else (float(cut.start[0]), float(cut.end[-1]))

    def report(time: float) -> None:
        progress(min(max((time - begin) / max(end - begin, 1e-9), 0.0), 1.0))

    part = None if cut is timeline else (begin, end)
    video.save(media, features, timeline, file, blur=hide, names=features.names, progress=report, part=part)


def _progress(writing: Writing) -> str:
    if writing.files_ahead:
        return fragments.progress("Waiting until another video is written …")
    return fragments.progress("Writing the video …", writing.share, "Video")


def _offered(running: bool = False) -> tuple:
    """Updates of the two buttons that write, and of the one that stops."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(visible=running)


def connect(
    parts: SimpleNamespace,
    session: SimpleNamespace,
    handlers: VideoHandlers,
    quiet: dict[str, Any],
    save: str,
    after_draw: Followups,
    current: CurrentTimeline,
) -> None:
    """Connect the buttons.

    ``save`` is the script with which the browser saves a file. What is shown after a redraw is added to
    ``after_draw``; ``current`` infers the timeline before a video is written.
    """
    panel, results = parts.results.video, parts.results
    shown = [session.analysis, results.part, results.only, session.edited]
    given = [results.download, panel.status, panel.boxes, panel.hidden, panel.stop]
    for button, hide in ((panel.boxes, False), (panel.hidden, True)):
        current.on_click(
            button, handlers.write, [gr.State(hide), *shown], given, concurrency_limit=None, **quiet
        ).success(None, results.download, None, js=save, **quiet)
    after_draw.add(handlers.drawn, [], [panel.status])
    panel.stop.click(handlers.stop, None, None, concurrency_limit=None, **quiet)
