"""Files of a model repo on the Hugging Face Hub, pinned to a commit and checked before they are used.

Respects HF_ENDPOINT, HF_HOME, HF_TOKEN, HF_HUB_OFFLINE, HF_HUB_DOWNLOAD_TIMEOUT and HF_HUB_ETAG_TIMEOUT. The Hub's
library is imported when it is needed, so that importing this file costs nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import hashlib
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emorec.models.hub_errors import HubError, Unreachable

__all__ = ["HubError", "Pulled", "Unreachable", "pull", "pull_file"]

PATTERNS = ("*.json", "*.safetensors", "README.md")  # nothing else of a repo is ever downloaded
MAX_BYTES = 2_000_000_000
PATIENCE = 30.0  # seconds without any data from the Hub, after which it counts as unreachable
TIMEOUT = 5.0  # seconds for a whole download of one small file
SPARE_BYTES = 1 << 20  # of disk beyond those of a file: for links, locks and listings
COMMIT = re.compile("[0-9a-f]{40}")
SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class Pulled:
    """A repo's files at one commit; ``unreachable`` says why the Hub could not be asked whether that is the newest."""

    folder: Path
    repo: str
    revision: str
    unreachable: str | None = None

    @property
    def commit(self) -> str:
        """The commit's 40 hexadecimal digits."""
        return self.folder.name


def pull(repo: str, revision: str | None = None, *, required: Sequence[str] = (), patience: float = PATIENCE) -> Pulled:
    """The PATTERNS files at the top of a model repo, from the Hub or the cache.

    ``revision`` is a tag, a branch (None: main) or a commit. A commit that is cached is used without asking; for
    anything else the Hub says which commit it means, and if it cannot be reached, the commit that it meant last is
    used, if cached. Every file's checksum is compared with the one that the Hub gave for it. ``required`` names files
    that must be there; ``patience`` is how long no data may come from the Hub (s).
    Raises Unreachable if neither the Hub nor the cache has the files, HubError for everything else.
    """
    revision = revision or "main"
    model = f"{repo}@{revision}"
    cached = _find_cached(repo, revision, required)
    if cached and COMMIT.fullmatch(revision):
        return Pulled(folder=cached, repo=repo, revision=revision)
    if _offline():
        if cached:
            return Pulled(folder=cached, repo=repo, revision=revision)
        raise Unreachable(f"The Hub cache has no complete {model}, and HF_HUB_OFFLINE forbids to download it.")
    from emorec.models.hub_call import call

    for _ in range(2):  # a file that is damaged in the cache is only found after the first time
        try:
            subject = f"The model {model} is not available from the Hub"
            folder = call(lambda _: _download(repo, revision, required), subject, patience=patience)
        except Unreachable as error:
            if cached:
                return Pulled(folder=cached, repo=repo, revision=revision, unreachable=str(error))
            raise
        damaged = [file for file in _files(folder) if not _is_intact(file)]
        if not damaged:
            return Pulled(folder=folder, repo=repo, revision=revision)
        for file in damaged:
            _remove_from_cache(file)
    raise HubError(f"The model {model} is not used: the checksum of {damaged[0].name} is wrong.")


def pull_file(
    repo: str, filename: str, *, revision: str | None = None, sha256: str, size: int, timeout: float = TIMEOUT
) -> Path:
    """Path of a file of the model ``repo``, from the Hub cache or, if it is not there, from the Hub.

    ``sha256`` is in hexadecimal, ``size`` in bytes, ``timeout`` in seconds for everything that the Hub is asked.
    Raises HubError within about that time if the Hub has no such file, cannot be reached, or gives another file than
    the expected one, which is then removed from the cache.
    """
    import huggingface_hub

    damaged = None
    with contextlib.suppress(OSError):  # a cache that cannot be read counts as empty
        cached = huggingface_hub.try_to_load_from_cache(repo, filename, revision=revision)
        if isinstance(cached, str):
            if _difference(Path(cached), sha256, size) is None:
                return Path(cached)
            damaged = Path(cached)
    if _offline():
        raise Unreachable(
            f"The Hub cache has no intact {filename} of {repo}, and HF_HUB_OFFLINE forbids to download it."
        )
    from emorec.models.hub_call import call

    if damaged and not damaged.is_symlink():
        # Where there are no links, as on Windows, the Hub's library keeps it even if it downloads the file again.
        _remove_from_cache(damaged)
    downloaded = call(
        lambda _: _download_file(repo, filename, revision, size),
        f"{filename} of {repo} is not available from the Hub",
        patience=timeout,
        timeout=timeout,
        attempts=1,
    )
    if difference := _difference(downloaded, sha256, size):
        _remove_from_cache(downloaded)
        raise HubError(f"{filename} of {repo} is not the file that was expected ({difference}), so it is not used.")
    return downloaded


def _download(repo: str, revision: str, required: Sequence[str]) -> Path:
    """Download the files at the top of a model repo that fit PATTERNS; gives their folder in the Hub cache.

    Raises HubError if one of ``required`` is not among them, or if they have more than MAX_BYTES together.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download, try_to_load_from_cache

    info = HfApi(token=_token()).model_info(repo, revision=revision, files_metadata=True)
    sizes = {entry.rfilename: entry.size or 0 for entry in info.siblings or () if _matches_patterns(entry.rfilename)}
    missing = [name for name in required if name not in sizes]
    if missing or not sizes:
        raise HubError(f"it has no {' and no '.join(missing or PATTERNS)}")
    total = sum(sizes.values())
    if total > MAX_BYTES:
        raise HubError(f"its files have {total:,} bytes, more than the {MAX_BYTES:,} that are allowed")
    cache = Path(constants.HF_HUB_CACHE)
    cache.mkdir(parents=True, exist_ok=True)
    for name, size in sizes.items():
        known = isinstance(try_to_load_from_cache(repo, name, revision=info.sha), str)
        if not known and shutil.disk_usage(cache).free < size + SPARE_BYTES:
            raise OSError(errno.ENOSPC, "disk full", str(cache))
        # One after the other in this thread, in which they can be stopped.
        file = hf_hub_download(repo, name, revision=info.sha, token=_token())
    if revision != info.sha:
        # Downloads nothing more, but stores in the cache which commit the revision is, for use without the Hub.
        hf_hub_download(repo, name, revision=revision, token=_token())
    return Path(file).parent


def _download_file(repo: str, filename: str, revision: str | None, size: int) -> Path:
    """Download one file, which must have ``size`` bytes there; gives its path in the Hub cache."""
    import huggingface_hub

    url = huggingface_hub.hf_hub_url(repo, filename, revision=revision)
    # The metadata first, because that request is made once: hf_hub_download repeats after a 500 until the deadline.
    offered = huggingface_hub.get_hf_file_metadata(url, token=_token()).size
    if offered is not None and offered != size:
        raise HubError(f"it has {offered} bytes there instead of {size}")
    # Forced, because a file that is in the cache here has been found to be wrong.
    return Path(huggingface_hub.hf_hub_download(repo, filename, revision=revision, force_download=True, token=_token()))


def _token() -> bool | None:
    """What to pass as ``token``: False if the environment forbids to send a stored one, else None, the default.

    The Hub's library reads HF_HUB_DISABLE_IMPLICIT_TOKEN once, when it is imported; a server sets it later.
    """
    forbidden = os.environ.get("HF_HUB_DISABLE_IMPLICIT_TOKEN", "").upper() in ("1", "ON", "YES", "TRUE")
    return False if forbidden else None


def _matches_patterns(name: str) -> bool:
    """Whether a file lies at the top of its repo and its name fits one of PATTERNS."""
    return "/" not in name and any(fnmatch.fnmatchcase(name, pattern) for pattern in PATTERNS)


def sha256_of(file: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _offline() -> bool:
    from huggingface_hub import constants

    return constants.is_offline_mode()


def _find_cached(repo: str, revision: str, required: Sequence[str]) -> Path | None:
    """The folder in the cache of a revision, as it was downloaded last; None if missing, incomplete or damaged."""
    import huggingface_hub

    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                repo, revision=revision, allow_patterns=[*PATTERNS], ignore_patterns=["*/*"], local_files_only=True
            )
        )
        complete = all((folder / name).is_file() for name in required)
        return folder if complete and all(_is_intact(file) for file in _files(folder)) else None
    except (OSError, ValueError):  # LocalEntryNotFoundError and HFValidationError are among them
        return None


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if _matches_patterns(file.name)]


def _is_intact(file: Path) -> bool:
    """Whether a cached file has the checksum that the Hub gave for it, by which the cache names its content.

    That is the SHA-256 of large files and git's SHA-1 of others. On systems without links the cache has no such name,
    and the checks of the checkpoint itself must suffice.
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


def _difference(file: Path, sha256: str, size: int) -> str | None:
    """How a file differs from the expected one, None if it does not."""
    actual_size = file.stat().st_size
    if actual_size != size:
        return f"{actual_size} bytes instead of {size}"
    actual = sha256_of(file)
    return None if actual == sha256 else f"sha256 {actual} instead of {sha256}"


def _remove_from_cache(pointer: Path) -> None:
    """Remove a name in the Hub cache and the content that it links to, which other revisions would link to again."""
    content = pointer.resolve()
    with contextlib.suppress(OSError):
        pointer.unlink(missing_ok=True)
        content.unlink(missing_ok=True)
