"""The components and the HTML of the tab Library: the list of past analyses, and the comparison of several."""

import html
from collections import Counter
from collections.abc import Sequence
from types import SimpleNamespace

import gradio as gr

from emorec.emotions import EMOJI
from emorec.library.groups import GroupMean
from emorec.output.chart_data import signed
from emorec.ui import file_fragments, fragments
from emorec.ui.page.recordings import TOO_LITTLE
from emorec.ui.shelf import FOUND_FROM, Entry

SORTS = (("Newest first", "date"), ("Name", "name"), ("Longest first", "length"), ("Most unsure first", "unsure"))
MAX_LISTED = 100
MORE = "{count} more; type a part of a name, an emotion or a date to find them."
NOTHING = "Nothing here fits these words."
LEFT_OUT = "What is left out"
CHOOSE = "Choose recordings with the boxes to compare them: the charts of the first two, and the means of all."
MIXED = "These recordings were analysed with different choices, which may be why they differ: {made}."
MAX_NAMED = 5  # kinds of choices that the sentence names
POINTER = "See the comparison"
SIGNED = ("valence", "arousal")
COLUMNS = ("Recording", "Date", "Length", "Persons", "Mostly", "Unsure")


def panel() -> SimpleNamespace:
    """The components in the tab.

    The script writes the button that is pressed into ``command``, and the boxes that are checked into ``chosen``.
    """
    with gr.Row(elem_id="library-tools"):
        words = gr.Textbox(
            label="Find",
            placeholder=f"name, emotion (from {FOUND_FROM:.0%}), 2026-11",
            max_lines=1,
            scale=3,
            min_width=220,  # on a phone both fields have a line of their own
            elem_id="library-words",
        )
        order = gr.Dropdown(SORTS, value="date", label="Order", scale=2, min_width=200, elem_id="library-order")
    listed = gr.HTML(apply_default_css=False, elem_id="library-list")
    hidden = {"show_label": False, "container": False, "max_lines": 1}
    command = gr.Textbox(**hidden, elem_id="library-command")
    chosen = gr.Textbox(**hidden, elem_id="library-chosen")
    return SimpleNamespace(words=words, order=order, listed=listed, command=command, chosen=chosen)


def comparison() -> SimpleNamespace:
    """The components below the tabs: two charts above each other, and the means with their table."""
    # The style sheet hides it while it is empty. With ``visible``, charts would be drawn before they have a width.
    with gr.Column(elem_id="library-compared") as column:
        first_name = gr.HTML(apply_default_css=False, elem_id="library-first-name")
        first = gr.Plot(show_label=False, container=False, elem_id="library-first")
        second_name = gr.HTML(apply_default_css=False, elem_id="library-second-name")
        second = gr.Plot(show_label=False, container=False, elem_id="library-second")
        gr.HTML(fragments.legend("stacked").partition("<p")[0], apply_default_css=False, elem_id="library-legend")
        means = gr.HTML(apply_default_css=False, elem_id="library-means")
        chart = gr.Plot(show_label=False, container=False, elem_id="library-means-chart")
    charts = [first_name, first, second_name, second, means, chart]
    return SimpleNamespace(column=column, outputs=charts)


def list_html(entries: Sequence[Entry], notes: Sequence[str], total: int) -> str:
    """The list of past analyses, of ``total`` in all.

    The script checks the boxes of those that are compared, and then shows the button that goes to the comparison.
    """
    lines = "".join(_line(entry) for entry in entries[:MAX_LISTED])
    head = "".join(f'<th scope="col">{words}</th>' for words in ("<span>Compare</span>", *COLUMNS))
    table = f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'
    more = len(entries) - MAX_LISTED
    words = f"{len(entries)} of {total} analyses. {CHOOSE}"
    words = f"{words} {MORE.format(count=more)}" if more > 0 else words
    if not entries:
        table, words = "", NOTHING
    pointer = f'<p class="to-compared" hidden><button type="button">{POINTER}</button></p>' if entries else ""
    left = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    left = f"<details><summary>{LEFT_OUT} ({len(notes)})</summary><ul>{left}</ul></details>" if notes else ""
    return f'<section class="library"><p class="caption" role="status">{words}</p>{table}{pointer}{left}</section>'


def _line(entry: Entry) -> str:
    item, name = html.escape(entry.item, quote=True), html.escape(entry.name)
    shown = file_fragments.isolated(entry.name)
    dominant, share = entry.dominant, entry.figures.shares.get(entry.dominant, 0.0)
    mostly = (
        f'<span class="emoji" aria-hidden="true">{EMOJI[dominant]}</span> {dominant} {share:.0%}' if dominant else "–"
    )
    if entry.figures.shares and entry.figures.too_little:
        mostly = TOO_LITTLE
    day, _, clock = entry.finished.partition("T")
    persons = "–" if entry.persons is None else f"{entry.persons}"
    unsure = f"{entry.figures.unsure:.0%}" if entry.figures.shares else "–"
    box = f'<input type="checkbox" data-compare="{item}" aria-label="Compare {name}">'
    cells = (
        f'<time datetime="{html.escape(entry.finished)}">{html.escape(day)} {html.escape(clock[:5])}</time>',
        fragments.clock(entry.duration),
        persons,
        mostly,
        unsure,
    )
    rest = "".join(f'<td data-of="{column}">{cell}</td>' for column, cell in zip(COLUMNS[1:], cells, strict=True))
    return (
        f'<tr><td>{box}</td><th scope="row"><button type="button" class="name" data-open="{item}">{shown}</button>'
        f"{entry.ribbon}</th>{rest}</tr>"
    )


def means_html(found: Sequence[GroupMean], made: Sequence[str]) -> str:
    """The table of the means of recordings; ``made`` are the choices of each, with a note above if they differ."""
    count = len(made)
    if not found:
        return fragments.callout("None of these recordings has evidence.")
    rows = "".join(
        f'<tr><th scope="row">{one.measure}</th><td>{_value(one, one.mean)}</td><td>{_interval(one)}</td>'
        f"<td>{one.count}</td></tr>"
        for one in found
    )
    which = "1 recording" if count == 1 else f"{count} recordings"
    return (
        f'<section class="library-means"><h2>Means of {which}</h2>{_mixed(made)}'
        f'<div class="scroll" tabindex="0" role="region" aria-label="Means of {which}"><table>'
        "<caption>Share of the time with evidence; valence and arousal from −1 to 1. Each recording counts once; "
        "intervals are 95 % (Student's t).</caption><thead><tr>"
        '<th scope="col">measure</th><th scope="col">mean</th><th scope="col">95 % interval</th>'
        f'<th scope="col">recordings</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _value(one: GroupMean, value: float) -> str:
    return signed(value) if one.measure in SIGNED else f"{value:.1%}"


def _interval(one: GroupMean) -> str:
    if one.low is None or one.high is None:
        return "–"
    return f"{_value(one, one.low)} to {_value(one, one.high)}"


def _mixed(made: Sequence[str]) -> str:
    kinds = Counter(made).most_common()
    if len(kinds) < 2:
        return ""
    named = [f"{how} ({count} of {len(made)})" for how, count in kinds[:MAX_NAMED]]
    more = [f"{len(kinds) - MAX_NAMED} more"] if len(kinds) > MAX_NAMED else []
    return fragments.callout(MIXED.format(made="; ".join(named + more)))


def heading(entry: str, how: str) -> str:
    """The name above a chart, and how its timeline was made."""
    return f'<h2 class="compared">{html.escape(entry)}</h2><p class="caption">{html.escape(how)}</p>'
