"""The names, joins, divisions and markers that a visitor gives to a recording.

They are kept with the recent analysis, and used for the results in the list of several recordings.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.ui.api import user_errors
from emorec.ui.page import stored_choices
from emorec.ui.page.analysis import Analysis, new_revision
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.page.progress import outcome
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.recordings import Figures
from emorec.ui.page.recordings_handlers import LIST
from emorec.ui.service import Service
from emorec.ui.sessions.batch import Item

FINISHED = 7  # values of ``finish``
SETTLED = 3  # values of ``keep_all`` beside the list


class KeptEdits:
    """The handlers of the edits that are kept, and of the end of an analysis, over the Service that all sessions share.

    ``recents`` are the handlers of the list of recent analyses.
    """

    def __init__(self, service: Service, recents: RecentsHandlers):
        self.service, self.recents, self.recordings = service, recents, recents.recordings

    def finish(self, analysis: Analysis, edited: PeopleEdits, marked: PageMarkers, request: gr.Request) -> tuple:
        """A job has ended: show how, and the persons and markers that were kept for the same recording.

        Nothing changes if the page shows no running analysis: a page that was loaded again has found none, or all was
        deleted while it ran.
        """
        if not analysis.running:
            return (gr.skip(),) * FINISHED
        return *self.recents.jobs.finish(analysis, request), *self.restore(analysis, edited, marked, request)

    def keep_all(self, analysis: Analysis, edited: PeopleEdits, marked: PageMarkers, request: gr.Request) -> tuple:
        """The features of a job are stored: keep the latest edits, and write the results of the list again.

        Returns the list, and the analysis, its revision and the status, if more was analysed after it was stopped and
        the page still shows it: Analyze may have been clicked, or another recording opened, while the list was written.
        This is an event of its own after the one that waits for the features: edits that were made during the wait are
        newer than the states with which that one was called.
        """
        settled, session = self.recents.jobs.settle(analysis, request), request.session_hash or ""
        self._keep(settled, edited, marked, request)
        listed = self.renew(settled, request)
        is_current = session not in self.service.watched and self.service.page_shows(session, analysis)
        if settled is analysis or not is_current:
            return *listed, *(gr.skip(),) * SETTLED
        return *listed, settled, new_revision(), outcome(settled)

    def keep_people(self, analysis: Analysis, edited: PeopleEdits, request: gr.Request) -> tuple:
        """Persons have changed: keep them, and write the results of the list again; returns the list."""
        self._keep(analysis, edited, PageMarkers(), request)
        return self.renew(analysis, request)

    def keep_markers(self, analysis: Analysis, marked: PageMarkers, request: gr.Request) -> tuple:
        """Markers have changed: keep them, and write the results of the list again; returns the list."""
        self._keep(analysis, PeopleEdits(), marked, request)
        return self.renew(analysis, request)

    def restore(self, analysis: Analysis, edited: PeopleEdits, marked: PageMarkers, request: gr.Request) -> tuple:
        """The persons and markers that were kept for the recording of an analysis that ends, for the page.

        Edits that were made while it ran, or in an analysis with other choices, are newer and stay, as do persons whom
        only another page of the browser has changed.
        """
        features, session, memory = analysis.features, request.session_hash or "", self.service.memory
        if features is None:
            return gr.skip(), gr.skip()
        edits = memory.edits(session, features.key)
        people, markers = stored_choices.edits_of_page(edits, analysis)
        if edited.id == analysis.id:  # also if another page has undone all
            people = PeopleEdits(analysis.id, memory.merged_people(session, features, edited.people))
        else:
            memory.shows(session, features.key, edits.people)
        return (
            gr.skip() if not people.id or people == edited else people,
            gr.skip() if not markers.id or marked.id == analysis.id else markers,
        )

    def renew(self, analysis: Analysis, request: gr.Request) -> tuple:
        """Write the results of this recording in the list again if they lack its latest edits; returns the list.

        This is not done from a part of a recording, because the list has the results of the whole recording.
        """
        nothing = (gr.skip(),) * LIST
        session, features, memory = request.session_hash or "", analysis.features, self.service.memory
        if features is None or not features.complete:
            return nothing
        names = {each.id for each in memory.recent_analyses(session) if each.key == features.key}

        def remade(item: Item) -> Figures | None:
            result = item.result
            if not isinstance(result, Figures) or result.remake is None or result.recent not in names:
                return None
            edits = memory.edits(session, features.key)  # not earlier: they may change while another one is written
            return None if edits == result.edits else result.remake(features, edits)

        with user_errors():
            renewed = self.recordings.batch(session).renew(remade)
        return self.recordings.tick(request) if renewed else nothing

    def _keep(self, analysis: Analysis, edited: PeopleEdits, marked: PageMarkers, request: gr.Request) -> None:
        """Keep persons and markers, each only if it is about this analysis."""
        if analysis.features is None:
            return
        self.service.memory.keep_edits(
            request.session_hash or "",
            analysis.features,
            people=edited.people if edited.id == analysis.id else None,
            markers=marked.markers if marked.id == analysis.id else None,
            running=analysis.running,
        )


def connect(session: SimpleNamespace, handlers: KeptEdits, lists: list[Any], at_once: dict[str, Any]) -> None:
    """Connect the states; ``lists`` show the list of recordings."""
    session.edited.change(handlers.keep_people, [session.analysis, session.edited], lists, **at_once)
    session.marked.change(handlers.keep_markers, [session.analysis, session.marked], lists, **at_once)
