"""The reasons for which the page cannot be served at an address and a port."""

import errno
import socket
from types import SimpleNamespace

import httpx
import pytest

from emorec.errors import EmorecError
from emorec.ui import app
from emorec.ui.page import layout
from emorec.ui.server import ports
from support.page_process import free_port


def refused(name, port):
    with pytest.raises(EmorecError) as caught:
        ports.check(name, port)
    return str(caught.value)


def test_a_port_that_is_taken_is_told_before_the_weights_are_loaded(monkeypatch, capsys):
    monkeypatch.delenv("GRADIO_SERVER_NAME", raising=False)
    monkeypatch.setattr(app.emorec, "load", lambda: pytest.fail("the weights are loaded"))
    with socket.socket() as other:
        other.bind((ports.LOCAL, 0))
        other.listen()
        port = other.getsockname()[1]
        assert app.main(["--port", str(port)]) == app.USER_ERROR
    assert capsys.readouterr().err == f"emorec: The port {port} is taken; choose another one with --port.\n"


@pytest.mark.parametrize("name", ["192.0.2.7", "nowhere.invalid", "::1", "[::1]"])
def test_an_address_that_this_computer_does_not_have_is_no_port_that_is_taken(name):
    assert refused(name, free_port()).startswith(f"GRADIO_SERVER_NAME is {name!r}, which is no IPv4 address")


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EACCES, "does not let you use the port 80;"), (errno.ENOBUFS, "No buffer space")]
)
def test_other_reasons_have_sentences_of_their_own(monkeypatch, code, words):
    def bind(*_):
        raise OSError(code, "No buffer space" if code == errno.ENOBUFS else "Permission denied")

    # The system decides by the user and its settings whether a port is allowed, so it is played here.
    monkeypatch.setattr(ports.socket.socket, "bind", bind, raising=False)
    assert words in refused(None, 80) and "taken" not in refused(None, 80)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError("Cannot find empty port in range: 80-80. Pass the server_port parameter to launch()."),
            "The page cannot be served at the port 80 (Gradio does not find it free)",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), "The page cannot be started (Permission denied)."),
        (OSError(errno.EROFS, "Read-only file system", "/x"), "cannot be started (/x: Read-only file system)."),
        (
            httpx.ConnectError("[Errno -2] Name or service not known"),
            "The page does not reach itself at the port 80 ([Errno -2] Name or service not known); check that",
        ),
    ],
)
def test_what_goes_wrong_later_is_one_sentence_of_its_own(monkeypatch, capsys, error, words):
    def launch(**_):
        raise error

    page = SimpleNamespace(service=None, launch=launch, script="")
    monkeypatch.setattr(layout, "build", lambda *_, **__: page)
    monkeypatch.setattr(app, "guard_options", lambda *_: SimpleNamespace(security_headers=SimpleNamespace()))
    monkeypatch.setattr(app, "app_options", lambda *_: {})
    given = app.ServerSettings.from_environment({"GRADIO_SERVER_PORT": "80"})
    assert app.serve(None, None, given, share=False) == app.USER_ERROR
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and "taken" not in said and "server_port" not in said


def test_a_free_port_is_not_refused():
    ports.check(None, free_port())
    ports.check("localhost", free_port())
