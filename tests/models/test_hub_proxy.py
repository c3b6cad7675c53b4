"""models/hub.py behind a proxy, which the Hub of the tests plays, and in a network that reads encrypted connections."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub
import pytest
import trustme

from emorec.models import hub_call
from emorec.models.hub import HubError, Unreachable, pull
from support.loopback_hub import ask_at

MODEL = "org/name"
FAR = "hub.example"  # a name that nobody but the proxy knows
SECRET = "top-secret"


@pytest.fixture
def behind(hub, monkeypatch):
    """Use the Hub at an address that is known to the proxy alone: ``behind(address of the Hub, **variables)``."""
    hub.commit(MODEL, {"config.json": b"{}", "model.safetensors": b"weights"})
    monkeypatch.setattr(hub_call, "WAITS", (0.01,))

    def use(address, **variables):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        ask_at(address, monkeypatch)
        huggingface_hub.close_session()  # it takes the proxies when it is made
        return hub

    yield use
    huggingface_hub.close_session()


def proxy_of(hub):
    return hub.url.removeprefix("http://")


def test_the_hub_is_asked_through_the_proxy(hub, behind):
    hub = behind(f"http://{FAR}", http_proxy=hub.url)
    assert (pull(MODEL).folder / "model.safetensors").read_bytes() == b"weights"
    assert hub.count(f"GET /{MODEL}/resolve/")


def test_an_address_that_needs_no_proxy_is_asked_directly(hub, behind):
    behind(hub.url, http_proxy="http://127.0.0.1:9", no_proxy="127.0.0.1")
    assert (pull(MODEL).folder / "config.json").read_bytes() == b"{}"


@pytest.mark.parametrize(
    "variables",
    [{"http_proxy": f"http://me:{SECRET}@127.0.0.1:9/"}, {"all_proxy": f"socks5://me:{SECRET}@127.0.0.1:9"}],
)
def test_a_proxy_that_is_not_there_is_named_without_its_password(behind, variables):
    behind(f"http://{FAR}", **variables)
    with pytest.raises(Unreachable, match=r"no connection to it through the proxy 127\.0\.0\.1:9, or") as caught:
        pull(MODEL)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_asks_for_a_password_is_one_sentence(hub, behind, scheme):
    hub.fault(f"CONNECT {FAR}:443" if scheme == "https" else "GET /api", 407)
    behind(f"{scheme}://{FAR}", **{f"{scheme}_proxy": hub.url})
    with pytest.raises(Unreachable) as caught:
        pull(MODEL)
    assert f"the proxy {proxy_of(hub)} asks for a password: set HTTPS_PROXY to http://USER:PASSWORD@" in str(
        caught.value
    )


def test_a_proxy_that_refuses_is_one_sentence(hub, behind):
    behind(f"https://{FAR}", https_proxy=hub.url)
    with pytest.raises(Unreachable, match=f"no connection to it through the proxy {proxy_of(hub)}, or"):
        pull(MODEL)
    assert hub.count(f"CONNECT {FAR}:443")


def test_a_proxy_of_an_unknown_kind_is_one_sentence(hub, behind):
    """As GNOME and some clients of SOCKS proxies set it, also beside one that works."""
    for other in ({}, {"https_proxy": hub.url}):
        behind(f"https://{FAR}", all_proxy=f"socks://me:{SECRET}@127.0.0.1:7890/", **other)
        with pytest.raises(Unreachable) as caught:
            pull(MODEL)
        assert "the proxy in ALL_PROXY does not begin with http://, https:// or socks5://" in str(caught.value)
        assert SECRET not in str(caught.value) and proxy_of(hub) not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        f"http://me:{SECRET}/more@127.0.0.1:9",  # what is before the / looks like a host and a port
        f"http://me:{SECRET}#more@127.0.0.1:9",
        f"me:{SECRET}?more@127.0.0.1:9",
        "http://me:2024/top-secret@127.0.0.1:9",  # here it even has a number for a port
        f"http://me:{SECRET}127.0.0.1:9",
        f"http://me:{SECRET}",
    ],
)
def test_a_password_that_breaks_the_address_of_the_proxy_is_not_told(behind, address):
    behind(f"https://{FAR}", https_proxy=address)
    with pytest.raises(Unreachable) as caught:
        pull(MODEL)
    said = str(caught.value)
    assert "HTTPS_PROXY is no address of a proxy: write http://USER:PASSWORD@HOST:PORT" in said
    assert not any(part in said for part in ("top", "secret", "more", "2024"))


def test_a_part_of_a_password_that_looks_like_a_port_is_not_told(behind):
    behind(f"https://{FAR}", https_proxy="http://127.0.0.1:9/ss-proxy.example:8080")
    with pytest.raises(Unreachable, match="there is no connection to it, or it was cut"):
        pull(MODEL)


@pytest.mark.parametrize(
    "address", [f"http://me:{SECRET}:9@127.0.0.1:9", f"http://me:{SECRET}@x@127.0.0.1:9", f"me:{SECRET} 1@127.0.0.1:9"]
)
def test_of_an_unusual_password_nothing_is_told(behind, address):
    behind(f"https://{FAR}", https_proxy=address)
    with pytest.raises(Unreachable, match=r"through the proxy 127\.0\.0\.1:9, or") as caught:
        pull(MODEL)
    assert "secret" not in str(caught.value)


@pytest.fixture
def encrypted():
    """A server whose certificate an authority of its own gives: its address and the authority."""

    class Empty(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}", authority
    server.shutdown()
    server.server_close()


def test_a_network_that_reads_encrypted_connections_needs_its_certificate(behind, encrypted, tmp_path):
    address, authority = encrypted
    behind(address)
    with pytest.raises(Unreachable, match="certificate is not trusted on this computer: .* set SSL_CERT_FILE to"):
        pull(MODEL)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    behind(address, SSL_CERT_FILE=str(tmp_path / "authority.pem"))
    with pytest.raises(HubError, match="it answers 404"):
        pull(MODEL)
