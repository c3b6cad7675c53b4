"""A computer behind a proxy: while the page starts, Gradio asks this server itself, and no proxy."""

import os
import urllib.request

import httpx
import pytest

from emorec.ui.server import own_requests
from emorec.ui.server.own_requests import VARIABLES, without_proxy

HERE, ELSEWHERE = "http://127.0.0.1:7860/", "https://api.example/"


@pytest.fixture
def proxies(monkeypatch):
    """Set the proxies of the environment to these alone."""
    for name in list(os.environ):
        if name.lower() in VARIABLES:
            monkeypatch.delenv(name)

    def set_to(**given):
        for name, value in given.items():
            monkeypatch.setenv(name, value)

    return set_to


def through_proxy(client, address):
    """Whether a request to an address would go to a proxy."""
    return type(client._transport_for_url(httpx.URL(address))._pool).__name__ != "ConnectionPool"


@pytest.mark.parametrize(
    "given",
    [
        {"http_proxy": "http://proxy.example:8080", "https_proxy": "http://proxy.example:8080"},
        {"HTTP_PROXY": "proxy.example:8080"},
        {"ALL_PROXY": "socks://127.0.0.1:7890", "no_proxy": "lab.example"},
        {"all_proxy": "socks5://127.0.0.1:7890"},
    ],
)
def test_own_requests_go_to_no_proxy_and_the_environment_is_as_before(proxies, given):
    proxies(**given)
    before = dict(os.environ)
    with without_proxy(), httpx.Client() as client:
        assert not through_proxy(client, HERE) and not through_proxy(client, ELSEWHERE)
    assert dict(os.environ) == before and urllib.request.getproxies()


def test_a_public_link_needs_the_proxy_but_not_for_this_server(proxies):
    proxies(HTTPS_PROXY="http://proxy.example:8080", ALL_PROXY="socks://127.0.0.1:7890", no_proxy="lab.example")
    with without_proxy(public=True, server_name="emorec.example"), httpx.Client() as client:
        assert through_proxy(client, ELSEWHERE)
        for address in (HERE, "http://localhost/", "http://emorec.example/", "https://lab.example/"):
            assert not through_proxy(client, address)
    assert os.environ["ALL_PROXY"] == "socks://127.0.0.1:7890" and os.environ["no_proxy"] == "lab.example"


@pytest.mark.parametrize("address", ["http://me:pass/word@proxy.example:8080", "me:pass/word@proxy.example:8080"])
def test_an_address_of_a_proxy_that_its_password_breaks_stops_no_public_link(proxies, address):
    proxies(HTTPS_PROXY=address)
    with pytest.raises(httpx.InvalidURL):
        httpx.Client()
    with without_proxy(public=True), httpx.Client() as client:
        assert not through_proxy(client, HERE) and not through_proxy(client, ELSEWHERE)


def test_the_proxies_of_the_system_count_as_well(proxies, monkeypatch):
    """As on Windows and macOS, where no variable names them."""
    proxies()
    of_system = {"http": "http://proxy.example:8080", "https": "http://proxy.example:8080"}

    def system(environment=urllib.request.getproxies):
        return environment() or of_system

    monkeypatch.setattr(own_requests.urllib.request, "getproxies", system)
    monkeypatch.setattr(httpx._utils, "getproxies", system)
    with httpx.Client() as client:
        assert through_proxy(client, HERE)
    with without_proxy(), httpx.Client() as client:
        assert not through_proxy(client, HERE)
    with without_proxy(public=True), httpx.Client() as client:
        assert through_proxy(client, ELSEWHERE) and not through_proxy(client, HERE)
    assert not set(VARIABLES) & {name.lower() for name in os.environ} and system() == of_system
