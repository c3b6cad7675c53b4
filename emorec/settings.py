"""The library's settings in environment variables (EMOREC_*); those of the page are in ``emorec.ui.settings``.

Only these two modules read and check them. ``check`` reads all of the library's when the command line or the page
starts, so that a wrong one is reported before any work is done. An empty value counts as not set. Each function takes
the environment (by default that of this process) and raises EmorecError with one sentence that names the variable, its
value, and what is allowed.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from emorec.errors import EmorecError

Environment = Mapping[str, str]

# The name of a checkpoint on the Hub: org/name or org/name@revision.
ON_THE_HUB = re.compile(r"(?P<repo>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(@(?P<revision>[\w][\w./+-]*))?", re.ASCII)


BUNDLED_INSTEAD = "bundled"
YUNET = Path("yunet")  # the word for the face detector on the Hub
OFF = ("off", "0", "no", "false")
ON = ("on", "1", "yes", "true")

# Read by ``emorec.ui.settings`` alone; one is a password.
PAGE = (
    "EMOREC_AUTH",
    "EMOREC_FRAME_ANCESTORS",
    "EMOREC_HOSTS",
    "EMOREC_LIBRARY",
    "EMOREC_MAX_UPLOAD_MB",
    "EMOREC_MODELS",
    "EMOREC_SHARED_STORE",
    "EMOREC_UPLOAD_QUOTA_MB",
)
DEFAULT_CACHE_MB = 4096.0
NO_HOME = (
    "There is no home folder of this user in which features could be stored; name a folder in EMOREC_CACHE, without ~."
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits of a download: minutes and megabytes of media, and minutes that the download may take."""

    minutes: float = 240.0
    megabytes: float = 2048.0
    time_minutes: float = 30.0

    @classmethod
    def from_environment(cls, environment: Environment = os.environ) -> Limits:
        """From EMOREC_MAX_MINUTES, EMOREC_MAX_MB and EMOREC_LINK_MINUTES. Raises EmorecError if one is not a positive
        number."""
        names = {"minutes": "EMOREC_MAX_MINUTES", "megabytes": "EMOREC_MAX_MB", "time_minutes": "EMOREC_LINK_MINUTES"}
        given = {field: _positive(environment, name) for field, name in names.items()}
        return cls(**{field: value for field, value in given.items() if value is not None})

    @property
    def seconds(self) -> float:
        """The limit of the duration in seconds."""
        return self.minutes * 60

    @property
    def bytes(self) -> int:
        """The limit of the file size in bytes."""
        return int(self.megabytes * 1e6)


def longest_file(environment: Environment = os.environ) -> float | None:
    """The longest duration (s) of a recording that is a file, from EMOREC_MAX_MINUTES; None if that is not set."""
    minutes = _positive(environment, "EMOREC_MAX_MINUTES")
    return None if minutes is None else minutes * 60


def library_variables(environment: Environment = os.environ) -> dict[str, str]:
    """The library's variables that are set, to pass to processes on other machines, without those of the page."""
    return {name: value for name, value in environment.items() if name.startswith("EMOREC_") and name not in PAGE}


def cache_folder(environment: Environment = os.environ) -> Path:
    """The folder for stored features: EMOREC_CACHE, or a subfolder of the user's cache directory."""
    chosen = environment.get("EMOREC_CACHE")
    try:
        folder = Path(chosen or platformdirs.user_cache_dir("emorec", appauthor=False)).expanduser()
    except RuntimeError:  # an account without a home folder, as in some containers, or ~ with an unknown name
        raise EmorecError(NO_HOME) from None
    if not chosen:
        return folder
    if folder.exists() and not folder.is_dir():
        raise EmorecError(f"EMOREC_CACHE is {chosen}, which is no folder; set it to one, or to one that can be made.")
    return folder


def make_default_cache(folder: Path) -> None:
    """Make a folder for stored features private, if it is the default one and is missing. Raises OSError.

    Features hold small pictures of faces. The access to a folder that a user names is the user's choice.
    """
    if not os.environ.get("EMOREC_CACHE"):
        with contextlib.suppress(EmorecError):  # without a home folder there is no default
            if folder == cache_folder():
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def cache_limit(environment: Environment = os.environ) -> float:
    """The size limit (MB) of all stored features, from EMOREC_CACHE_MB; 0: only those of the latest recording stay."""
    given = environment.get("EMOREC_CACHE_MB")
    if not given:
        return DEFAULT_CACHE_MB
    with contextlib.suppress(ValueError):
        if (megabytes := float(given)) >= 0:
            return megabytes
    raise EmorecError(f"EMOREC_CACHE_MB is {given!r}; set it to a number of megabytes, 0 or more, without a unit.")


def model(environment: Environment = os.environ) -> str | None:
    """The checkpoint that EMOREC_MODEL names, a folder or a name on the Hub; whether it exists is not checked here."""
    return environment.get("EMOREC_MODEL") or None


def bundled_is_wanted(environment: Environment = os.environ) -> bool:
    """Whether EMOREC_MODEL_FALLBACK allows the bundled weights if the Hub cannot be reached."""
    given = environment.get("EMOREC_MODEL_FALLBACK")
    if given and given != BUNDLED_INSTEAD:
        raise EmorecError(f"EMOREC_MODEL_FALLBACK is {given!r}, which is not {BUNDLED_INSTEAD!r}; correct or unset it.")
    return bool(given)


def face_model(environment: Environment = os.environ) -> Path | None:
    """The file of the face detector that EMOREC_FACE_MODEL names, or YUNET; None for the bundled detector."""
    given = environment.get("EMOREC_FACE_MODEL")
    if not given:
        return None
    if given.strip().lower() == str(YUNET):
        return YUNET
    file = Path(os.path.expanduser(given))  # Path.expanduser raises an error for an unknown user
    if not (file.is_file() and os.access(file, os.R_OK)):
        raise EmorecError(
            f"EMOREC_FACE_MODEL is {given}, which is neither a readable file nor {str(YUNET)!r}; correct or unset it."
        )
    return file


def links(environment: Environment = os.environ) -> bool:
    """Whether recordings may be downloaded from links, from EMOREC_LINKS."""
    given = environment.get("EMOREC_LINKS", "").strip().lower()
    if given and given not in (*ON, *OFF):
        raise EmorecError(f"EMOREC_LINKS is {environment['EMOREC_LINKS']!r}; set it to on or off.")
    return given not in OFF


def allowed_hosts(environment: Environment = os.environ) -> frozenset[tuple[str, int | None]]:
    """Hosts of the local network that links may lead to, from EMOREC_ALLOW_HOSTS, as pairs (name, port or None)."""
    pairs = set()
    for entry in names_in(environment, "EMOREC_ALLOW_HOSTS"):
        name, colon, port = entry.rpartition(":")
        if colon and port.isdigit() and (":" not in name or name.endswith("]")):
            pairs.add((name.strip("[]"), int(port)))
        else:
            pairs.add((entry.strip("[]"), None))
    for name, port in pairs:
        if not re.fullmatch(r"[\w.-]+|[0-9a-f:.%]+", name) or (port is not None and not 0 < port < 65536):
            raise EmorecError(
                f"EMOREC_ALLOW_HOSTS names {name if port is None else f'{name}:{port}'!r}, which is no host; "
                "set it to names or addresses with commas between them, each with or without :port after it."
            )
    return frozenset(pairs)


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


def check(environment: Environment = os.environ) -> None:
    """Read all settings of the library. Raises EmorecError for the first wrong one."""
    for read in LIBRARY:
        read(environment)


def _positive(environment: Environment, name: str) -> float | None:
    text = environment.get(name)
    if not text:
        return None
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise EmorecError(f"{name} is {text!r}, which is no positive number; set it to one, or to nothing.")


def names_in(environment: Environment, variable: str) -> list[str]:
    """The names in a comma-separated list, in lower case."""
    return [name.strip().lower() for name in environment.get(variable, "").split(",") if name.strip()]
