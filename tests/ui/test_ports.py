"""The reasons for which the page cannot be served at an address and a port."""

import errno
import socket

import pytest

from emorec.errors import EmorecError
from emorec.ui import app
from emorec.ui.server import ports
from support.small_page import free_port


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


def test_a_free_port_is_not_refused():
    ports.check(None, free_port())
    ports.check("localhost", free_port())
