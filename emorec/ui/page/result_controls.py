"""The components of a result: its warnings, the timeline, the summary, the tables, the downloads and the deletion."""

from types import SimpleNamespace

import gradio as gr

from emorec.output.charts import STYLES
from emorec.ui import fragments
from emorec.ui.page import marker_panel, people_panel, video
from emorec.ui.page.analysis import PAGE_ROWS, table_columns
from emorec.ui.page.controls import markup
from emorec.ui.page.downloads import DOWNLOADS, MORE

MOST_PAGES = 1_000_000  # each update of the slider sets the number of pages that there are
PAGE = f"Page, of {PAGE_ROWS} rows each"
ERASING = (
    "Delete my recordings takes away all that this browser has here: uploads, lists, results, names, markers and live "
    "sessions."
)
ROWS = '<p class="caption">A click on a row goes there in the player. Scroll sideways to see all columns.</p>'


def deletion() -> SimpleNamespace:
    """The button for deletion, and the two buttons of its confirmation."""
    with gr.Row(elem_id="erasing"):
        markup(f'<p class="caption">{ERASING}</p>')
        ask = gr.Button("Delete my recordings", size="sm", min_width=90, elem_id="erase")
        sure = gr.Button(
            "Delete recordings and results for good",
            variant="stop",
            size="sm",
            min_width=90,
            visible=False,
            elem_id="erase-sure",
        )
        keep = gr.Button("Keep them", size="sm", min_width=90, visible=False, elem_id="erase-keep")
    return SimpleNamespace(ask=ask, confirm=sure, keep=keep)


def results() -> SimpleNamespace:
    """The warnings, the timeline, and below it the summary, the tables and the downloads."""
    warnings = markup(elem_id="warnings")
    # The style sheet shows either this or the results. A change of ``visible`` would make Gradio rebuild the chart.
    markup(fragments.PLACEHOLDER, elem_id="awaited")
    with gr.Column(elem_id="results"):
        overview = markup(elem_id="overview")
        # The scripts write into it; a hidden component would not be in the page.
        part = gr.Textbox(show_label=False, container=False, max_lines=1, elem_id="range")
        chart = gr.Plot(show_label=False, container=False, elem_id="timeline")
        markup('<p role="status"></p>', elem_id="readout")
        legend = markup(fragments.legend(STYLES[0]), elem_id="legend")
        style = gr.Radio(
            [(name.replace("_", " and ").capitalize(), name) for name in STYLES],
            value=STYLES[0],
            show_label=False,
            container=False,
            label="Chart",
            elem_id="style",
        )
        only = gr.Checkbox(
            False, label="Summary, highlights and downloads of the shown part only", container=False, elem_id="only"
        )
        markers = marker_panel.markers()
    panel = people_panel.people()
    summary = markup(elem_id="summary")
    highlights = markup(elem_id="highlights")
    with gr.Accordion("Every minute", open=False, elem_id="every-minute") as each_minute:
        minutes = markup(elem_id="minutes")
    with gr.Accordion("Every row", open=False, elem_id="every") as accordion:
        markup(ROWS)
        # The server checks values against the maximum that is set here, not against that of a later update.
        page = gr.Slider(1, MOST_PAGES, value=1, step=1, label=PAGE, visible=False, elem_id="rows-page")
        # Its columns have the names of those in the CSV file, and a script reads its times.
        table = gr.Dataframe(
            headers=table_columns(None),
            interactive=False,
            show_label=False,
            max_height=420,
            elem_id="rows",
            elem_classes="notranslate",
        )
    with gr.Row(elem_id="downloads"):
        buttons = {
            kind: gr.Button(words, size="sm", min_width=90, elem_id=kind) for kind, (_, words) in DOWNLOADS.items()
        }
        with gr.Row(elem_id="another"):
            markup('<p class="caption">More formats, for Excel, ELAN, Praat and other programs:</p>')
            more = gr.Dropdown(
                [(words, kind) for kind, (_, words) in MORE.items()],
                value=next(iter(MORE)),
                show_label=False,
                container=False,
                label="Another format",
                min_width=200,
                elem_id="more-format",
            )
            save_more = gr.Button("Download", size="sm", min_width=90, elem_id="more-save")
    annotated = video.controls()
    download = gr.File(label="Download", elem_id="carrier")
    return SimpleNamespace(
        warnings=warnings,
        chart=chart,
        legend=legend,
        style=style,
        overview=overview,
        part=part,
        only=only,
        markers=markers,
        people=panel,
        summary=summary,
        highlights=highlights,
        minutes=minutes,
        each_minute=each_minute,
        accordion=accordion,
        page=page,
        table=table,
        buttons=buttons,
        more=more,
        save_more=save_more,
        video=annotated,
        download=download,
    )
