"""The page as a separate process: a free port for it, and the wait until it answers."""

import contextlib
import socket
import time
import urllib.error
import urllib.request

import pytest

PAGE_STARTS_WITHIN = 180  # seconds; importing torch and Gradio on a busy machine takes a while
PAGE_ENDS_WITHIN = 15  # seconds


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(address, process, log):
    deadline = time.monotonic() + PAGE_STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"app.py ended with exit code {process.returncode} before it answered:\n{log.read_text()}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"app.py did not answer within {PAGE_STARTS_WITHIN} s:\n{log.read_text()}")
