"""``EMOREC_MODEL=org/name@v1 python app.py``: the page shows what the weights from the Hub can and cannot tell."""

import html
import json
import os
import subprocess
import sys
import urllib.request

import pytest

from emorec.models import checkpoint
from support import factories
from support.loopback_hub import LoopbackHub, environment_of
from support.page_process import PAGE_ENDS_WITHIN, free_port, wait_for
from support.paths import ROOT

MEASURED = {"what": "A toy <of the Hub>", "metric": "accuracy", "items": 98_765, "results": {"face": 0.43}}
EVALUATION = {"toy": MEASURED | {"spread": {"face": 0.021}}}
TRAINING = {"limits": ["Only toys."], "licence": "mit"}


@pytest.fixture
def hub(tmp_path):
    checkpoint.save(factories.checkpoint(evaluation=EVALUATION, training=TRAINING), tmp_path / "made")
    with LoopbackHub() as running:
        running.commit("org/name", {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}, tag="v1")
        yield running


def test_the_page_shows_the_card_of_pulled_weights(hub, tmp_path):
    port, log = free_port(), tmp_path / "log.txt"
    settings = {"EMOREC_MODEL": "org/name@v1", "GRADIO_SERVER_PORT": str(port)}
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | environment_of(hub, tmp_path / "home") | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(address, process, log)
        with urllib.request.urlopen(f"{address}/config", timeout=60) as answer:
            page = json.load(answer)
    finally:
        process.terminate()
        try:
            process.wait(PAGE_ENDS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shown = html.unescape(" ".join(str(part["props"].get("value")) for part in page["components"]))
    assert all(told in shown for told in (MEASURED["what"], "43.0%", "98,765", "Only toys."))
