"""The components and the HTML of the list of several recordings, and of the table of all of them."""

from __future__ import annotations

import html
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec import files
from emorec.affect import DIMENSIONS
from emorec.emotions import COLOURS, EMOJI, EMOTIONS
from emorec.output.chart_data import signed
from emorec.ui import file_fragments, fragments
from emorec.ui.page.figures import Figures
from emorec.ui.sessions.batch import DONE, FAILED, WAITING, WORKING, Item

# The script uploads the files one by one, because of the limits for one upload, and then adds them to the list.
PICK = """<div class="pick"><button type="button" data-pick="files">Several files</button>
<button type="button" data-pick="folder">A folder</button>
<span class="caption">or drop them on the field above</span>
<input type="file" multiple hidden tabindex="-1" aria-label="Several files">
<input type="file" webkitdirectory hidden tabindex="-1" aria-label="A folder">
<p class="caption sending" role="status"></p></div>"""
# Columns of the table of all recordings as a CSV file.
SHARES = ("unsure", *DIMENSIONS, "known", "face", "speech", "confidence")
HOW = "made_with"  # the column with the choices of a recording
# HOW is always last; new columns come before it, so that the others keep their places.
COLUMNS = (
    *("recording", "state", "problem", "duration", "persons", "dominant", *EMOTIONS, *SHARES),
    *("too_little", "by_prior", HOW),
)
# Share of the time with evidence from which on the list says that it is unsure, or decided by the prior.
SHOWN_FROM = 0.1
MIXED = "made with different choices, which the last column names"
TOO_LITTLE = "too little to tell"
TICK = 1.0  # seconds between two updates of the list
KINDS = {"table": "Table (CSV)", "rows": "All rows (CSV)", "zip": "All results (ZIP)"}


def panel() -> SimpleNamespace:
    """The list with its buttons; the script sends its requests through ``command`` of ``recents.panel``."""
    gr.HTML(PICK, apply_default_css=False, elem_id="pick")
    with gr.Column(visible=False, elem_id="several") as column:
        listed = gr.HTML(apply_default_css=False, elem_id="recordings")
        with gr.Row(elem_id="several-buttons"):
            start = gr.Button("Analyze all", variant="primary", min_width=120, elem_id="analyze-all")
            cancel = gr.Button("Cancel all", interactive=False, min_width=120, elem_id="cancel-all")
            clear = gr.Button("Empty the list", min_width=120, elem_id="empty-list")
    timer = gr.Timer(TICK, active=False)
    return SimpleNamespace(column=column, listed=listed, start=start, cancel=cancel, clear=clear, timer=timer)


def combined_panel() -> SimpleNamespace:
    """The table of all recordings, with its downloads."""
    with gr.Column(visible=False, elem_id="together") as column:
        table = gr.HTML(apply_default_css=False, elem_id="combined")
        with gr.Row(elem_id="together-downloads"):
            buttons = {
                kind: gr.Button(words, size="sm", min_width=90, elem_id=f"all-{kind}") for kind, words in KINDS.items()
            }
    return SimpleNamespace(column=column, table=table, buttons=buttons)


def list_html(items: Sequence[Item]) -> str:
    """The list: a line for each recording, with its state and a button."""
    done = sum(item.state == DONE for item in items)
    failed = sum(item.state == FAILED for item in items)
    damaged = sum(item.state == DONE and bool(item.result.damage) for item in items)
    words = f"{done} of {len(items)} done" + (f", {damaged} of them damaged" if damaged else "")
    words += f", {failed} failed" if failed else ""
    lines = "".join(_line(item) for item in items)
    return f'<section class="several"><h2>Recordings</h2><p role="status">{words}</p><ol>{lines}</ol></section>'


def _line(item: Item) -> str:
    name, written, shown = html.escape(files.shown(item.name)), file_fragments.file_name(item.name), _state(item)
    if item.state == DONE:
        label = f'<button type="button" class="name" data-do="show {item.id}">{written}</button>'
    else:
        label = f'<span class="name">{written}</span>'
    active = item.state in (WAITING, WORKING)
    word, does = ("Cancel", "cancel") if active else ("Remove", "remove")
    button = f'<button type="button" data-do="{does} {item.id}" aria-label="{word} {name}">{word}</button>'
    return f'<li data-item="{item.id}" data-state="{item.state}">{label}<span class="state">{shown}</span>{button}</li>'


def _state(item: Item) -> str:
    if item.state == DONE:
        return _dominant(item.result) + _small_note(item.result.damage)
    if item.state == FAILED:
        return html.escape(item.problem)
    if item.state == WORKING:
        if item.share is None:
            return "at work …"
        percent = f"{item.share:.0%}"
        return (
            f'at work, {percent}<span class="bar" role="progressbar" aria-label="{html.escape(files.shown(item.name))}"'
            f' aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * item.share:.0f}">'
            f'<i style="width:{percent}"></i></span>'
        )
    return item.state


def _dominant(figures: Figures) -> str:
    """The state of a recording that is done, in a line of the list."""
    if not figures.summary.shares:
        return "done: no evidence"
    if figures.summary.too_little:
        return f"done: {TOO_LITTLE}, evidence for only {figures.summary.known_seconds:.1f} s"
    name = figures.dominant
    if not name:
        return "done: unsure in 100% of the time with evidence"
    share = figures.summary.shares[name]
    unsure = f", {figures.summary.unsure:.0%} unsure" if figures.summary.unsure >= SHOWN_FROM else ""
    led = (
        f"; for {figures.summary.by_prior:.0%} of it the prior decides"
        if figures.summary.by_prior >= SHOWN_FROM
        else ""
    )
    emoji = f'<span class="emoji" aria-hidden="true">{EMOJI[name]}</span>'
    return f"done: {emoji} {name} in {share:.0%} of the time with evidence{unsure}{led}"


def combined_table(items: Sequence[Item]) -> str:
    """The table of the recordings that are done or failed, one row each; "" if none is done."""
    done = [item for item in items if item.state == DONE]
    if not done:
        return ""
    faces = any(item.result.has_faces for item in done)
    made = list(dict.fromkeys(item.result.how for item in done))
    mixed = len(made) > 1  # then a column shows the choices of each row
    heads = ["Recording", "Length", *EMOTIONS, "unsure", "by prior", "Valence", *(["Persons"] if faces else [])]
    heads += ["Made with"] if mixed else []
    head = "".join(f'<th scope="col"><span>{words}</span></th>' for words in heads)
    rows = "".join(
        _row(item, faces, mixed) if item.state == DONE else _failed_row(item, len(heads) - 1)
        for item in items
        if item.state in (DONE, FAILED)
    )
    how = MIXED if mixed else html.escape(made[0])
    return (
        '<section class="combined"><h2>All recordings together</h2>'
        # Not the caption element of the table, which would be as wide as the table.
        f'<p class="caption" id="combined-how">Share of the time with evidence ({how}). '
        "By prior: sure only because of the prior; if all emotions were expected alike, the answer would be unsure or "
        "another emotion. Valence: from −1 to 1</p>"
        '<div class="scroll" tabindex="0" role="region" aria-label="All recordings together">'
        '<table aria-describedby="combined-how">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _row(item: Item, faces: bool, mixed: bool) -> str:
    figures: Figures = item.result
    summary = figures.summary
    cells = [fragments.clock(figures.duration)]
    shades = [""]
    for name in EMOTIONS:
        share = summary.shares.get(name)
        cells.append("–" if share is None else f"{share:.0%}")
        shades.append(f' style="--c:{COLOURS[name]};--s:{share or 0:.2f}"')
    cells += [f"{share:.0%}" if summary.shares else "–" for share in (summary.unsure, summary.by_prior)]
    cells += ["–" if summary.valence is None else signed(summary.valence)]
    cells += [str(figures.persons) if figures.has_faces else "–"] if faces else []
    cells += [html.escape(figures.how)] if mixed else []
    shades += [""] * (len(cells) - len(shades))
    shades[-1] = ' class="made"' if mixed else ""
    button = f'<button type="button" data-do="show {item.id}">{file_fragments.file_name(item.name)}</button>'
    body = "".join(f"<td{shade}>{cell}</td>" for cell, shade in zip(cells, shades, strict=True))
    note = _small_note(TOO_LITTLE) if summary.too_little and summary.shares else ""
    note += _small_note("damaged") if figures.damage else ""
    return f'<tr><th scope="row">{button}{note}</th>{body}</tr>'


def _small_note(words: str) -> str:
    return f'<span class="caption little">{html.escape(words)}</span>' if words else ""


def _failed_row(item: Item, columns: int) -> str:
    """A recording without figures: its name, and across ``columns`` columns its problem."""
    name, problem = file_fragments.file_name(item.name), html.escape(item.problem)
    return (
        f'<tr data-state="{FAILED}"><th scope="row"><span>{name}</span></th>'
        f'<td colspan="{columns}"><span>{problem}</span></td></tr>'
    )


def values(item: Item) -> dict[str, Any]:
    """A row of the table's CSV file, with the keys of COLUMNS; None is unknown."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {"recording": item.name, "state": item.state, "problem": item.problem or None}
    if item.state != DONE:
        return row
    figures: Figures = item.result
    summary = figures.summary
    row |= {"duration": round(figures.duration, 3), "dominant": figures.dominant or None}
    row |= {"problem": figures.damage or None}
    row |= {"persons": figures.persons if figures.has_faces else None}
    row |= {name: round(summary.shares[name], 4) for name in EMOTIONS if name in summary.shares}
    row |= {"too_little": summary.too_little, HOW: figures.how}
    shown = {name: getattr(summary, name) for name in (*SHARES, "by_prior")}
    if not summary.shares:
        shown |= {"unsure": None, "by_prior": None}
    if not figures.has_faces:
        shown |= {"face": None}
    return row | {name: None if value is None else round(value, 4) for name, value in shown.items()}
