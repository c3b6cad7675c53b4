"""What happens when a file is chosen, when Analyze, Cancel or Delete is clicked, and when the page is closed.

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
from emorec.ui import fragments
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.jobs.job import Job, link_fetcher
from emorec.ui.page import live
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.page.progress import outcome, watch
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
        self.ending: dict[str, Job] = {}  # jobs that were stopped and may still store something, by session

    def choose_file(self, file: dict | None, source: str, analysis: Analysis, request: gr.Request) -> tuple:
        """Another file was chosen in the component ``source``, or its file was removed: show it, and forget the
        analysis of the last one. The field for files names no other file than the one that is shown."""
        if file is None and (analysis.running or analysis.source != source):
            return (gr.skip(),) * 7  # something else is shown
        with user_errors():
            path = self.service.check_upload(file["path"], request) if file else ""
            if path and (path, source) == (analysis.path, analysis.source):
                return (gr.skip(),) * 7  # a click on Analyze while it was uploaded has come first, and has taken it
            if analysis.running and source != FILE:
                raise EmorecError(BUSY)
        if analysis.running:
            gr.Warning(BUSY)
            return *(gr.skip(),) * 6, gr.update(value=analysis.path if analysis.source == FILE else None)
        return (
            Analysis(path=path, source=source),
            new_revision(),
            fragments.player(path),
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

        What the page shows as chosen is analysed: the file in its field if that names one, although the page may not
        have told of it yet.
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
            analysis = self._chosen(analysis, file, request)
        with user_errors():
            used = self.service.analyzers.chosen(checkpoint, active)
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
        # The note about another checkpoint has been followed; one about a wrong name stays with the name.
        note = "" if (checkpoint or "").strip() == active else gr.skip()
        # In the player's place may be what was said of another result, as that it has nothing to play.
        player = gr.skip() if analysis.path and analysis.path == before.path else fragments.player(analysis.path)
        waiting = fragments.progress("Waiting for a turn …")
        # Another recording has other persons, and none of its parts was chosen.
        other = (gr.skip(),) * 2 if analysis.id == before.id else (gr.update(choices=[ANYONE], value=ANYONE[1]), "")
        return analysis, new_revision(), note, waiting, *buttons(running=True), player, *other

    def _chosen(self, analysis: Analysis, file: dict | None, request: gr.Request) -> Analysis:
        """The file that the field shows, where something else was chosen before, or deleted."""
        if not file:
            if analysis.path:
                raise gr.Error(GONE, print_exception=False)
            raise gr.Error(NO_FILE, print_exception=False)
        if self.service.files.was_removed(file["path"]):
            raise gr.Error(GONE, print_exception=False)
        with user_errors():
            return Analysis(path=self.service.check_upload(file["path"], request), source=FILE)

    def _begin(self, analysis: Analysis, request: gr.Request) -> None:
        """Start the job of a click on Analyze. Not in ``run``, which a page that is loaded again does not ask for."""
        service, session = self.service, request.session_hash or ""
        analyzer = service.analyzers.get(analysis.checkpoint)
        fetch = None
        if analysis.link and not analysis.path:
            fetch = link_fetcher(analysis.link, service.files.folder(session), analysis.sound_only)
        job = service.start_job(analyzer, analysis.path, request, fetch, analysis.settings, analysis.checkpoint)
        service.watched[session] = job, analysis

    def run(self, request: gr.Request) -> Iterator[tuple]:
        """Show the progress of the job that ``start`` has begun; each new revision redraws the timeline."""
        found = self.service.watched.get(request.session_hash or "")
        if found is None:  # all was deleted meanwhile
            yield (gr.skip(),) * 4
        else:
            yield from self._show(*found, request)

    def resume(self, analysis: Analysis, request: gr.Request) -> Iterator[tuple]:
        """The page was loaded again: show the progress of the job that its browser has, if there is one."""
        found = self.service.watched.get(request.session_hash or "")
        if found is None or not analysis.running:
            yield (gr.skip(),) * 4
        else:
            yield from self._show(found[0], analysis, request)

    def _show(self, job: Job, analysis: Analysis, request: gr.Request) -> Iterator[tuple]:
        """Show the progress of a job until it ends. A page that is closed leaves it to run: it may only be reloaded."""
        service, session = self.service, request.session_hash or ""
        service.watched[session] = job, analysis
        kept = service.browsers.known(service.browsers.owner(session))
        with contextlib.closing(watch(job, analysis, stops=not kept)) as updates:  # type: ignore[type-var]
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
                    player = fragments.player(analysis.path)
                if analysis.problem:
                    gr.Warning(html.escape(analysis.problem))
                yield analysis, revision, words, player

    def present(self, job: Job, analysis: Analysis) -> Analysis:
        """The Analysis of a job that a closed page has left, as it is now."""
        return replace(analysis, running=True, path=str(job.path), facts=job.facts, features=None)

    def cancel(self, request: gr.Request) -> tuple:
        """Cancel was clicked; the page until the job has stopped."""
        if found := self.service.watched.get(request.session_hash or ""):
            found[0].stop()
        return fragments.progress("Stopping …"), gr.update(interactive=False)

    def finish(self, analysis: Analysis, request: gr.Request) -> tuple:
        """A job has ended: say how."""
        session = request.session_hash or ""
        if found := self.service.watched.pop(session, None):
            self.ending[session] = found[0]
        return replace(analysis, running=False), outcome(analysis), *buttons(running=False)

    def finish_resumed(self, analysis: Analysis, request: gr.Request) -> tuple:
        """The page was loaded, and if it found an analysis again, that has ended."""
        return self.finish(analysis, request) if analysis.running else (gr.skip(),) * 5

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
            fragments.player(None),
            gr.update(choices=[ANYONE], value=ANYONE[1]),
            "",  # the part that was shown
            Edited(),
            Marked(),
            *live.emptied(),
            "",  # link
            "",  # faces
            None,  # download
        )


def buttons(running: bool) -> tuple:
    """Updates of the file input, Analyze and Cancel."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(interactive=running)
