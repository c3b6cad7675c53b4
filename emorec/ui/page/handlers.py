"""The handlers for the choice of a file, for Analyze, Cancel and Delete, and for a page that is closed.

Each handler takes the values of components and returns new ones; ``connections`` names these components.
"""

import contextlib
import html
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import gradio as gr

from emorec.errors import EmorecError
from emorec.ui import file_fragments, fragments
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.jobs.job import Job, link_fetcher
from emorec.ui.page import live
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.progress import outcome, watch
from emorec.ui.page.waiting import Waiting
from emorec.ui.service import Service

NO_FILE = "Choose a video or audio file first."
GONE = "The chosen file is not kept any more; choose it again."
NO_LINK = "Paste a link first, one that begins with http:// or https://."
FILE = "file"  # the component for files; the others record one
DELETED = "Your recordings, their results and what was stored of them are deleted."


class JobHandlers:
    """The handlers of what starts, runs and ends an analysis, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service
        # By session, jobs that have ended or were stopped and may still store features, and the ``id`` of the analysis.
        self.ending: dict[str, tuple[Job, str]] = {}
        self.waiting = Waiting()

    def choose_file(self, file: dict | None, source: str, analysis: Analysis, request: gr.Request) -> tuple:
        """A file was chosen in the component ``source``, or removed there: show it instead of the last analysis.

        The field for files is emptied if the file comes from another component.
        """
        if file is None and (analysis.running or analysis.source != source):
            return (gr.skip(),) * 7  # the page shows another file
        with user_errors():
            path = self.service.check_upload(file["path"], request) if file else ""
            if path and (path, source) == (analysis.path, analysis.source):
                return (gr.skip(),) * 7  # Analyze was clicked during the upload, and ``start`` has taken the file
            if analysis.running and source != FILE:
                raise EmorecError(BUSY)
        if analysis.running:
            gr.Warning(BUSY)
            return *(gr.skip(),) * 6, gr.update(value=analysis.path if analysis.source == FILE else None)
        return (
            Analysis(path=path, source=source),
            new_revision(),
            file_fragments.player(path),
            "",
            gr.update(choices=[ANYONE], value=ANYONE[1]),
            "",  # the part that was shown of another recording
            gr.skip() if source == FILE else gr.update(value=None),
        )

    def start(
        self,
        analysis: Analysis,
        link: str | None,
        tab: str,
        fusion: str,
        checkpoint: str,
        active: str,
        track: int | None,
        channel: str,
        start: str,
        end: str,
        video_track: int | None,
        rotate: int,
        file: dict | None,
        request: gr.Request,
    ) -> tuple:
        """Analyze was clicked: check the input, start its job, and show that it waits in the queue.

        The file in the field for files is analysed, also if ``choose_file`` was not called for it yet.
        """
        session = request.session_hash or ""
        if (found := self.service.watched.get(session)) and found[0].running:
            gr.Warning(BUSY)
            return found[1], new_revision(), *(gr.skip(),) * 2, *buttons(running=True), *(gr.skip(),) * 3
        link, before = (link or "").strip(), analysis
        if tab == "link":
            if not link:
                raise gr.Error(NO_LINK, print_exception=False)
            sound_only = fusion == "voice"
            if link != analysis.link or (analysis.sound_only and not sound_only):
                analysis = Analysis(link=link, sound_only=sound_only)
            elif analysis.path and not Path(analysis.path).is_file():
                analysis = replace(analysis, path="")  # it was removed, and is fetched again
        elif (file and os.path.realpath(file["path"]) != analysis.path) or not Path(analysis.path).is_file():
            analysis = self._file_of_field(analysis, file, request)
        with user_errors():
            used = self.service.analyzers.choose(checkpoint, active)
            settings = validation.settings(
                fusion,
                audio_track=track,
                video_track=video_track,
                channel=channel,
                start=start,
                end=end,
                rotate=rotate,
            )
            service, visitor = self.service, self.service.visitor(request)
            if analysis.path:
                service.queue.check_capacity(visitor)
            else:
                service.link_queue.check_capacity(visitor)
                service.files.check_space(visitor.session)
            analysis = replace(
                analysis, running=True, problem="", features=None, stored=False, settings=settings, checkpoint=used
            )
            self._begin(analysis, request)
        # A note about another checkpoint is done with; one about a wrong name stays beside the name.
        note = "" if (checkpoint or "").strip() == active else gr.skip()
        # In place of the player may be a sentence about another result, such as one that has nothing to play.
        player = gr.skip() if analysis.path and analysis.path == before.path else file_fragments.player(analysis.path)
        waiting = fragments.progress("Waiting for a turn …")
        # Another recording has other persons, and is shown whole.
        person_and_part = (
            (gr.skip(),) * 2 if analysis.id == before.id else (gr.update(choices=[ANYONE], value=ANYONE[1]), "")
        )
        return analysis, new_revision(), note, waiting, *buttons(running=True), player, *person_and_part

    def _file_of_field(self, analysis: Analysis, file: dict | None, request: gr.Request) -> Analysis:
        """The analysis of the file in the field, if another one was chosen before, or deleted. Raises ``gr.Error``."""
        if not file:
            if analysis.path:
                raise gr.Error(GONE, print_exception=False)
            raise gr.Error(NO_FILE, print_exception=False)
        if self.service.files.was_removed(file["path"]):
            raise gr.Error(GONE, print_exception=False)
        with user_errors():
            return Analysis(path=self.service.check_upload(file["path"], request), source=FILE)

    def _begin(self, analysis: Analysis, request: gr.Request) -> None:
        """Start the job of a click on Analyze; not in ``run``, which a page that is reloaded does not call."""
        service, session = self.service, request.session_hash or ""
        analyzer = service.analyzers.get(analysis.checkpoint)
        fetch = None
        if analysis.link and not analysis.path:
            fetch = link_fetcher(analysis.link, service.files.folder(session), analysis.sound_only)
        job = service.start_job(analyzer, analysis.path, request, fetch, analysis.settings, analysis.checkpoint)
        service.watched[session] = job, analysis

    def run(self, request: gr.Request) -> Iterator[tuple]:
        """Show the progress of the job that ``start`` has begun; each new revision redraws the timeline."""
        session = request.session_hash or ""
        found = self.service.watched.get(session)
        with self.waiting.of(session) as may_wait:
            if found is None or not may_wait:  # all was deleted meanwhile, or the page shows the progress already
                yield (gr.skip(),) * 4
            else:
                yield from self._show(*found, request)

    def resume(self, analysis: Analysis, request: gr.Request) -> Iterator[tuple]:
        """The page was reloaded: show the progress of the job of its browser, if there is one."""
        session = request.session_hash or ""
        found = self.service.watched.get(session)
        with self.waiting.of(session) as may_wait:
            if found is None or not analysis.running or not may_wait:
                yield (gr.skip(),) * 4
            else:
                yield from self._show(found[0], analysis, request)

    def _show(self, job: Job, analysis: Analysis, request: gr.Request) -> Iterator[tuple]:
        """Show the progress of a job until it ends. It goes on if the page is closed, which may be a reload."""
        service, session = self.service, request.session_hash or ""
        service.watched[session] = job, analysis
        may_return = service.browsers.is_known(service.browsers.owner(session))
        with contextlib.closing(watch(job, analysis, stops=not may_return)) as updates:  # type: ignore[type-var]
            for update in updates:
                if update is None:
                    yield (gr.skip(),) * 4
                    continue
                before = analysis
                analysis, words = update
                if session in service.watched:  # another page of the browser may have taken it over
                    service.watched[session] = job, analysis
                elif job.asked_to_stop:
                    return  # all was deleted, also on another page
                revision = new_revision() if analysis.features is not before.features else gr.skip()
                player = gr.skip()
                if analysis.path != before.path:
                    service.files.add(session, analysis.path)
                    player = file_fragments.player(analysis.path)
                if analysis.problem:
                    gr.Warning(html.escape(analysis.problem))
                yield analysis, revision, words, player

    def present(self, job: Job, analysis: Analysis) -> Analysis:
        """The Analysis of a job that a closed page has started, as it is now."""
        return replace(analysis, running=True, path=str(job.path), facts=job.facts, features=None)

    def cancel(self, request: gr.Request) -> tuple:
        """Cancel was clicked: stop the job, and show this until it has stopped."""
        if found := self.service.watched.get(request.session_hash or ""):
            found[0].stop()
        return fragments.progress("Stopping …"), gr.update(interactive=False)

    def finish(self, analysis: Analysis, request: gr.Request) -> tuple:
        """A job has ended: show how."""
        session = request.session_hash or ""
        if found := self.service.watched.pop(session, None):
            self.ending[session] = found[0], analysis.id
        return replace(analysis, running=False), outcome(analysis), *buttons(running=False)

    def settle(self, analysis: Analysis, request: gr.Request) -> Analysis:
        """The analysis that the page shows, with the last features of its job, which came after it was stopped."""
        job, name = self.ending.pop(request.session_hash or "", (None, ""))
        if job is None or name != analysis.id or analysis.running or job.features is None:
            return analysis
        return analysis if job.features is analysis.features else replace(analysis, features=job.features)

    def leave(self, request: gr.Request) -> None:
        """The browser has closed the page."""
        self.ending.pop(request.session_hash or "", None)
        self.service.end_session(request.session_hash or "")

    def delete(self, request: gr.Request) -> tuple:
        """Deletion was confirmed: delete the session's recordings, results and stored features, and empty the page."""
        problems = self.service.delete_session_data(request.session_hash or "")
        for problem in problems:
            gr.Warning(html.escape(problem))
        if not problems:
            gr.Info(DELETED)
        _, *analyze_and_cancel = buttons(running=False)
        return (
            Analysis(),
            new_revision(),
            None,  # webcam
            None,  # microphone
            None,  # picture
            "",  # status
            gr.update(value=None, interactive=True),  # file
            *analyze_and_cancel,
            file_fragments.player(None),
            gr.update(choices=[ANYONE], value=ANYONE[1]),
            "",  # the part that was shown
            PeopleEdits(),
            PageMarkers(),
            *live.emptied(),
            "",  # link
            "",  # faces
            None,  # download
        )


def buttons(running: bool) -> tuple:
    """Updates of the file input, Analyze and Cancel."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(interactive=running)
