"""Cells of CSV files that spreadsheet programs read as they are meant.

This module imports no timelines, so that programs that write other tables start quickly.
"""

from __future__ import annotations

from typing import Any

FORMULA = ("=", "+", "-", "@")  # a spreadsheet program takes a text that begins with one of these for a formula


def cell(value: Any) -> Any:
    """A value for a CSV file: booleans as true and false, and no text that would be taken for a formula."""
    if isinstance(value, bool):
        return str(value).lower()
    # A spreadsheet program takes a cell that begins with an apostrophe for text; it may show the apostrophe.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
