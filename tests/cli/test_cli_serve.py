"""``emorec serve`` starts the page, and says which extra is missing if it cannot."""

import importlib.util

import pytest

from emorec.errors import install_command
from emorec.ui import app
from support.command import emorec


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ([], []),
        (["--share"], ["--share"]),
        (["--library", "dir"], ["--library", "dir"]),
        (["--port", "7900"], ["--port", "7900"]),
    ],
)
def test_serve_starts_the_page_and_returns_its_exit_code(given, passed, monkeypatch):
    started = []
    monkeypatch.setattr(app, "main", lambda arguments: started.append(arguments) or 7)
    assert emorec("serve", *given)[0] == 7
    assert started == [passed]


@pytest.mark.parametrize("port", ["0", "65536", "many"])
def test_a_wrong_port_is_one_sentence(port):
    code, out, err = emorec("serve", "--port", port)
    assert (code, out) == (2, "") and len(err.splitlines()) == 1 and "number from 1 to 65535" in err


def test_without_the_extra_it_is_one_sentence(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr("emorec.errors.find_spec", lambda name: None if name == "gradio" else find(name))
    code, out, err = emorec("serve")
    assert (code, out) == (2, "")
    assert err == f"emorec: This needs packages that are not installed (gradio): run {install_command('app')}.\n"


def test_recordings_are_not_for_serve():
    code, _, err = emorec("serve", "clip.mp4")
    assert code == 2 and "unrecognized arguments: clip.mp4" in err


def test_a_wrong_setting_is_told_before_the_page_is_loaded(monkeypatch):
    monkeypatch.setattr(app, "main", lambda arguments: pytest.fail("the page was started"))
    assert emorec("serve", EMOREC_CACHE_MB="many")[0] == 2
