"""The page's settings in environment variables (EMOREC_* and some of Gradio's).

As in ``emorec.settings``, each function takes the environment and raises EmorecError with one sentence.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import re
from pathlib import Path

from emorec import settings
from emorec.errors import EmorecError, require
from emorec.settings import OFF, ON, ON_THE_HUB, Environment, names_in

# A name or an address in a ``Host`` header, in lower case.
HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}))(?::[0-9]{1,5})?")

ANY_HOST = "*"
HUB = "https://huggingface.co"
FRAME_SOURCE = re.compile(r"'self'|'none'|\*|(?:https?://)?(?:\*\.)?[A-Za-z0-9_.-]+(?::(?:[0-9]{1,5}|\*))?")
DEFAULT_UPLOAD_MB = 8000.0
DEFAULT_QUOTA_MB = 20_000.0
DEFAULT_PORT = 7860
LIBRARY_FOLDER = "EMOREC_LIBRARY"
PORT = "GRADIO_SERVER_PORT"
ROOT_PATH = "GRADIO_ROOT_PATH"
PATH = re.compile(r"(?:https?://[A-Za-z0-9_.:\[\]-]+)?(?:/[A-Za-z0-9_.~%@:+=,-]+)*/?")


def port(environment: Environment = os.environ) -> int:
    """The port of the page, from GRADIO_SERVER_PORT."""
    given = environment.get(PORT) or str(DEFAULT_PORT)
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise EmorecError(f"The port (--port, {PORT}) is {given!r}; it must be a number from 1 to 65535.")
    return int(given)


def server_name(environment: Environment = os.environ) -> str | None:
    """The name or address that the page is served at, from GRADIO_SERVER_NAME, which Gradio reads too."""
    given = environment.get("GRADIO_SERVER_NAME")
    if given and not re.fullmatch(r"[\w.-]+|\[?[0-9A-Fa-f:.%]+\]?", given):
        raise EmorecError(
            f"GRADIO_SERVER_NAME is {given!r}; set it to a host name or an address such as 0.0.0.0, without a port."
        )
    return given or None


def root_path(environment: Environment = os.environ) -> str | None:
    """The path under which a proxy shows the page, from GRADIO_ROOT_PATH, which Gradio reads too."""
    given = environment.get(ROOT_PATH)
    if given and not PATH.fullmatch(given):
        raise EmorecError(
            f"{ROOT_PATH} is {given!r}; set it to the path under which a proxy shows the page, such as /emorec, or to "
            "its whole address."
        )
    return given or None


def upload_limit(environment: Environment = os.environ) -> int:
    """The size limit of one upload in bytes, from EMOREC_MAX_UPLOAD_MB."""
    return _bytes(environment, "EMOREC_MAX_UPLOAD_MB", DEFAULT_UPLOAD_MB, "an upload may have")


def upload_quota(environment: Environment = os.environ) -> int:
    """The size limit of the files of all visitors together in bytes, from EMOREC_UPLOAD_QUOTA_MB."""
    return _bytes(environment, "EMOREC_UPLOAD_QUOTA_MB", DEFAULT_QUOTA_MB, "all uploads together may have")


def answered_hosts(environment: Environment = os.environ) -> tuple[str, ...]:
    """The host names that the page answers to besides loopback names: lower case, with or without a port.

    They come from EMOREC_HOSTS, GRADIO_SERVER_NAME, and SPACE_HOST, which a Hugging Face Space sets. ANY_HOST: all.
    """
    given = names_in(environment, "EMOREC_HOSTS")
    for name in given:
        if name != ANY_HOST and not HOST.fullmatch(name):
            raise EmorecError(f"EMOREC_HOSTS names {name!r}, which is not a host name; give names with commas, or *.")
    own = environment.get("GRADIO_SERVER_NAME", "").strip().lower()
    if ":" in own and not own.startswith("["):
        own = f"[{own}]"
    address = _address(own)
    named = [own] if own and not (address and address.is_unspecified) else []
    return (*given, *names_in(environment, "SPACE_HOST"), *named)


def frame_ancestors(environment: Environment = os.environ) -> tuple[str, ...]:
    """The sites that may show the page in a frame, from EMOREC_FRAME_ANCESTORS; by default the Hub may show a Space."""
    given = environment.get("EMOREC_FRAME_ANCESTORS", "").replace(",", " ").split()
    for name in given:
        if not FRAME_SOURCE.fullmatch(name):
            raise EmorecError(
                f"EMOREC_FRAME_ANCESTORS names {name!r}, which is not an address of a site, 'self' or 'none'; "
                "correct or unset it."
            )
    if given:
        return tuple(given)
    return ("'self'", HUB) if environment.get("SPACE_HOST") else ("'self'",)


def shared_store(environment: Environment = os.environ, public: bool = False) -> bool:
    """Whether all visitors share the stored features, from EMOREC_SHARED_STORE.

    If that is not set, they share them if only this machine can reach the page: it is served on a loopback address,
    without a proxy (EMOREC_HOSTS, GRADIO_ROOT_PATH) and without a ``public`` link.
    """
    given = environment.get("EMOREC_SHARED_STORE", "").strip().lower()
    if given:
        if given not in (*ON, *OFF):
            raise EmorecError(f"EMOREC_SHARED_STORE is {environment['EMOREC_SHARED_STORE']!r}; set it to on or off.")
        return given in ON
    if public or environment.get(ROOT_PATH) or names_in(environment, "EMOREC_HOSTS"):
        return False
    name = (environment.get("GRADIO_SERVER_NAME") or "localhost").lower()
    address = _address(name)
    return name == "localhost" or bool(address and address.is_loopback)


def auth(environment: Environment = os.environ) -> tuple[str, str] | None:
    """The user and the password of the page, from EMOREC_AUTH; None if it has none. An error does not repeat them."""
    given = environment.get("EMOREC_AUTH")
    if not given:
        return None
    user, _, password = given.partition(":")
    if not user or not password:
        raise EmorecError("EMOREC_AUTH must be user:password, both of them not empty.")
    return user, password


def library(environment: Environment = os.environ) -> Path | None:
    """The folder of results that the tab Library shows to everybody, from EMOREC_LIBRARY; None for no such tab."""
    given = environment.get(LIBRARY_FOLDER)
    if not given:
        return None
    if not os.path.isdir(given) or not os.access(given, os.R_OK | os.X_OK):
        raise EmorecError(f"EMOREC_LIBRARY (or --library) is {given}, which is not a folder that can be read.")
    require("library", "pyarrow")
    return Path(given).resolve()


def allowed_models(environment: Environment = os.environ) -> tuple[str, ...] | None:
    """The checkpoints that visitors may choose, from EMOREC_MODELS: () for none, None for all on the Hub."""
    given = environment.get("EMOREC_MODELS", "").strip()
    if given.lower() == "off":
        return ()
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if not ON_THE_HUB.fullmatch(name):
            raise EmorecError(
                f"EMOREC_MODELS names {name!r}, which is not an org/name or org/name@revision; correct or unset it."
            )
    return names or None


READERS = (
    library,
    port,
    server_name,
    root_path,
    upload_limit,
    upload_quota,
    auth,
    allowed_models,
    answered_hosts,
    frame_ancestors,
    shared_store,
)


def check(environment: Environment = os.environ) -> None:
    """Read all settings of the library and of the page. Raises EmorecError for the first wrong one."""
    settings.check(environment)
    for read in READERS:
        read(environment)


def _bytes(environment: Environment, name: str, default: float, what: str) -> int:
    given = environment.get(name) or str(default)
    with contextlib.suppress(ValueError):
        if 0 < (megabytes := float(given)) < math.inf:
            return math.ceil(megabytes * 1e6)
    raise EmorecError(f"{name} is {given!r}; set it to the megabytes that {what}.")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]"))
    return None
