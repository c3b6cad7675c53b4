"""Checks of the values in a configuration, which is not trusted. Errors say what is allowed."""

from __future__ import annotations

import math
import reprlib


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise ValueError unless the value is a number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} is {reprlib.repr(value)}; it must be a number from {low:g} to {high:g}")


def check_whole(name: str, value: object, low: int, high: float = math.inf) -> None:
    """Raise ValueError unless the value is a whole number from ``low`` to ``high``."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        allowed = f"{low}" if low == high else f"a whole number from {low} to {high:g}"
        allowed = f"a whole number of {low} or more" if high == math.inf else allowed
        raise ValueError(f"{name} is {reprlib.repr(value)}; it must be {allowed}")


def check_texts(name: str, value: object) -> None:
    """Raise ValueError unless the value is a tuple of text."""
    if not isinstance(value, tuple) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{name} is {reprlib.repr(value)}; it must be a list of text")
