"""Checks whether the page can be served at an address and a port, and reports the reason if it cannot.

Gradio reports every reason as a port that is taken.
"""

import errno
import socket

from emorec.errors import EmorecError

LOCAL = "127.0.0.1"  # where Gradio serves the page without GRADIO_SERVER_NAME
TAKEN = "The port {port} is taken; choose another one with --port."
NOT_ALLOWED = "The system does not let you use the port {port}; choose one above 1023 with --port."
NO_ADDRESS = (
    "GRADIO_SERVER_NAME is {name!r}, which is no IPv4 address and no name of this computer; set it to one of these, or "
    "to 0.0.0.0 for all of them."
)
FAILED = "The page cannot be served at the port {port} ({reason}); choose another one with --port."
NOT_STARTED = "The page cannot be started ({reason})."
NOT_REACHED = (
    "The page does not reach itself at the port {port} ({reason}); check that this computer knows the name localhost, "
    "and its firewall."
)


def check(name: str | None, port: int) -> None:
    """Raise EmorecError if the page cannot be served at an address or host name (None: LOCAL) and a port."""
    try:
        with socket.socket() as probe:  # for IPv4, like that of Gradio
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((name or LOCAL, port))
    except OSError as error:
        raise EmorecError(_sentence(error).format(name=name, port=port, reason=error.strerror or error)) from None


def start_failure(error: Exception, port: int) -> str:
    """Describe in one sentence an error that Gradio raises while the page starts."""
    if not isinstance(error, OSError):  # of its HTTP client, with which Gradio asks for the page once
        return NOT_REACHED.format(port=port, reason=error)
    if error.errno is None:  # its own error names arguments of its own
        return FAILED.format(port=port, reason="Gradio does not find it free")
    return NOT_STARTED.format(reason=": ".join(filter(None, (error.filename, error.strerror))))


def _sentence(error: OSError) -> str:
    if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
        return NO_ADDRESS
    return {errno.EADDRINUSE: TAKEN, errno.EACCES: NOT_ALLOWED}.get(error.errno or 0, FAILED)
