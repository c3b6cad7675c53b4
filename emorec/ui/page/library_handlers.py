"""The handlers of the tab Library: finding, sorting, comparing, and opening a past analysis again.

The script writes "ITEM #NUMBER" to open an item, and a JSON list of the items that are checked, into two text fields.
Items are only looked up among those of the library's folder, so no other path can be named.
"""

import contextlib
import html
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.errors import EmorecError
from emorec.extraction import storing
from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.library.groups import means
from emorec.library.items import Item
from emorec.library.stored import name_of
from emorec.output import charts
from emorec.output.group_chart import group_chart
from emorec.output.summary import all_choices_in_words, summary
from emorec.ui import fragments
from emorec.ui.page import library, stored_choices
from emorec.ui.page.analysis import ANYONE, BUSY, Analysis, new_revision, plot_data
from emorec.ui.page.people_handlers import PeopleEdits
from emorec.ui.service import Service
from emorec.ui.shelf import search_entries

MAX_COMPARED = 50
CHANGED = 7 + len(stored_choices.NAMES)  # components that change when an analysis is opened
OPENED = "Opened {name} from the library, {length}."
FIXED = (
    "Its features are not kept here, so the chart and the tables show its rows as they were stored; choices do not "
    "change them."
)
NO_ROWS = "Its stored rows and choices cannot be read, so it is shown with the choices of the page."
NO_PLAYER = '<div class="empty">The library keeps results, not recordings, so there is nothing to play.</div>'
NOTHING = ("", None, "", None, "", None)  # compared
TOO_MANY = "At most {most} recordings are compared at a time; uncheck some."


class LibraryHandlers:
    """The handlers of the tab, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def look(self) -> None:
        """The tab was opened: read the folder again, which would take too long after each typed letter."""
        if self.service.shelf is not None:
            with contextlib.suppress(EmorecError):  # ``show`` reports it
                self.service.shelf.entries()

    def show(self, words: str | None, order: str) -> str:
        """The list of the entries that fit the typed words."""
        shelf = self.service.shelf
        if shelf is None:
            return ""
        try:
            entries, notes = shelf.last()
        except EmorecError:  # its sentence would show the path of the folder
            return fragments.callout("The library has no results yet, or its folder cannot be read.")
        return library.list_html(search_entries(entries, words or "", order), notes, len(entries))

    def open(self, command: str, analysis: Analysis) -> tuple:
        """A name was pressed in the list."""
        name, _, _ = (command or "").rpartition(" #")
        try:
            if self.service.shelf is not None:
                return self._open(self.service.shelf.get(name), analysis)
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
        return (gr.skip(),) * CHANGED

    def compare(self, command: str) -> tuple:
        """Other recordings are checked."""
        try:
            return self._compare([name for name in json.loads(command or "[]") if isinstance(name, str)])
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
        except (ValueError, TypeError, RecursionError):
            gr.Warning("Load this page again.")
        return (gr.skip(),) * 6

    def _compare(self, chosen: list[str]) -> tuple:
        """The charts of the first two items with the same axis of time, and the means of all. Raises EmorecError.

        Items that are gone or damaged are left out. The script goes on naming them, because their boxes may not be in
        the list any more; so the warning comes only when such an item is checked.
        """
        shelf = self.service.shelf
        if shelf is None:
            return NOTHING
        if len(chosen) > MAX_COMPARED:
            raise EmorecError(TOO_MANY.format(most=MAX_COMPARED))
        timelines, names = {}, {}
        for name in chosen:
            try:
                timelines[name], names[name] = shelf.timeline(name), name_of(shelf.get(name))
            except EmorecError as error:
                if name == chosen[-1]:
                    gr.Warning(html.escape(str(error)))
        if not timelines:
            return NOTHING
        pair = list(timelines)[:2]
        longest = max(timelines[name].duration for name in pair)
        drawn: list[Any] = []
        made = {name: all_choices_in_words(timeline) for name, timeline in timelines.items()}
        for name in pair:
            drawn += [library.heading(names[name], made[name]), plot_data(_chart(timelines[name], longest))]
        drawn += ["", None] * (2 - len(pair))
        figures = means([summary(timeline) for timeline in timelines.values()])
        bars = [(one.measure, one.mean, one.low, one.high) for one in figures]
        return (
            *drawn,
            library.means_html(figures, [*made.values()]),
            plot_data(group_chart(bars).to_dict(validate=False)),
        )

    def _open(self, item: Item, analysis: Analysis) -> tuple:
        """Show a past analysis: from its features and with its choices if they are still here, else from its rows."""
        if analysis.running:
            raise EmorecError(BUSY)
        name, features = name_of(item), self._features(item)
        try:
            timeline = self.service.shelf.timeline(item.name)  # type: ignore[union-attr]
        except EmorecError:
            if features is None:
                raise
            timeline = None
        rows = None if features else timeline
        opened = Analysis(title=name.rpartition(".")[0] or name, features=features, stored=True, rows=rows)
        controls: list[Any] = [gr.skip()] * len(stored_choices.NAMES)
        person, note = gr.update(choices=[ANYONE], value=ANYONE[1]), FIXED
        if features and timeline:
            (*controls, person), note = stored_choices.control_updates(timeline.choices, features, timeline.names)
        elif features:
            (*controls, person), note = stored_choices.control_updates({}, features)[0], NO_ROWS
        length = timeline.duration if timeline else features.duration if features else 0.0
        opened_words = OPENED.format(name=name, length=fragments.clock(length))
        words = html.escape(f"{opened_words} {note}".strip())
        return (
            opened,
            new_revision(),
            NO_PLAYER,
            f'<div class="words" role="status" data-opened data-library="{html.escape(item.name)}">{words}</div>',
            PeopleEdits(),  # without those of another recording
            person,
            "",  # the part that was shown of another recording
            *controls,
        )

    def _features(self, item: Item) -> Features | None:
        """The stored features of an item, None if they are gone or not for this visitor.

        They contain pictures of faces, unlike the folder, so only a page with a shared store may show them.
        """
        key, model = item.media.get("features"), self.service.analyzers.default.model
        if not key or not self.service.shared_cache or item.media.get("model") != model.fingerprint:
            return None
        try:
            features = storing.load(key, name_of(item), model)
        except EmorecError:
            return None
        return features if features.complete else None


def _chart(timeline: Timeline, until: float) -> dict[str, Any]:
    """The chart of a timeline on an axis up to ``until`` (s); what comes after its end stays blank."""
    return charts.timeline_spec(replace(timeline, duration=until, complete=True))


def connect(parts: SimpleNamespace, session: SimpleNamespace, handlers: LibraryHandlers, quiet: dict[str, Any]) -> None:
    """Connect the tab; ``quiet`` are settings of every event."""
    tab = parts.inputs.library
    at_once: dict[str, Any] = {"concurrency_limit": None, "trigger_mode": "always_last"} | quiet
    words = [tab.words, tab.order]
    gr.on([tab.words.change, tab.order.change], handlers.show, words, tab.listed, **at_once)
    # The words may have changed while the folder was read.
    looked = parts.inputs.tabs["library"].select(handlers.look, None, None, **at_once)
    looked.then(handlers.show, words, tab.listed, **at_once)
    current = [session.analysis, session.revision, parts.player, parts.status, session.edited, parts.choices.person]
    current += [parts.results.part, *(getattr(parts.choices, name) for name in stored_choices.NAMES)]
    tab.command.change(handlers.open, [tab.command, session.analysis], current, **at_once)
    # Not at once, but one after the other, so that the page shows the last choice.
    tab.chosen.change(handlers.compare, tab.chosen, parts.compared.outputs, **at_once)
