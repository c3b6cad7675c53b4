"""What happens when the page is loaded, and with the list of recent analyses: open, delete one, delete all.

A script writes what was pressed into a text field as "DO NAME #NUMBER"; the number makes each request a new one, and
the answer repeats it, so that the script sends one after the other.
"""

import html
import json
import secrets
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.errors import EmorecError
from emorec.ui import fragments
from emorec.ui.page import kept_edits, recents, stored_choices
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision
from emorec.ui.page.handlers import JobHandlers, buttons
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.page.recordings import Figures
from emorec.ui.page.recordings_handlers import LIST, RecordingsHandlers
from emorec.ui.page.result_connections import SAVE
from emorec.ui.server import log
from emorec.ui.service import Service
from emorec.ui.sessions.recents import Recent

OPENED = "Opened {name}, analysed before: {length}."
NO_FILE = '<div class="empty">The recording itself is not kept any more; what was read from it is.</div>'
STOPS_WITHIN = 30.0  # seconds; a job looks whether it was stopped after every segment
POLL = 0.2
LISTS = 1 + LIST  # values of ``both``
CHANGED = 9 + len(stored_choices.NAMES)  # components that change when an analysis is opened
LOADED = "() => { document.body.dataset.loaded = ''; }"  # nothing of the load is under way any more
FAILED = "Something went wrong that should not have; the log of the program says what. Try again."
WRONG = "The page sent something that it should not; load it again."


class RecentsHandlers:
    """The handlers of the list, over the Service that all sessions share."""

    def __init__(self, service: Service, jobs: JobHandlers, recordings: RecordingsHandlers):
        self.service, self.jobs, self.recordings = service, jobs, recordings

    def arrive(self, token: str, request: gr.Request) -> tuple:
        """The page was loaded: show what this browser has, and take over the analysis that it left."""
        session, service = request.session_hash or "", self.service
        owner = service.browsers.enter(session, token)
        if owner == session:  # without a token it cannot come back, but has its lists
            owner = service.browsers.enter(session, secrets.token_hex(32))
        service.files.use(session)
        shown: tuple = (gr.skip(),) * 7
        for left in (*service.browsers.closed(owner), *service.open_pages.doubt(owner)):
            if (found := service.watched.pop(left, None)) is not None:
                job, analysis = found
                service.watched[session] = found
                analysis = self.jobs.present(job, analysis)
                player = fragments.player(analysis.path) if analysis.path else gr.skip()
                words = fragments.progress("Finding the analysis again …")
                shown = analysis, new_revision(), player, words, *buttons(running=True)
                break
        return recents.answer("0", session), *shown, *self.both(request)  # it is known whose page it is

    def listed(self, request: gr.Request) -> str:
        """The list of recent analyses."""
        return recents.listed(self.service.memory.of(request.session_hash or ""))

    def both(self, request: gr.Request) -> tuple:
        """Both lists, as ``shown_lists`` names their components."""
        return self._recents(request), *self.recordings.show(request)

    def _recents(self, request: gr.Request) -> str:
        listed = self.listed(request)
        self._sent(request)["recents"] = hash(listed)
        return listed

    def _sent(self, request: gr.Request) -> dict[str, int]:
        session = request.session_hash or ""
        return self.recordings.batch(session).sent.setdefault(session, {})

    def after_job(self, request: gr.Request) -> tuple:
        """A job was stopped or has ended: ``both``, once what it has read is stored and in the list; nothing without
        one, because the lists may change meanwhile."""
        job = self.jobs.ending.pop(request.session_hash or "", None)
        if job is None:
            return (gr.skip(),) * LISTS
        deadline = time.monotonic() + STOPS_WITHIN
        while job.running and time.monotonic() < deadline:
            job.wait(POLL)
        return self.both(request)

    def tick(self, request: gr.Request) -> tuple:
        """Some time has passed: ``both``, without what the page shows already."""
        before = self._sent(request).get("recents")
        listed = self._recents(request)
        shown = self.recordings.tick(request)
        return gr.skip() if before == hash(listed) else listed, *shown

    def do(self, command: str, analysis: Analysis, request: gr.Request) -> tuple:
        """Something was pressed in one of the lists, or files have been uploaded."""
        words, _, number = (command or "").rpartition(" #")
        what, _, rest = words.partition(" ")
        session = request.session_hash or ""
        changed: tuple = (gr.skip(),) * CHANGED
        try:
            if what in ("open", "show"):
                changed = self._open(session, what, rest, analysis)
            elif what == "forget":
                changed = self._forget(session, [self.service.memory.get(session, rest)], analysis)
            elif what == "forget-all":
                changed = self._forget(session, self.service.memory.of(session), analysis)
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
        return recents.answer(number, session, full), *changed, *self.both(request)

    def _open(self, session: str, what: str, name: str, analysis: Analysis) -> tuple:
        """Show a recent analysis, or a recording of the list, from its stored features; the latter with the choices of
        its line, to which the controls are set."""
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
        edited, marked = kept_edits.of(self.service.memory.said(session, recent.key), opened)
        said = html.escape(OPENED.format(name=recent.name, length=fragments.clock(recent.until)))
        notes = "".join(fragments.callout(note) for note in features.notes)
        controls: list[Any] = [gr.skip()] * len(stored_choices.NAMES)
        person = gr.update(choices=[ANYONE], value=ANYONE[1])
        if item and item.choices:
            (*controls, person), _ = stored_choices.of(item.choices.inference, features)  # the page offers all of them
        return (
            opened,
            new_revision(),
            fragments.player(recent.path) if there else NO_FILE,
            f'<div class="words" role="status" data-opened="{recent.id}-{time.time_ns()}">{said}</div>{notes}',
            edited,
            person,
            "",  # the part that was shown of another recording
            marked,
            None
            if there
            else gr.skip(),  # the field for files names another one; without a recording, Analyze takes it
            *controls,
        )

    def _forget(self, session: str, found: list[Recent], analysis: Analysis) -> tuple:
        """Delete analyses; the page is emptied if it shows one of them."""
        if analysis.running and any(analysis.path in recent.paths for recent in found):
            raise EmorecError(BUSY)
        for recent in found:
            self.service.memory.delete(session, recent)
            for item in self.recordings.batch(session).items:
                if isinstance(item.result, Figures) and item.result.recent == recent.id:
                    self.recordings.discard(session, item.id)
        shown = analysis.features.key if analysis.features else None
        if analysis.running or shown not in [recent.key for recent in found]:
            return (gr.skip(),) * CHANGED
        empty = fragments.player(None)
        person, kept = gr.update(choices=[ANYONE], value=ANYONE[1]), [gr.skip()] * len(stored_choices.NAMES)
        return Analysis(), new_revision(), empty, "", Edited(), person, "", Marked(), None, *kept


def connect(
    parts: SimpleNamespace, session: SimpleNamespace, handlers: RecentsHandlers, quiet: dict[str, Any], watched: int
) -> tuple[Any, Any]:
    """Connect both lists; ``quiet`` are settings of every event, ``watched`` is how many jobs are watched at once.

    Returns the event that shows the analysis that was found again, and the one after that has ended and is listed.
    """
    several, together = parts.inputs.several, parts.together
    choices, player, jobs, recordings = parts.choices, parts.player, handlers.jobs, handlers.recordings
    at_once: dict[str, Any] = {"concurrency_limit": None} | quiet
    shown = shown_lists(parts)
    main = [parts.inputs.file, parts.analyze, parts.cancel]
    arrived = gr.on(
        parts.loaded,
        handlers.arrive,
        parts.recents.token,
        [parts.recents.ack, session.analysis, session.revision, player, parts.status, *main, *shown],
        js=recents.TOKEN,
        **at_once,
    )
    arrived.then(None, None, None, js=recents.ASK, **quiet)
    resumed = arrived.success(
        jobs.resume,
        session.analysis,
        [session.analysis, session.revision, parts.status, player],
        concurrency_limit=watched,
        **quiet,
    )
    ended = resumed.then(
        jobs.finish_resumed, session.analysis, [session.analysis, parts.status, *main], **at_once
    ).then(handlers.after_job, None, shown, **at_once)
    ended.then(None, None, None, js=LOADED, **quiet)
    current = [session.analysis, session.revision, player, parts.status, session.edited, choices.person]
    used = [getattr(choices, name) for name in stored_choices.NAMES]
    current += [parts.results.part, session.marked, parts.inputs.file, *used]
    parts.recents.command.change(
        handlers.do,
        [parts.recents.command, session.analysis],
        [parts.recents.ack, *current, *shown],
        trigger_mode="multiple",
        **at_once,
    )
    used += [choices.track, choices.channel, choices.start, choices.end, choices.video_track, choices.rotate]
    several.start.click(recordings.start, [choices.checkpoint, session.active, *used], shown[1:], **at_once)
    several.cancel.click(recordings.cancel, None, shown[1:], **at_once)
    several.clear.click(recordings.clear, None, shown[1:], **at_once)
    several.timer.tick(handlers.tick, None, shown, trigger_mode="once", **at_once)
    for kind, button in together.buttons.items():
        button.click(recordings.downloader(kind), None, parts.results.download, **at_once).success(
            None, parts.results.download, None, js=SAVE, **quiet
        )
    return resumed, ended


def shown_lists(parts: SimpleNamespace) -> list[Any]:
    """The components of both lists that change with what they hold: what ``RecentsHandlers.both`` returns."""
    several, together = parts.inputs.several, parts.together
    columns = [several.listed, several.column, several.start, several.cancel, together.table, together.column]
    return [parts.recents.listed, *columns, several.timer]


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
