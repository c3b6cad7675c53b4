"""What a visitor says of a recording, its persons and its markers: kept with the recent analysis, and used for its
results in the list of several recordings."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.extraction.people import NOBODY
from emorec.ui.api import user_errors
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.page.recordings import Figures
from emorec.ui.page.recordings_handlers import RecordingsHandlers
from emorec.ui.service import Service
from emorec.ui.sessions.memory import Said

LIST = 7  # values of ``RecordingsHandlers.show``


class KeptEdits:
    """The handlers of what is kept, over the Service that all sessions share."""

    def __init__(self, service: Service, recordings: RecordingsHandlers):
        self.service, self.recordings = service, recordings

    def keep(self, analysis: Analysis, edited: Edited, marked: Marked, request: gr.Request) -> tuple:
        """Persons or markers have changed: keep them, and write the results of the list anew; returns the list."""
        session, features, memory = request.session_hash or "", analysis.features, self.service.memory
        nothing = (gr.skip(),) * LIST
        if features is None or analysis.id not in (edited.id, marked.id):
            return nothing
        people = edited.people if edited.id == analysis.id else NOBODY
        said = Said(people=people, markers=marked.of(analysis))
        if not memory.say(session, features.key, said, running=analysis.running):
            return nothing
        names = {each.id for each in memory.of(session) if each.key == features.key}
        batch = self.recordings.batch(session)
        with user_errors():
            for item in batch.items:
                if isinstance(item.result, Figures) and item.result.recent in names and item.result.remake:
                    batch.renew(item, functools.partial(item.result.remake, features, said))
        return self.recordings.tick(request)

    def restore(self, analysis: Analysis, request: gr.Request) -> tuple:
        """An analysis has ended: what was said of the same recording before, if anything was."""
        if analysis.features is None:
            return gr.skip(), gr.skip()
        said = self.service.memory.said(request.session_hash or "", analysis.features.key)
        return (gr.skip(), gr.skip()) if said == Said() else of(said, analysis)


def of(said: Said, analysis: Analysis) -> tuple[Edited, Marked]:
    """What is kept of a recording, for the analysis that shows it now."""
    return Edited(analysis.id, said.people), Marked(analysis.id, said.markers)


def connect(
    session: SimpleNamespace, handlers: KeptEdits, lists: list[Any], ended: list[Any], at_once: dict[str, Any]
) -> None:
    """Connect the states; ``lists`` show the list of recordings, ``ended`` are the events after an analysis."""
    said = [session.edited, session.marked]
    gr.on([state.change for state in said], handlers.keep, [session.analysis, *said], lists, **at_once)
    for event in ended:
        event.then(handlers.restore, session.analysis, said, **at_once)
