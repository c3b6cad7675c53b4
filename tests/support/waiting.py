"""Waiting in tests for what another thread or process does."""

import time

import pytest

PATIENCE = 60  # seconds


def until(holds):
    """Return as soon as ``holds()`` is true; the test fails if that takes longer than PATIENCE."""
    for _ in range(PATIENCE * 20):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to that")
