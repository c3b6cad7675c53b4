"""Which event of the loaded page, and of the lists of recordings and of recent analyses, calls which handler."""

from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec.ui.page import recents, stored_choices
from emorec.ui.page.kept_edits import KeptEdits
from emorec.ui.page.recents_handlers import RecentsHandlers
from emorec.ui.page.result_connections import SAVE

LOADED = "() => { document.body.dataset.loaded = ''; }"  # all events of the load have ended


def connect(
    parts: SimpleNamespace,
    session: SimpleNamespace,
    handlers: RecentsHandlers,
    kept: KeptEdits,
    quiet: dict[str, Any],
    watched: int,
) -> Any:
    """Connect both lists; ``quiet`` are settings of every event, ``watched`` is how many jobs are shown at once.

    Returns the event that shows an analysis which was found again.
    """
    several, combined = parts.inputs.several, parts.combined
    choices, player, jobs, recordings = parts.choices, parts.player, handlers.jobs, handlers.recordings
    at_once: dict[str, Any] = {"concurrency_limit": None} | quiet
    shown = shown_lists(parts)
    main = [parts.inputs.file, parts.analyze, parts.cancel]
    live = parts.inputs.live
    live_shown = [live.note, live.timer, live.start, live.stop, live.save]
    arrived = gr.on(
        parts.loaded,
        handlers.arrive,
        parts.recents.token,
        [parts.recents.ack, session.analysis, session.revision, player, parts.status, *main, *shown, *live_shown],
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
    states = [session.edited, session.marked]
    resumed.then(
        kept.finish,
        [session.analysis, *states],
        [session.analysis, parts.status, *main, *states],
        **at_once,
    ).then(handlers.after_job, None, shown, **at_once).then(
        kept.keep_all,
        [session.analysis, *states],
        [*shown[1:], session.analysis, session.revision, parts.status],
        **at_once,
    ).then(None, None, None, js=LOADED, **quiet)
    current = [session.analysis, session.revision, player, parts.status, session.edited, choices.person]
    used = [getattr(choices, name) for name in stored_choices.NAMES]
    current += [parts.results.part, session.marked, parts.inputs.file, *used]
    parts.recents.command.change(
        handlers.do,
        [parts.recents.command, session.analysis],
        [parts.recents.ack, *current, *shown],
        trigger_mode="multiple",
        **at_once,
    ).then(None, parts.recents.ack, None, js=recents.EMPTIED, **quiet)
    used += [choices.track, choices.channel, choices.start, choices.end, choices.video_track, choices.rotate]
    several.start.click(recordings.start, [choices.checkpoint, session.active, *used], shown[1:], **at_once)
    several.cancel.click(recordings.cancel, None, shown[1:], **at_once)
    several.clear.click(recordings.clear, None, shown[1:], **at_once)
    several.timer.tick(handlers.tick, None, shown, trigger_mode="once", **at_once)
    for kind, button in combined.buttons.items():
        button.click(recordings.downloader(kind), None, parts.results.download, **at_once).success(
            None, parts.results.download, None, js=SAVE, **quiet
        )
    return resumed


def shown_lists(parts: SimpleNamespace) -> list[Any]:
    """The components that ``RecentsHandlers.both`` updates."""
    several, combined = parts.inputs.several, parts.combined
    columns = [several.listed, several.column, several.start, several.cancel, combined.table, combined.column]
    return [parts.recents.listed, *columns, several.timer]
