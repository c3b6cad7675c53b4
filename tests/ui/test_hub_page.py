"""The page over weights from the Hub shows what their card says that they can and cannot tell."""

import html

import pytest

import emorec
from emorec.models import checkpoint
from emorec.ui.page.layout import build
from support import factories
from support.loopback_hub import LoopbackHub, use_hub

MEASURED = {"what": "A toy <of the Hub>", "metric": "accuracy", "items": 98_765, "results": {"face": 0.43}}
EVALUATION = {"toy": MEASURED | {"spread": {"face": 0.021}}}
TRAINING = {"limits": ["Only toys."], "licence": "mit"}


@pytest.fixture
def hub(tmp_path):
    checkpoint.save(factories.checkpoint(evaluation=EVALUATION, training=TRAINING), tmp_path / "made")
    with LoopbackHub() as running:
        running.commit("org/name", {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}, tag="v1")
        yield running


def test_the_page_shows_the_card_of_weights_from_the_hub(hub, tmp_path, monkeypatch):
    use_hub(hub, tmp_path / "home", monkeypatch)
    monkeypatch.setenv("EMOREC_MODEL", "org/name@v1")
    page = build(emorec.load())
    components = page.get_config_file()["components"]
    shown = html.unescape(" ".join(str(component["props"].get("value")) for component in components))
    assert all(words in shown for words in (MEASURED["what"], "43.0%", "98,765", "Only toys."))
    assert "org/name@v1 on the Hugging Face Hub" in shown
