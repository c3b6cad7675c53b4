"""Files of a model repo on the Hugging Face Hub, pinned to a commit and checked before they are used.

A look into the Hub cache happens in this process and asks nobody; what asks the Hub happens in a child process.
Respects HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE.
"""

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from emorec.models import hub_child
from emorec.models.hub_child import PATIENCE, HubError, Unreachable

__all__ = ["HubError", "Pulled", "Unreachable", "pull", "pull_file"]

PATTERNS = ("*.json", "*.safetensors", "README.md")  # nothing else of a repo is ever downloaded
MAX_BYTES = 2_000_000_000
TIMEOUT = 5.0  # seconds for a whole download of one small file
COMMIT = re.compile("[0-9a-f]{40}")
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Pulled:
    """A repo's files at one commit; ``unreachable`` says why the Hub could not be asked whether that is the newest."""

    folder: Path
    repo: str
    revision: str
    commit: str
    unreachable: str | None = None


def pull(repo, revision=None, *, required=(), patience=PATIENCE):
    """The PATTERNS files at the top of a model repo as a ``Pulled``: from the Hub, or from the cache where that does.

    ``revision`` is a tag, a branch (None: main) or a commit. A commit that is cached is taken without asking; for
    anything else the Hub says which commit it means, and where it cannot be reached the commit that it meant last is
    taken, if cached. Every file's checksum is compared with the one that the Hub gave it. ``required`` names files that
    must be there; ``patience`` is how long nothing may be heard from the Hub (s).
    Raises Unreachable where nobody is to be had who could give the files, HubError for everything else.
    """
    revision = revision or "main"
    named = f"{repo}@{revision}"
    cached = _cached(repo, revision, required)
    if cached and COMMIT.fullmatch(revision):
        return _pulled(cached, repo, revision)
    if _offline():
        if cached:
            return _pulled(cached, repo, revision)
        raise Unreachable(f"The Hub cache has no whole {named}, and HF_HUB_OFFLINE forbids to download it.")
    asked = {"repo": repo, "revision": revision, "patterns": PATTERNS, "required": required, "limit": MAX_BYTES}
    subject = f"The model {named} cannot be had from the Hub"
    for _ in range(2):  # a file that was damaged in the cache is found out after the first time
        try:
            folder = Path(hub_child.ask("snapshot", subject, patience=patience, **asked))
        except Unreachable as error:
            if cached:
                return _pulled(cached, repo, revision, unreachable=str(error))
            raise
        damaged = [file for file in _files(folder) if not _sound(file)]
        if not damaged:
            return _pulled(folder, repo, revision)
        for file in damaged:
            _remove_from_cache(file)
    raise HubError(f"The model {named} is not used: {damaged[0].name} is not the file that its checksum says.")


def pull_file(repo, filename, *, revision=None, sha256, size, timeout=TIMEOUT):
    """Path of a file of the model ``repo``, from the Hub cache or, where that has it not, from the Hub.

    ``sha256`` is in hexadecimal, ``size`` in bytes, ``timeout`` in seconds for everything that the Hub is asked.
    Raises HubError within about that time when the Hub has no such file, cannot be reached, or gives another file than
    the one asked for; that one is then taken out of the cache.
    """
    import huggingface_hub  # here, so that importing this file costs nothing

    try:
        cached = huggingface_hub.try_to_load_from_cache(repo, filename, revision=revision)
        if isinstance(cached, str) and _difference(Path(cached), sha256, size) is None:
            return Path(cached)
    except OSError:  # a cache that cannot be read is as good as an empty one
        pass
    if _offline():
        raise Unreachable(
            f"The Hub cache has no sound {filename} of {repo}, and HF_HUB_OFFLINE forbids to download it."
        )
    subject = f"{filename} of {repo} cannot be had from the Hub"
    asked = {"repo": repo, "filename": filename, "revision": revision, "size": size}
    downloaded = Path(hub_child.ask("file", subject, patience=timeout, timeout=timeout, attempts=1, **asked))
    if difference := _difference(downloaded, sha256, size):
        _remove_from_cache(downloaded)
        raise HubError(f"{filename} of {repo} is not the file that was expected ({difference}), so it is not used.")
    return downloaded


def sha256_of(file):
    """SHA-256 of a file, in hexadecimal."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _offline():
    from huggingface_hub import constants

    return constants.is_offline_mode()


def _pulled(folder, repo, revision, unreachable=None):
    return Pulled(folder, repo, revision, folder.name, unreachable)


def _cached(repo, revision, required):
    """The cache's folder of what a revision meant last, or None where it is not there, not whole or not sound."""
    import huggingface_hub

    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                repo, revision=revision, allow_patterns=PATTERNS, ignore_patterns=["*/*"], local_files_only=True
            )
        )
        whole = all((folder / name).is_file() for name in required)
        return folder if whole and all(_sound(file) for file in _files(folder)) else None
    except (OSError, ValueError):  # LocalEntryNotFoundError and HFValidationError are among them
        return None


def _files(folder):
    return [file for file in folder.iterdir() if any(file.match(pattern) for pattern in PATTERNS)]


def _sound(file):
    """Whether a cached file has the checksum that the Hub gave it, after which the cache names its content.

    That is the SHA-256 of large files and git's SHA-1 of others. Where links are not to be had the cache keeps no such
    name, and the checkpoint's own strict reading has to do.
    """
    content = file.resolve()
    try:
        if SHA256.fullmatch(content.name):
            return sha256_of(content) == content.name
        if COMMIT.fullmatch(content.name):
            data = content.read_bytes()
            return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == content.name
    except OSError:
        return False
    return True


def _difference(file, sha256, size):
    """What sets a file apart from the expected one, or None."""
    actual_size = file.stat().st_size
    if actual_size != size:
        return f"{actual_size} bytes instead of {size}"
    actual = sha256_of(file)
    return None if actual == sha256 else f"sha256 {actual} instead of {sha256}"


def _remove_from_cache(pointer):
    """Removes a name in the Hub cache and the content it links to, which other revisions would link to again."""
    content = pointer.resolve()
    with contextlib.suppress(OSError):
        pointer.unlink(missing_ok=True)
        content.unlink(missing_ok=True)
