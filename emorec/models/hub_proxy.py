"""The proxy between this computer and the Hugging Face Hub, for sentences: never its user or its password."""

from __future__ import annotations

import re
import urllib.request
from urllib.parse import urlsplit

KINDS = ("http", "https", "all")  # the Hub's client reads the proxies of all of them when it is made
MALFORMED = (
    "{variable} is no address of a proxy: write http://USER:PASSWORD@HOST:PORT, with %2F for a / in the password and "
    "%40 for an @"
)
UNKNOWN_SCHEME = "the address of the proxy in {variable} does not begin with http://, https:// or socks5://"


def name() -> str | None:
    """Host and port of the proxy on the way to the Hub; None if there is none, or if they cannot be told for sure."""
    from huggingface_hub import constants  # here, so that importing this file costs nothing

    hub, proxies = urlsplit(constants.ENDPOINT), urllib.request.getproxies()
    address = proxies.get(hub.scheme) or proxies.get("all")
    if not address or urllib.request.proxy_bypass(hub.hostname or "") or _fault(address):
        return None
    import httpx2  # here, for the same reason

    url = httpx2.URL(_with_scheme(address))
    if url.raw_path != b"/" or url.fragment:
        return None  # perhaps the rest of a password, without the @ after it
    return url.netloc.decode()


def fault() -> str | None:
    """What is wrong with the address of a proxy, as a clause; None if nothing is."""
    proxies = urllib.request.getproxies()
    for kind in KINDS:
        if (address := proxies.get(kind)) and (found := _fault(address)):
            return found.format(variable=f"{kind.upper()}_PROXY")
    return None


def _fault(address: str) -> str | None:
    import httpx2  # here, for the same reason

    place, *rest = re.split("[/?#]", _with_scheme(address).partition("://")[2], maxsplit=1)
    if "@" not in place and "@" in "".join(rest):
        # A password with / ends the place early, and what is left of it may look like a host and a port.
        return MALFORMED
    try:
        httpx2.Proxy(_with_scheme(address))
    except httpx2.InvalidURL:
        return MALFORMED
    except ValueError:
        return UNKNOWN_SCHEME
    return None


def _with_scheme(address: str) -> str:
    return address if "://" in address else f"http://{address}"
