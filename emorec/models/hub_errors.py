"""What goes wrong with the Hugging Face Hub, as one clause for the user: never a header, a token or an address, except
the host and port of a proxy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

from emorec.models import hub_proxy

TRY_LATER = (408, 429, 500, 502, 503, 504)  # HTTP status codes
UNTRUSTED = (
    "its certificate is not trusted on this computer: if your network reads encrypted connections, set SSL_CERT_FILE "
    "to the certificate of its authority"
)
LOG_IN = "log in with `hf auth login` or set HF_TOKEN"


class HubError(ValueError):
    """The Hub does not give or take something; ``str(error)`` is one sentence that says why."""


class Unreachable(HubError):
    """The same, if the Hub or the network is at fault, so that trying later may help."""


def explain(error: BaseException) -> HubError:
    """Turn what the Hub's library raised into an error whose text is the reason. A HubError is returned as it is."""
    import ssl  # here, so that importing this file costs nothing

    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return Unreachable(UNTRUSTED)
    for cause in causes:
        if (known := _explain_cause(cause)) is not None:
            return known
    text = str(error).partition("\n")[0].rstrip(".")
    if isinstance(error, OSError) and "onsistency check" in text:
        return Unreachable("it was cut")
    return HubError(text or type(error).__name__)


def _explain_cause(error: BaseException) -> HubError | None:
    import httpx2  # here, for the same reason
    from huggingface_hub import constants, errors

    if isinstance(error, HubError):
        return error
    if isinstance(error, errors.GatedRepoError):
        return HubError(f"access to it must be requested on its page; then {LOG_IN}")
    if isinstance(error, errors.RepositoryNotFoundError):
        return HubError(f"the Hub has none of that name, or it is private: check the name, or {LOG_IN}")
    if isinstance(error, errors.RevisionNotFoundError):
        return HubError("it has no such revision: give one of its tags, branches or commits")
    if isinstance(error, errors.OfflineModeIsEnabled):
        return HubError("HF_HUB_OFFLINE forbids to ask it")
    if isinstance(error, errors.LocalTokenNotFoundError):
        return HubError(f"no token was found: {LOG_IN}")
    if isinstance(error, errors.HFValidationError):
        return HubError("that is no name that the Hub could have")
    if (answer := getattr(error, "response", None)) is not None:
        return _error_of_status(answer.status_code)
    if isinstance(error, httpx2.ProxyError) and "407" in str(error):
        return _error_of_status(407)
    if isinstance(error, httpx2.TimeoutException):
        return Unreachable(f"it does not answer in time{_through_proxy()}")
    if isinstance(error, httpx2.TransportError):
        return Unreachable(hub_proxy.fault() or f"there is no connection to it{_through_proxy()}, or it was cut")
    if isinstance(error, (httpx2.InvalidURL, ValueError)) and (fault := hub_proxy.fault()):
        return Unreachable(fault)  # its own text may have a part of the password
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
        home = Path(constants.HF_HOME)
        return HubError(f"the disk is full: free some space, or set HF_HOME to a folder elsewhere than {home}")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return HubError(f"{error.filename} cannot be written: set HF_HOME to a folder that can")
    return None


def _error_of_status(code: int) -> HubError:
    if code in TRY_LATER:
        return Unreachable(f"it answers {code}")
    if code in (401, 403):
        return HubError(f"no token with that right was found (it answers {code}): {LOG_IN}")
    if code == 407:
        return Unreachable(
            f"the proxy {hub_proxy.name() or 'on the way'} asks for a password: set HTTPS_PROXY to "
            "http://USER:PASSWORD@ and its host and port"
        )
    if code == 412:
        return HubError("somebody else has changed it meanwhile: look at what is there, then push again")
    return HubError(f"it answers {code}")


def _through_proxy() -> str:
    proxy = hub_proxy.name()
    return f" through the proxy {proxy}" if proxy else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
