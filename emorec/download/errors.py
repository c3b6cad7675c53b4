"""Errors of a download as one sentence for the user.

``sentence`` is for the downloading process only. The sentences about limits (their values are in ``settings``) are for
the parent process too, which also checks them.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emorec.download.network_guard import Guard

REASON_LENGTH = 160
NOT_FOUND = "The server of this link was not found; check the address, and that this machine is online."
NO_ANSWER = "The server of this link does not answer; try again later."
NO_CONNECTION = "The connection to the server of this link failed; try again later."
NOT_THROUGH_PROXY = "Links are not fetched through this computer's proxy; if it is the only way, give the file itself."
PROXIES = ("http", "https", "all")  # kinds of proxies, as Python names them
NO_SPACE = "There is no space left for the download; free some and try again."  # the parent knows a full disk by it


class Problem(Exception):
    """A download fails; the text is one sentence for the user."""


def too_long(seconds: float) -> str:
    """The sentence about a recording longer than ``seconds``."""
    return f"What this link leads to is longer than {seconds / 60:g} minutes, the limit here; give a shorter one."


def too_large(size: float) -> str:
    """The sentence about a recording larger than ``size`` bytes."""
    return f"What this link leads to is larger than {size / 1e6:g} MB, the limit here; give a smaller one."


def with_proxy_told(problem: str) -> str:
    """A sentence of ``sentence``, and another one if the reason may be that this computer uses a proxy."""
    import urllib.request  # here, because every command imports this file

    proxies = urllib.request.getproxies()
    told = problem in (NOT_FOUND, NO_ANSWER, NO_CONNECTION) and any(proxies.get(kind) for kind in PROXIES)
    return f"{problem} {NOT_THROUGH_PROXY}" if told else problem


def sentence(error: BaseException, guard: Guard) -> str:
    """The sentence for the user about an error of yt-dlp or of the connections that ``guard`` checks."""
    import socket  # these here, because every command imports this file
    import ssl

    from yt_dlp.networking.exceptions import HTTPError
    from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError

    from emorec.download.network_guard import Refused

    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)

    def first(*kinds: type[BaseException]) -> Any:
        return next((cause for cause in causes if isinstance(cause, kinds)), None)

    if guard.refused:
        return f"This link leads to an address that is not public ({guard.refused[0]}); give a link to a public one."
    if first(Refused):
        return "What this link leads to is sent in a way that cannot be downloaded safely; give another link."
    if http := first(HTTPError):
        return _http_sentence(http.status)
    if first(UnsupportedError):
        return "No video or sound was found at this link; give the page of one video, or a media file itself."
    if first(GeoRestrictedError):
        return "This video is not offered where this machine is; give another link."
    if first(MemoryError):
        return "What this link leads to takes too much memory to read; give another link."
    if "Requested format is not available" in text:
        return "This link offers nothing within the limits of height and kind; raise --max_height or give another link."
    if any(f"[Errno {number}]" in text for number in (errno.ENOSPC, errno.EDQUOT)):
        return NO_SPACE
    if f"[Errno {errno.EFBIG}]" in text:
        return "What this link leads to is larger than the limit here; give a smaller one."
    if first(socket.gaierror) or "Failed to resolve" in text or "getaddrinfo" in text:
        return NOT_FOUND
    if first(ssl.SSLError) or "CERTIFICATE" in text.upper():
        return "The server of this link could not prove who it is (its certificate is not valid); give another link."
    if first(TimeoutError) or "timed out" in text:
        return NO_ANSWER
    if first(ConnectionError) or "Connection" in text or "refused" in text:
        return NO_CONNECTION
    stated = next((cause for cause in causes if isinstance(cause, ExtractorError) and cause.expected), None)
    if stated is not None:
        return f"This link cannot be downloaded: {_without_advice(stated.orig_msg or str(stated))}."
    return "Nothing could be downloaded from this link; try again later, or give another one."


def _http_sentence(status: int) -> str:
    if status in (404, 410):
        return f"There is nothing at this link (the server answered {status}); check it."
    if status in (401, 403, 407, 451):
        return f"The server does not give out what is at this link (it answered {status}); give another one."
    return f"The server of this link answered {status} instead of the recording; try again later."


def _causes(error: BaseException | None):
    """An error and all its causes; yt-dlp stores some in its own attributes."""
    waiting, seen = [error], set()
    while waiting:
        error = waiting.pop(0)
        if error is None or id(error) in seen or not isinstance(error, BaseException):
            continue
        seen.add(id(error))
        yield error
        information = getattr(error, "exc_info", None) or (None, None)
        waiting += [error.__cause__, error.__context__, getattr(error, "cause", None), information[1]]


def _without_advice(text: str) -> str:
    """The first sentence of yt-dlp's message, without advice on its own options."""
    line = text.strip().splitlines()[0] if text.strip() else "no reason was given"
    line = line.split(" (caused by")[0].split("; please report")[0].split(". Use --")[0].split(". See ")[0]
    return "".join(letter for letter in line if letter.isprintable())[:REASON_LENGTH].rstrip(". ")
