"""Waiting in tests for another thread or process."""

import time

import pytest

PATIENCE = 60  # seconds


def until(holds):
    """Return when ``holds()`` is true; fail the test after PATIENCE seconds."""
    for _ in range(PATIENCE * 20):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail(f"still not true after {PATIENCE} s")
