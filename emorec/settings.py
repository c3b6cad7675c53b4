"""The settings that the environment holds (EMOREC_* and GRADIO_SERVER_PORT): each is read and checked here alone.

``check`` reads all of them at the start of the command line and of the page, so that a wrong one is told before any
work is done. An empty value is as good as none. Every function takes the environment, by default this process's, and
raises EmorecError with one sentence that names the variable, its value, and what is allowed.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from emorec.errors import EmorecError

Environment = Mapping[str, str]

ON_THE_HUB = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w][\w./+-]*))?", re.ASCII)
"""The name of a checkpoint on the Hub, org/name or org/name@revision."""

HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]{0,252}))(?::[0-9]{1,5})?")
"""A name or an address as a ``Host`` header has it, in lower case."""

ANY_HOST = "*"
HUB = "https://huggingface.co"
FRAME_SOURCE = re.compile(r"'self'|'none'|\*|(?:https?://)?(?:\*\.)?[A-Za-z0-9_.-]+(?::(?:[0-9]{1,5}|\*))?")

BUNDLED_INSTEAD = "bundled"
OFF = ("off", "0", "no", "false")
ON = ("on", "1", "yes", "true")

DEFAULT_CACHE_MB = 4096.0
DEFAULT_UPLOAD_MB = 8000.0
DEFAULT_QUOTA_MB = 20_000.0
DEFAULT_PORT = 7860


@dataclass(frozen=True)
class Limits:
    """What a link may cost: minutes and megabytes of media, and minutes until it must be here."""

    minutes: float = 240.0
    megabytes: float = 2048.0
    time_minutes: float = 30.0

    @classmethod
    def from_environment(cls, environment: Environment = os.environ) -> Limits:
        """EMOREC_MAX_MINUTES, EMOREC_MAX_MB, EMOREC_LINK_MINUTES. Raises EmorecError if one is no positive number."""
        names = {"minutes": "EMOREC_MAX_MINUTES", "megabytes": "EMOREC_MAX_MB", "time_minutes": "EMOREC_LINK_MINUTES"}
        given = {field: _positive(environment, name) for field, name in names.items()}
        return cls(**{field: value for field, value in given.items() if value is not None})

    @property
    def seconds(self) -> float:
        """Of media."""
        return self.minutes * 60

    @property
    def bytes(self) -> int:
        """Of media."""
        return int(self.megabytes * 1e6)


def longest_file(environment: Environment = os.environ) -> float | None:
    """Seconds that a recording given as a file may last, from EMOREC_MAX_MINUTES; None if that is not set."""
    minutes = _positive(environment, "EMOREC_MAX_MINUTES")
    return None if minutes is None else minutes * 60


def cache_folder(environment: Environment = os.environ) -> Path:
    """Where observations are kept: EMOREC_CACHE, or a folder below the user's cache directory."""
    chosen = environment.get("EMOREC_CACHE")
    if not chosen:
        return Path(platformdirs.user_cache_dir("emorec", appauthor=False))
    if Path(chosen).exists() and not Path(chosen).is_dir():
        raise EmorecError(f"EMOREC_CACHE is {chosen}, which is no folder; set it to one, or to one that can be made.")
    return Path(chosen)


def cache_limit(environment: Environment = os.environ) -> float:
    """Megabytes that observations may take, from EMOREC_CACHE_MB; 0 keeps the recording at hand alone."""
    given = environment.get("EMOREC_CACHE_MB")
    if not given:
        return DEFAULT_CACHE_MB
    with contextlib.suppress(ValueError):
        if (megabytes := float(given)) >= 0:
            return megabytes
    raise EmorecError(f"EMOREC_CACHE_MB is {given!r}; set it to a number of megabytes, 0 or more, without a unit.")


def model(environment: Environment = os.environ) -> str | None:
    """The checkpoint that EMOREC_MODEL names, a folder or one on the Hub; loading it tells whether it is there."""
    return environment.get("EMOREC_MODEL") or None


def bundled_is_wanted(environment: Environment = os.environ) -> bool:
    """Whether EMOREC_MODEL_FALLBACK asks for the bundled weights where the Hub cannot be reached."""
    given = environment.get("EMOREC_MODEL_FALLBACK")
    if given and given != BUNDLED_INSTEAD:
        raise EmorecError(f"EMOREC_MODEL_FALLBACK is {given!r}, which is not {BUNDLED_INSTEAD!r}; correct or unset it.")
    return bool(given)


def face_model(environment: Environment = os.environ) -> Path | None:
    """The local copy of the face detector that EMOREC_FACE_MODEL names."""
    given = environment.get("EMOREC_FACE_MODEL")
    if not given:
        return None
    file = Path(given).expanduser()
    if not (file.is_file() and os.access(file, os.R_OK)):
        raise EmorecError(f"EMOREC_FACE_MODEL is {given}, which is not a readable file; correct or unset it.")
    return file


def links(environment: Environment = os.environ) -> bool:
    """Whether links may be given, from EMOREC_LINKS."""
    given = environment.get("EMOREC_LINKS", "").strip().lower()
    if given and given not in (*ON, *OFF):
        raise EmorecError(f"EMOREC_LINKS is {environment['EMOREC_LINKS']!r}; set it to on or off.")
    return given not in OFF


def allowed_hosts(environment: Environment = os.environ) -> frozenset[tuple[str, int | None]]:
    """Hosts within the network that links may lead to, from EMOREC_ALLOW_HOSTS, as pairs (name, port or None)."""
    pairs = set()
    for entry in _names(environment, "EMOREC_ALLOW_HOSTS"):
        name, colon, port = entry.rpartition(":")
        if colon and port.isdigit() and (":" not in name or name.endswith("]")):
            pairs.add((name.strip("[]"), int(port)))
        else:
            pairs.add((entry.strip("[]"), None))
    for name, port in pairs:
        if not re.fullmatch(r"[\w.-]+|[0-9a-f:.%]+", name) or (port is not None and not 0 < port < 65536):
            raise EmorecError(
                f"EMOREC_ALLOW_HOSTS names {name if port is None else f'{name}:{port}'!r}, which is no host; "
                "set it to names or addresses with commas between them, each with :port behind it if need be."
            )
    return frozenset(pairs)


def port(environment: Environment = os.environ) -> int:
    """The port of the page, from GRADIO_SERVER_PORT."""
    given = environment.get("GRADIO_SERVER_PORT") or str(DEFAULT_PORT)
    if not (given.isascii() and given.isdigit() and 0 < int(given) < 65536):
        raise EmorecError(f"GRADIO_SERVER_PORT is {given!r}; set it to a number from 1 to 65535.")
    return int(given)


def server_name(environment: Environment = os.environ) -> str | None:
    """The name or address that the page is served at, from GRADIO_SERVER_NAME; Gradio reads it by itself."""
    given = environment.get("GRADIO_SERVER_NAME")
    if given and not re.fullmatch(r"[\w.-]+|\[?[0-9A-Fa-f:.%]+\]?", given):
        raise EmorecError(
            f"GRADIO_SERVER_NAME is {given!r}; set it to a host name or an address such as 0.0.0.0, without a port."
        )
    return given or None


def upload_limit(environment: Environment = os.environ) -> int:
    """The bytes that an upload may have, from EMOREC_MAX_UPLOAD_MB."""
    return _bytes(environment, "EMOREC_MAX_UPLOAD_MB", DEFAULT_UPLOAD_MB, "an upload may have")


def upload_quota(environment: Environment = os.environ) -> int:
    """The bytes that all visitors' files may have together, from EMOREC_UPLOAD_QUOTA_MB."""
    return _bytes(environment, "EMOREC_UPLOAD_QUOTA_MB", DEFAULT_QUOTA_MB, "all uploads together may have")


def answered_hosts(environment: Environment = os.environ) -> tuple[str, ...]:
    """The names that the page answers to besides loopback ones, lower case, perhaps with a port; ANY_HOST for any.

    From EMOREC_HOSTS, GRADIO_SERVER_NAME, and SPACE_HOST, which a Hugging Face Space sets.
    """
    given = _names(environment, "EMOREC_HOSTS")
    for name in given:
        if name != ANY_HOST and not HOST.fullmatch(name):
            raise EmorecError(f"EMOREC_HOSTS names {name!r}, which is no host name; give names with commas, or *.")
    own = environment.get("GRADIO_SERVER_NAME", "").strip().lower()
    if ":" in own and not own.startswith("["):
        own = f"[{own}]"
    address = _address(own)
    named = [own] if own and not (address and address.is_unspecified) else []
    return (*given, *_names(environment, "SPACE_HOST"), *named)


def frame_ancestors(environment: Environment = os.environ) -> tuple[str, ...]:
    """The sites that may show the page in a frame, from EMOREC_FRAME_ANCESTORS; a Space may be shown by the Hub."""
    given = environment.get("EMOREC_FRAME_ANCESTORS", "").replace(",", " ").split()
    for name in given:
        if not FRAME_SOURCE.fullmatch(name):
            raise EmorecError(
                f"EMOREC_FRAME_ANCESTORS names {name!r}, which is no address of a site, 'self' or 'none'; "
                "correct or unset it."
            )
    if given:
        return tuple(given)
    return ("'self'", HUB) if environment.get("SPACE_HOST") else ("'self'",)


def shared_store(environment: Environment = os.environ, public: bool = False) -> bool:
    """Whether all visitors share what is stored of recordings, from EMOREC_SHARED_STORE.

    Unless that is set, only a page that this machine alone can reach does so: it is served on a loopback address,
    without a proxy (GRADIO_ROOT_PATH) or a ``public`` link.
    """
    given = environment.get("EMOREC_SHARED_STORE", "").strip().lower()
    if given:
        if given not in (*ON, *OFF):
            raise EmorecError(f"EMOREC_SHARED_STORE is {environment['EMOREC_SHARED_STORE']!r}; set it to on or off.")
        return given in ON
    if public or environment.get("GRADIO_ROOT_PATH"):
        return False
    name = (environment.get("GRADIO_SERVER_NAME") or "localhost").lower()
    address = _address(name)
    return name == "localhost" or bool(address and address.is_loopback)


def auth(environment: Environment = os.environ) -> tuple[str, str] | None:
    """User and password that the page asks for, from EMOREC_AUTH; the sentence about a wrong one does not repeat it."""
    given = environment.get("EMOREC_AUTH")
    if not given:
        return None
    user, _, password = given.partition(":")
    if not user or not password:
        raise EmorecError("EMOREC_AUTH must be user:password, both of them not empty.")
    return user, password


def allowed_models(environment: Environment = os.environ) -> tuple[str, ...] | None:
    """Checkpoints that visitors of the page may choose, from EMOREC_MODELS: () for none, None for any on the Hub."""
    given = environment.get("EMOREC_MODELS", "").strip()
    if given.lower() == "off":
        return ()
    names = tuple(name.strip() for name in given.split(",") if name.strip())
    for name in names:
        if not ON_THE_HUB.fullmatch(name):
            raise EmorecError(
                f"EMOREC_MODELS names {name!r}, which is no org/name or org/name@revision; correct or unset it."
            )
    return names or None


LIBRARY = (
    cache_folder,
    cache_limit,
    model,
    bundled_is_wanted,
    face_model,
    links,
    allowed_hosts,
    Limits.from_environment,
)
PAGE = (
    port,
    server_name,
    upload_limit,
    upload_quota,
    auth,
    allowed_models,
    answered_hosts,
    frame_ancestors,
    shared_store,
)


def check(environment: Environment = os.environ, page: bool = False) -> None:
    """Read every setting of the library, and of the page if asked to. Raises EmorecError about the first wrong one."""
    for read in (*LIBRARY, *(PAGE if page else ())):
        read(environment)


def _positive(environment: Environment, name: str) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise EmorecError(f"{name} is {text!r}, which is no positive number; set it to one, or to nothing.")


def _bytes(environment: Environment, name: str, default: float, whose: str) -> int:
    given = environment.get(name) or str(default)
    with contextlib.suppress(ValueError):
        if 0 < (megabytes := float(given)) < math.inf:
            return math.ceil(megabytes * 1e6)
    raise EmorecError(f"{name} is {given!r}; set it to the megabytes that {whose}.")


def _names(environment: Environment, variable: str) -> list[str]:
    """Names with commas between them, in lower case."""
    return [name.strip().lower() for name in environment.get(variable, "").split(",") if name.strip()]


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]"))
    return None
