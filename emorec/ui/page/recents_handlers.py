"""The handlers of a page that is loaded, and of the list of recent analyses: open, delete one, delete all.

A script writes what was pressed into a text field as "DO NAME #NUMBER". The number makes each request different from
the last one, and the answer repeats it, so that the script sends one request after the other.
"""

import html
import json
import secrets
import time
from pathlib import Path
from typing import Any

import gradio as gr

from emorec.errors import EmorecError
from emorec.ui import file_fragments, fragments
from emorec.ui.page import live, recents, stored_choices
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision
from emorec.ui.page.handlers import JobHandlers, buttons
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.recordings import Figures
from emorec.ui.page.recordings_handlers import LIST, RecordingsHandlers
from emorec.ui.page.waiting import Waiting
from emorec.ui.server import log
from emorec.ui.service import Service
from emorec.ui.sessions.recents import Recent

OPENED = "Opened {name}, analysed before: {length}."
NO_FILE = '<div class="empty">The recording itself is not kept any more; what was read from it is.</div>'
STOPS_WITHIN = 30.0  # seconds; a job checks after every segment whether it was stopped
POLL = 0.2
LISTS = 1 + LIST  # values of ``both``
CHANGED = 9 + len(stored_choices.NAMES)  # components that change when an analysis is opened
FAILED = "Something went wrong that should not have; the log of the program says what. Try again."
WRONG = "The page sent something that it should not; load it again."
ELSEWHERE = (
    "{name} is being analysed on another page of this browser; wait until that is done, or cancel it there first."
)
EMPTIED = "What this page showed was deleted on another page."


class RecentsHandlers:
    """The handlers of the list, over the Service that all sessions share."""

    def __init__(self, service: Service, jobs: JobHandlers, recordings: RecordingsHandlers):
        self.service, self.jobs, self.recordings = service, jobs, recordings
        # Not those of ``jobs``: else the next analysis would not be shown while cancelled ones take their time to stop.
        self.waiting = Waiting()

    def arrive(self, token: str, request: gr.Request) -> tuple:
        """The page was loaded: show what this browser has, and take over the analysis and live session that it left."""
        session, service = request.session_hash or "", self.service
        owner = service.browsers.enter(session, token)
        if owner == session:  # without a token a reload finds nothing again, but the page still needs lists
            owner = service.browsers.enter(session, secrets.token_hex(32))
        service.files.use(session)
        shown: tuple = (gr.skip(),) * 7
        closed, doubted = service.browsers.closed(owner), service.open_pages.doubt(owner)
        for left in (*closed, *doubted):
            if (found := service.watched.pop(left, None)) is not None:
                job, analysis = found
                service.watched[session] = found
                analysis = self.jobs.present(job, analysis)
                player = file_fragments.player(analysis.path) if analysis.path else gr.skip()
                words = fragments.progress("Finding the analysis again …")
                shown = analysis, new_revision(), player, words, *buttons(running=True)
                break
        silent = (each for each in doubted if not service.live.active(each))
        lengths = (service.live.hand_over(left, session) for left in (*closed, *silent))
        live_shown = live.found_again(next((length for length in lengths if length is not None), None))
        # The lists are those of the browser, which is not known before ``enter``.
        return recents.answer("0", session), *shown, *self.both(request), *live_shown

    def listed(self, request: gr.Request) -> str:
        """The list of recent analyses."""
        return recents.list_html(self.service.memory.recent_analyses(request.session_hash or ""))

    def both(self, request: gr.Request) -> tuple:
        """Both lists, as ``shown_lists`` names their components."""
        return self._recents(request), *self.recordings.show(request)

    def _recents(self, request: gr.Request) -> str:
        listed = self.listed(request)
        self._digests(request)["recents"] = hash(listed)
        return listed

    def _digests(self, request: gr.Request) -> dict[str, int]:
        session = request.session_hash or ""
        return self.recordings.batch(session).digests.setdefault(session, {})

    def after_job(self, request: gr.Request) -> tuple:
        """A job was stopped or has ended: ``both``, once its features are stored and in the list.

        Without a job nothing changes, because the lists may have changed meanwhile.
        """
        session = request.session_hash or ""
        job, _ = self.jobs.ending.get(session, (None, ""))
        if job is None:
            return (gr.skip(),) * LISTS
        deadline = time.monotonic() + STOPS_WITHIN
        with self.waiting.of(session) as may_wait:
            while may_wait and job.running and time.monotonic() < deadline:
                job.wait(POLL)
        return self.both(request)

    def tick(self, request: gr.Request) -> tuple:
        """The timer ticks: ``both``, but without what the page shows already."""
        before = self._digests(request).get("recents")
        listed = self._recents(request)
        shown = self.recordings.tick(request)
        return gr.skip() if before == hash(listed) else listed, *shown

    def do(self, command: str, analysis: Analysis, request: gr.Request) -> tuple:
        """A button of one of the lists was pressed, or files have been uploaded."""
        words, _, number = (command or "").rpartition(" #")
        what, _, rest = words.partition(" ")
        session = request.session_hash or ""
        changed: tuple = (gr.skip(),) * CHANGED
        emptied: list[str] = []
        try:
            if what in ("open", "show"):
                changed = self._open(session, what, rest, analysis)
            elif what == "forget":
                changed, emptied = self._forget(session, [self.service.memory.get(session, rest)], analysis)
            elif what == "forget-all":
                changed, emptied = self._forget(session, self.service.memory.recent_analyses(session), analysis)
            elif what == "empty" and not _shows_anything(analysis):
                gr.Info(EMPTIED)
                changed = _emptied()
            elif what in ("add", "join"):
                self.recordings.add(_files(rest), request, joins=what == "join")
            elif what == "cancel":
                self.recordings.batch(session).cancel(rest)
            elif what == "remove":
                self.recordings.discard(session, rest)
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
        except Exception as error:  # the script waits for the answer, whatever has happened
            log.error("A request of the lists failed", error)
            gr.Warning(FAILED)
        full = self.recordings.batch(session).full
        return recents.answer(number, session, full, emptied), *changed, *self.both(request)

    def _open(self, session: str, what: str, name: str, analysis: Analysis) -> tuple:
        """Show a recent analysis ("open"), or a recording of the list ("show"), from its stored features.

        For a recording of the list, the controls are set to the choices of its line. Raises EmorecError.
        """
        if analysis.running:
            raise EmorecError(BUSY)
        item = self.recordings.batch(session).get(name) if what == "show" else None
        if what == "show":
            name = item.result.recent if item and isinstance(item.result, Figures) else ""
        recent = self.service.memory.get(session, name)
        features = self.service.memory.features(recent)
        there = bool(recent.path) and Path(recent.path).is_file()
        opened = Analysis(
            path=recent.path if there else "",
            title=recent.name if recent.facts else Path(recent.name).stem,
            checkpoint=recent.checkpoint,
            features=features,
            stored=True,
            facts=recent.facts,
            settings=recent.settings,
        )
        self.service.files.use(session)
        edits = self.service.memory.edits(session, recent.key)
        self.service.memory.shows(session, recent.key, edits.people)
        edited, marked = stored_choices.edits_of_page(edits, opened)
        words = html.escape(OPENED.format(name=recent.name, length=fragments.clock(recent.until)))
        notes = "".join(fragments.callout(note) for note in features.notes)
        controls: list[Any] = [gr.skip()] * len(stored_choices.NAMES)
        person = gr.update(choices=[ANYONE], value=ANYONE[1])
        if item and item.choices:
            # Without the sentences, because the choices were made on the page, which offers all of them.
            (*controls, person), _ = stored_choices.control_updates(item.choices.inference, features)
        return (
            opened,
            new_revision(),
            file_fragments.player(recent.path) if there else NO_FILE,
            f'<div class="words" role="status" data-opened="{recent.id}-{time.time_ns()}">{words}</div>{notes}',
            edited,
            person,
            "",  # the part that was shown of another recording
            marked,
            None if there else gr.skip(),  # without the recording, Analyze takes the file in the field for files
            *controls,
        )

    def _forget(self, session: str, found: list[Recent], analysis: Analysis) -> tuple[tuple, list[str]]:
        """Delete analyses; the page is emptied if it shows one of them, and so are the other pages of the browser.

        Returns what changes on this page, and the sessions of the others. Raises EmorecError.
        """
        if analysis.running and any(analysis.path in recent.paths for recent in found):
            raise EmorecError(BUSY)
        owner, keys = self.service.browsers.owner(session), set()
        others = [page for page in self.service.browsers.pages(owner) if page != session]
        for job, _ in filter(None, map(self.service.watched.get, others)):
            for recent in found:
                if job.running and (job.key == recent.key or str(job.path) in recent.paths):
                    raise EmorecError(ELSEWHERE.format(name=recent.name))
        try:
            for recent in found:
                self.service.memory.delete(session, recent)
                keys.add(recent.key)
                for item in self.recordings.batch(session).items:
                    if isinstance(item.result, Figures) and item.result.recent == recent.id:
                        self.recordings.discard(session, item.id)
        except EmorecError as error:  # the pages are emptied of those that are deleted
            gr.Warning(html.escape(str(error)))
        emptied = [page for page in others if self.service.forget_page(page, keys)]
        for page in (session, *others):
            writing = self.service.writings.get(page)
            if writing and (page in emptied or writing.key in keys):  # it may be of what this page showed before
                del self.service.writings[page]
                writing.stop()
        shown = analysis.features.key if analysis.features else None
        return ((gr.skip(),) * CHANGED if analysis.running or shown not in keys else _emptied()), emptied


def _shows_anything(analysis: Analysis) -> bool:
    result = analysis.features or analysis.rows
    return analysis.running or result is not None or bool(analysis.path or analysis.link)


def _emptied() -> tuple:
    """What changes on a page whose result was deleted."""
    empty = file_fragments.player(None)
    person, kept = gr.update(choices=[ANYONE], value=ANYONE[1]), [gr.skip()] * len(stored_choices.NAMES)
    return Analysis(), new_revision(), empty, "", PeopleEdits(), person, "", PageMarkers(), None, *kept


def _files(text: str) -> list[dict[str, str]]:
    """The files that the script has uploaded, each with "path" and "name". Raises EmorecError."""
    try:
        found = json.loads(text)
        if not isinstance(found, list) or not all(
            isinstance(file, dict) and {type(file.get(name)) for name in ("path", "name")} == {str} for file in found
        ):
            raise ValueError
    except (ValueError, RecursionError):
        raise EmorecError(WRONG) from None
    return found
