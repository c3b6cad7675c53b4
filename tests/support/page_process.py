"""The page as a separate process: it is started, awaited until it answers, and ended."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from support.paths import ROOT

PAGE_STARTS_WITHIN = 180  # seconds; importing torch and Gradio on a busy machine takes a while
PAGE_ENDS_WITHIN = 15  # seconds


def free_port():
    """A free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serve_page(script, log, variables):
    """The address of the page that ``script`` serves in a process of its own, which prints to the file ``log``."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, script],
            cwd=ROOT,
            env=os.environ | variables | {"GRADIO_SERVER_PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(address, process, log)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(PAGE_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(address, process, log):
    deadline = time.monotonic() + PAGE_STARTS_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"app.py ended with exit code {process.returncode} before it answered:\n{log.read_text()}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.2)
    pytest.fail(f"app.py did not answer within {PAGE_STARTS_WITHIN} s:\n{log.read_text()}")
