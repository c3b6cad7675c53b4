"""Cells of CSV files as spreadsheets read them; needs nothing of what makes timelines."""

from __future__ import annotations

from typing import Any

FORMULA = ("=", "+", "-", "@")  # what makes a spreadsheet take a text in a CSV file for a formula


def cell(value: Any) -> Any:
    """A value for a CSV file: true and false in small letters, and no text that would be calculated."""
    if isinstance(value, bool):
        return str(value).lower()
    # A spreadsheet shows an apostrophe in front of a cell as nothing, and takes what follows it for text.
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
