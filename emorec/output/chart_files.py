"""Charts as files: PNG, SVG, or HTML that works offline."""

from __future__ import annotations

import html
import io
import re
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emorec.errors import EmorecError

SUFFIXES = (".png", ".svg", ".html")
PNG_SCALE = 2

# Characters that XML does not allow. The program that draws ends the whole process at the first one.
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# What may begin a tag. In an HTML file the chart is in a script, which "</script>" in a label would end.
TAG = re.compile("<(?=[/!a-zA-Z])")

CHARSET = '<meta charset="UTF-8">'


def check_suffix(file: str | Path) -> None:
    """Raise EmorecError unless a chart can be saved under this name."""
    if Path(file).suffix.lower() not in SUFFIXES:
        raise EmorecError(f"A chart cannot be saved as {Path(file).name}; end the name in .png, .svg or .html.")


def content(chart: Any, kind: str) -> bytes:
    """The content of a file of the kind "png", "svg" or "html" with an Altair chart.

    Texts may come from files that somebody else wrote: characters that a chart cannot have become U+FFFD, and an HTML
    file runs no script but its own.
    """
    import altair as alt  # late, because it takes a second

    with alt.data_transformers.disable_max_rows():
        given = chart.to_dict(validate=False)
    mark = secrets.token_hex(16) if kind == "html" else ""
    drawable = _each_text(given, lambda text: NOT_IN_XML.sub("\ufffd", TAG.sub(mark, text) if mark else text))
    if drawable != given:
        chart = type(chart).from_dict(drawable)
    if kind == "png":
        picture = io.BytesIO()
        chart.save(picture, format="png", scale_factor=PNG_SCALE)
        return picture.getvalue()
    text = io.StringIO()
    if kind == "svg":
        chart.save(text, format="svg")
        name = html.escape(str(chart.description)) if isinstance(chart.description, str) else "Chart"
        return text.getvalue().replace("<svg ", f'<svg role="img" aria-label="{name}" ', 1).encode()
    chart.save(text, format="html", inline=True)
    page = text.getvalue().replace(mark, "\\u003c")
    # Altair gives neither the language nor a title, which a screen reader says first.
    title = given.get("title")
    title = title.get("text") if isinstance(title, dict) else title
    name = html.escape(title) if title and isinstance(title, str) else "Chart"
    head = f'<html lang="en">\n<head>\n  {CHARSET}\n  <title>{name}</title>'
    return page.replace(f"<html>\n<head>\n  {CHARSET}", head, 1).encode()


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A value of JSON with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {_each_text(name, change): _each_text(each, change) for name, each in value.items()}
    return [_each_text(each, change) for each in value] if isinstance(value, list) else value
