"""A timeline in a notebook: a sentence, the chart, and the highlights, without a network and without scripts.

The chart is an image. A notebook that is not trusted, such as one from somebody else, removes the elements of an SVG
picture that stands in the HTML, and only the labels of its axes would be left.

Notebooks that draw Vega-Lite themselves get the specification of the chart, and show it with tooltips.
"""

from __future__ import annotations

import base64
import html
import re
from typing import Any

from emorec import files
from emorec.inference.timeline import Timeline
from emorec.output import charts
from emorec.output.chart_data import clock
from emorec.output.highlights import find_highlights
from emorec.output.summary import affect_in_words, sentence, summary

CHART_NAME = re.compile(r'aria-label="([^"]*)"')  # of an SVG picture; the first is that of the whole chart


def html_text(timeline: Timeline) -> str:
    """A timeline as HTML: the sentence, notes, the chart as an SVG image, and the highlights."""
    figures = summary(timeline)
    warning, affect = figures.warning, affect_in_words(figures)
    highlights = "".join(
        f"<li>{clock(found.start)} {html.escape(found.sentence)}</li>" for found in find_highlights(timeline)
    )
    parts = [
        f"<p>{html.escape(sentence(timeline))}</p>",
        f"<p><strong>{html.escape(warning)}</strong></p>" if warning else "",
        *(f"<p>{html.escape(note)}</p>" for note in timeline.notes),
        _image(timeline),
        f"<p>{html.escape(affect)}</p>" if affect else "",
        f"<ul>{highlights}</ul>" if highlights else "",
    ]
    return files.shown(f'<div style="max-width:{charts.FILE_WIDTH}px">{"".join(parts)}</div>')


def _image(timeline: Timeline) -> str:
    picture = charts.svg_text(timeline)
    name = CHART_NAME.search(picture)
    address = f"data:image/svg+xml;base64,{base64.b64encode(picture.encode()).decode()}"
    return f'<img alt="{name[1] if name else ""}" src="{address}" style="max-width:100%">'


def mimebundle(timeline: Timeline) -> dict[str, Any]:
    """What Jupyter can show of a timeline, by MIME type: plain text, HTML, and the chart as Vega-Lite."""
    return {
        "text/plain": sentence(timeline),
        "text/html": html_text(timeline),
        charts.VEGA_LITE: charts.notebook_chart(timeline).to_dict(),
    }
