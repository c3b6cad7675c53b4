"""Charts as files: PNG, SVG, or HTML that works offline."""

from __future__ import annotations

import html
import io
from pathlib import Path
from typing import Any

from emorec.errors import EmorecError

SUFFIXES = (".png", ".svg", ".html")
PNG_SCALE = 2

CHARSET = '<meta charset="UTF-8">'


def check_suffix(file: str | Path) -> None:
    """Raise EmorecError unless a chart can be saved under this name."""
    if Path(file).suffix.lower() not in SUFFIXES:
        raise EmorecError(f"A chart cannot be saved as {Path(file).name}; end the name in .png, .svg or .html.")


def content(chart: Any, kind: str) -> bytes:
    """The content of a file of the kind "png", "svg" or "html" with an Altair chart."""
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
    # Altair gives neither the language nor a title, which a screen reader says first.
    title = getattr(chart.title, "text", chart.title)
    name = html.escape(title) if title and isinstance(title, str) else "Chart"
    head = f'<html lang="en">\n<head>\n  {CHARSET}\n  <title>{name}</title>'
    return text.getvalue().replace(f"<html>\n<head>\n  {CHARSET}", head, 1).encode()
