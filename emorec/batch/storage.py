"""Recordings in object stores (S3, Google Cloud Storage, the Hub) and other places that fsspec knows.

Who may read what is decided by the usual environment variables and files of each store; emorec asks for no passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import posixpath
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from emorec.errors import EmorecError, require
from emorec.files import avoid_device_name
from emorec.media.containers import SUFFIXES
from emorec.running_time import in_time
from emorec.settings import Limits

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

# The extra and the package that each scheme needs.
NEEDS = {
    "s3": ("s3", "s3fs"),
    "s3a": ("s3", "s3fs"),
    "gs": ("gs", "gcsfs"),
    "gcs": ("gs", "gcsfs"),
    "hf": ("batch", "huggingface_hub"),
    "file": ("batch", "fsspec"),
    "memory": ("batch", "fsspec"),
}
# A store that cannot be reached is known within a minute, instead of the ten that botocore would try by itself.
OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 2}}}
}
OPTIONS["s3a"] = OPTIONS["s3"]
WEB = ("http", "https")
PORT = re.compile(r":\d*$|\]$")  # the end of a host's name with a port, or of an address of IPv6
BUCKETS = ("s3", "s3a", "gs", "gcs", "hf")
VERSIONS = ("ETag", "etag", "md5Hash", "generation", "blob_id", "mtime", "LastModified", "created")
BLOCK = 1 << 20  # bytes that are read at once
SPARE = 64 << 20  # bytes of the disk that stay free
PATTERN = "*?["  # the letters that make a name a pattern
MAX_NAME = 200  # bytes of the name of a file
MAX_SUFFIX = 20  # letters of its ending
UNFIT = str.maketrans(dict.fromkeys('\\/:*?"<>|', "-") | {chr(code): "-" for code in range(32)})
# Errors of the stores' packages; botocore's ClientError arrives only if s3fs knows no better name for it.
WITHOUT_RIGHTS = ("NoCredentialsError", "PartialCredentialsError", "GatedRepoError", "ClientError")

DENIED = "{url} cannot be read with the credentials found here ({reason}); check them, and the name."
NOT_THERE = "There is nothing at {url}; check the name."
UNREACHABLE = "{url} cannot be reached ({reason}); check the connection and try again."
USER = "The address {url} contains a user name or a password; give it without, and set the credentials of the store."
TOO_LARGE = "{url} is larger than {megabytes:g} MB, the limit here (EMOREC_MAX_MB)."
TOO_SLOW = "{url} took longer than {minutes:g} minutes to arrive, the limit here (EMOREC_LINK_MINUTES)."
NO_SPACE = "{url} does not fit into {folder}, which has {free:.0f} MB left; free some space there."
CUT_SHORT = "{url} arrived incompletely ({received} of {size} bytes); try again."


@dataclass(frozen=True, kw_only=True)
class Object:
    """An object in a store: its ``url``, its ``size`` (bytes), and a ``version`` that changes with its content."""

    url: str
    size: int | None
    version: str


def is_object(text: str) -> bool:
    """Whether a text is the URL of an object, of one of the schemes in NEEDS."""
    scheme, colon, _ = text.partition("://")
    return bool(colon) and scheme.lower() in NEEDS


def is_pattern(text: str) -> bool:
    """Whether a name may be a pattern; the caller checks first that no file has exactly this name."""
    return any(letter in text for letter in PATTERN)


def names_ending(pattern: str) -> bool:
    """Whether a pattern names an ending, such as *.dat, and so means files that do not look like recordings too."""
    ending = posixpath.splitext(pattern)[1]
    return bool(ending) and not is_pattern(ending)


def without_user(url: str) -> str:
    """The URL with ... in place of a user name and a password, so that it can be shown and stored."""
    scheme, mark, rest = url.partition("://")
    if not mark or not _has_user(url):
        return url
    place, slash, path = rest.partition("/")
    if "@" in place:
        return f"{scheme}{mark}...{place[place.rindex('@') :]}{slash}{path}"
    return f"{scheme}{mark}...{rest[rest.rindex('@') :]}"  # a password may contain /


def _has_user(url: str) -> bool:
    """Whether a URL contains a user name or a password, also a password with / in it, which ends the place early."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("/")[0]
    if "@" in place:
        return True
    if ":" not in place or "@" not in rest:
        return False
    if scheme.lower() in BUCKETS:  # the name of a bucket has no colon, but that of an access point (ARN) has some
        return not place.startswith("arn:")
    return scheme.lower() in WEB and not PORT.search(place)


def list_objects(url: str) -> list[Object]:
    """List the recordings that a URL names: an object, those below a folder, or those that match a pattern.

    Raises EmorecError if the store cannot be reached, or does not let this be read.
    """
    files, path = open_filesystem(url)
    files.invalidate_cache()  # fsspec keeps listings as long as the process lives
    scheme = _scheme(url)

    def recordings(entries: Any, any_name: bool) -> list[Object]:
        names = sorted(name for name, facts in entries.items() if facts.get("type") == "file")
        visible = [name for name in names if not posixpath.basename(name).startswith(".")]
        return [_object(scheme, name, entries[name]) for name in visible if any_name or _is_media(name)]

    try:
        if scheme == "file" and "%" in path and not (files.exists(path) or is_pattern(path) and files.glob(path)):
            path = unquote(path)  # as browsers and file managers copy addresses
        try:
            facts = files.info(path)
        except FileNotFoundError:
            if not is_pattern(path):
                raise
            return recordings(files.glob(path, detail=True), names_ending(path))
        if facts.get("type") == "directory":
            return recordings(files.find(path, detail=True), False)
        return [_object(scheme, path, facts)]
    except Exception as error:  # each store has errors of its own
        raise to_emorec_error(url, error) from None


def fetch(url: str, folder: str | Path, limits: Limits | None = None) -> Path:
    """Copy an object to a folder, within limits, by default those of the environment; return the file.

    Raises EmorecError if it cannot be read, exceeds a limit, or does not fit.
    """
    limits = limits or Limits.from_environment()
    files, path = open_filesystem(url)
    target = Path(folder) / _file_name(path)
    try:
        size = files.info(path).get("size")
    except Exception as error:
        raise to_emorec_error(url, error) from None
    if size is not None and size > limits.bytes:
        raise EmorecError(TOO_LARGE.format(url=url, megabytes=limits.megabytes))
    free = shutil.disk_usage(folder).free - SPARE
    if size is not None and size > free:
        # The cause tells a batch that this is no fault of the recording, so that it stops.
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise EmorecError(NO_SPACE.format(url=url, folder=folder, free=max(0, free) / 1e6)) from full
    received = 0
    try:
        with (
            open(target, "wb") as file,
            contextlib.closing(in_time(_blocks(files, path, url), limits.time_minutes * 60)) as blocks,
        ):
            for block in blocks:
                received += len(block)
                if received > limits.bytes:
                    raise EmorecError(TOO_LARGE.format(url=url, megabytes=limits.megabytes))
                file.write(block)
    except TimeoutError:
        raise EmorecError(TOO_SLOW.format(url=url, minutes=limits.time_minutes)) from None
    if size is not None and received != size:
        raise EmorecError(CUT_SHORT.format(url=url, received=received, size=size))
    return target


def _blocks(files: AbstractFileSystem, path: str, url: str) -> Any:
    try:
        # It is read once from the beginning to the end, so fsspec need not keep what was read.
        with files.open(path, "rb", block_size=8 * BLOCK, cache_type="readahead") as source:
            while block := source.read(BLOCK):
                yield block
    except Exception as error:
        raise to_emorec_error(url, error) from None


def open_filesystem(url: str) -> tuple[AbstractFileSystem, str]:
    """Open the file system of a URL; return it and the path in it. Raises EmorecError."""
    scheme = _scheme(url)
    require(*NEEDS[scheme])
    if _has_user(url):
        raise EmorecError(USER.format(url=without_user(url)))
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(f"{scheme}{url[len(scheme) :]}", **OPTIONS.get(scheme, {}))
    except Exception as error:
        raise to_emorec_error(url, error) from None


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _file_name(path: str) -> str:
    """The name of an object as that of a file, which no system takes for a path."""
    name = posixpath.basename(path.rstrip("/")).translate(UNFIT)
    stem, suffix = posixpath.splitext(name)
    suffix = suffix[:MAX_SUFFIX]
    while len(f"{stem}{suffix}".encode()) > MAX_NAME:
        stem = stem[:-1]
    name = f"{stem}{suffix}".rstrip(" .")  # no name on Windows ends so
    return avoid_device_name(name) if stem.strip(" .") else f"recording{suffix}"


def _object(scheme: str, name: str, facts: Mapping[str, Any]) -> Object:
    size = facts.get("size")
    versions = [str(facts[key]) for key in VERSIONS if facts.get(key)]
    return Object(
        url=f"{scheme}://{name.lstrip('/') if scheme != 'file' else name}",
        size=size,
        version=f"{size}-{'-'.join(versions[:1])}",
    )


def _is_media(name: str) -> bool:
    return posixpath.splitext(name)[1].lower() in SUFFIXES


def to_emorec_error(url: str, error: Exception) -> EmorecError:
    """The error for the user about an error of a store; an EmorecError is returned as it is."""
    if isinstance(error, EmorecError):
        return error
    reason = " ".join(str(error).split())[:200].rstrip(". ") or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return EmorecError(NOT_THERE.format(url=url))
    if isinstance(error, PermissionError) or type(error).__name__ in WITHOUT_RIGHTS:
        return EmorecError(DENIED.format(url=url, reason=reason))
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        reason = "it does not answer"
    return EmorecError(UNREACHABLE.format(url=url, reason=reason))
