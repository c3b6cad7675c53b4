"""What a visitor says of a recording, its persons and its markers: kept with the recent analysis, and used for its
results in the list of several recordings."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.extraction.people import NOBODY
from emorec.ui.api import user_errors
from emorec.ui.page.analysis import Analysis
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.page.recordings import Figures
from emorec.ui.page.recordings_handlers import LIST, RecordingsHandlers
from emorec.ui.service import Service
from emorec.ui.sessions.batch import Item
from emorec.ui.sessions.memory import Said


class KeptEdits:
    """The handlers of what is kept, over the Service that all sessions share."""

    def __init__(self, service: Service, recordings: RecordingsHandlers):
        self.service, self.recordings = service, recordings

    def keep_people(self, analysis: Analysis, edited: Edited, request: gr.Request) -> tuple:
        """Persons have changed: keep them, and write the results of the list anew; returns the list."""
        self._say(analysis, edited, Marked(), request)
        return self.renew(analysis, request)

    def keep_markers(self, analysis: Analysis, marked: Marked, request: gr.Request) -> tuple:
        """Markers have changed: as ``keep_people``."""
        self._say(analysis, Edited(), marked, request)
        return self.renew(analysis, request)

    def restore(self, analysis: Analysis, edited: Edited, marked: Marked, request: gr.Request) -> tuple:
        """An analysis has ended: persons and markers of the page, as they were said of the same recording before.

        What was said while it ran, or when the recording was analysed with other choices, is newer and stays.
        """
        if analysis.features is None:
            return gr.skip(), gr.skip()
        self._say(analysis, edited, marked, request)
        known = of(self.service.memory.said(request.session_hash or "", analysis.features.key), analysis)
        return tuple(
            gr.skip() if shown.id == analysis.id or not before.id else before
            for shown, before in zip((edited, marked), known, strict=True)
        )

    def renew(self, analysis: Analysis, request: gr.Request) -> tuple:
        """Write the results of the list anew that do not have what is said of the recording; returns the list.

        Not from a part of a recording: the list has the results of all of it.
        """
        nothing = (gr.skip(),) * LIST
        session, features, memory = request.session_hash or "", analysis.features, self.service.memory
        if features is None or not features.complete:
            return nothing
        names = {each.id for each in memory.of(session) if each.key == features.key}

        def remade(item: Item) -> Figures | None:
            result = item.result
            if not isinstance(result, Figures) or result.remake is None or result.recent not in names:
                return None
            said = memory.said(session, features.key)  # not earlier: it may be said while another one is written
            return None if said == result.said else result.remake(features, said)

        with user_errors():
            renewed = self.recordings.batch(session).renew(remade)
        return self.recordings.tick(request) if renewed else nothing

    def _say(self, analysis: Analysis, edited: Edited, marked: Marked, request: gr.Request) -> None:
        """Keep persons and markers, each only if it is about this analysis."""
        if analysis.features is None:
            return
        self.service.memory.say(
            request.session_hash or "",
            analysis.features.key,
            people=edited.people if edited.id == analysis.id else None,
            markers=marked.markers if marked.id == analysis.id else None,
            running=analysis.running,
        )


def of(said: Said, analysis: Analysis) -> tuple[Edited, Marked]:
    """What is kept of a recording, for the analysis that shows it now. Of what nothing is known, nothing is said, so
    that it takes no name away when the recording is analysed with other choices."""
    edited = Edited(analysis.id, said.people) if said.people != NOBODY else Edited()
    return edited, Marked(analysis.id, said.markers) if said.markers else Marked()


def connect(
    session: SimpleNamespace, handlers: KeptEdits, lists: list[Any], ended: list[Any], at_once: dict[str, Any]
) -> None:
    """Connect the states; ``lists`` show the list of recordings, ``ended`` are the events after an analysis."""
    said = [session.edited, session.marked]
    session.edited.change(handlers.keep_people, [session.analysis, session.edited], lists, **at_once)
    session.marked.change(handlers.keep_markers, [session.analysis, session.marked], lists, **at_once)
    for event in ended:
        event.then(handlers.restore, [session.analysis, *said], said, **at_once).then(
            handlers.renew, session.analysis, lists, **at_once
        )
