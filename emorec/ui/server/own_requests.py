"""Gradio's requests to this server itself, which no proxy can pass on.

While Gradio starts, it sends requests to its own address. Its client takes the proxies of the environment (on Windows
and macOS also those of the system) even for this computer's own addresses, and does not start with a SOCKS proxy.
"""

from __future__ import annotations

import contextlib
import os
import urllib.request
from collections.abc import Iterator

OWN = ("localhost", "127.0.0.1", "::1")
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
KNOWN_SCHEMES = ("http://", "https://")  # of proxies that Gradio's client knows without a further package


@contextlib.contextmanager
def without_proxy(public: bool = False, server_name: str | None = None) -> Iterator[None]:
    """A context in which requests to this computer go to no proxy.

    If the page is to be ``public``, requests to other computers, those of Gradio's service, still go to the proxies.
    ``server_name`` is another name of this server. Afterwards the environment is as before, because with ``no_proxy``
    in it, Python ignores the system's proxies, which the Hub may need.
    """
    given = urllib.request.getproxies()
    changed = {"no_proxy": "*"}
    if public:
        exempt = (given.get("no", ""), *OWN, server_name or "")
        changed = {"no_proxy": ",".join(filter(None, exempt))}
        changed |= {
            f"{scheme}_proxy": given[scheme] for scheme in ("http", "https", "all") if _is_usable(given, scheme)
        }
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.lower() in VARIABLES}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name in changed:
            os.environ.pop(name, None)
        os.environ.update(before)


def _is_usable(proxies: dict[str, str], scheme: str) -> bool:
    import httpx  # late, as Gradio imports it

    address = proxies.get(scheme, "")
    if not address or "://" in address and not address.lower().startswith(KNOWN_SCHEMES):
        return False
    with contextlib.suppress(httpx.InvalidURL):  # as by a password with / in it
        return bool(httpx.Proxy(address if "://" in address else f"http://{address}"))
    return False
