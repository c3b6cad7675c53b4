"""Downloads a link, to a page with a video or to a media file, into a local file, within limits.

The download runs in a child process (``child``), which is killed with everything that it started if it takes too much
time or space, or if the caller stops waiting. An unfinished download leaves no files.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import shutil
import tempfile
import urllib.parse
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from emorec import files, settings
from emorec.download.addresses import is_public
from emorec.download.links import is_link, strip_punctuation, with_scheme
from emorec.download.process import DownloadProcess, Progress
from emorec.errors import EmorecError, require
from emorec.settings import Limits

__all__ = ["Fetched", "Limits", "check_height", "check_link", "enabled", "fetch", "fetch_in_steps", "is_link"]

MAX_HEIGHT = 720
MEMORY = 2 << 30  # bytes of data that the downloading process may hold

MAX_LINK = 2048
MAX_TITLE = 80
KEY = re.compile("[0-9a-f]{24}")  # names of folders in which downloads are kept

PARTIAL = ".partial-"
FACTS_FILE = "source.json"
UNCLEAR = "The download broke off (what it brought is not clear); try again, or give another link."


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A downloaded recording: the file, its title, the link, and the id of the video on its site."""

    path: Path
    title: str
    source: str
    id: str | None = None

    @property
    def facts(self) -> dict:
        """The source as results state it."""
        return {"title": self.title, "source": self.source}


def enabled() -> bool:
    """Whether links are allowed: unless EMOREC_LINKS is off."""
    return settings.links()


def fetch(url: str, folder: str | Path, progress: Callable[[Progress], None] | None = None, **choices) -> Fetched:
    """As ``fetch_in_steps``, in one call; ``progress`` is called about four times a second."""
    with contextlib.closing(fetch_in_steps(url, folder, **choices)) as steps:
        for step in steps:
            if isinstance(step, Fetched):
                return step
            if progress is not None:
                progress(step)
    raise AssertionError("the last step is what was fetched")


def check_height(max_height: int) -> None:
    """Raise EmorecError for a height (lines) that no picture can have."""
    if max_height < 1:
        raise EmorecError(f"A picture of {max_height} lines shows nothing; give a larger --max_height.")


def fetch_in_steps(
    url: str,
    folder: str | Path,
    max_height: int = MAX_HEIGHT,
    sound_only: bool = False,
    limits: Limits | None = None,
) -> Generator[Progress | Fetched]:
    """Download what ``url`` leads to, into a folder in ``folder``.

    Yields ``Progress`` about four times a second and, last, ``Fetched``.

    ``folder`` belongs to the caller: downloads stay there, and are used again for the same video, until the caller
    removes them. Closing the generator stops the download and removes what has arrived. The picture has at most
    ``max_height`` lines, and none with ``sound_only``. ``limits`` are by default those of the environment.

    Raises ``EmorecError`` for a link that cannot or must not be followed, or that exceeds the limits.
    """
    url = check_link(url)
    require("links", "yt_dlp", "deno", "imageio_ffmpeg")
    check_height(max_height)
    limits = limits or Limits.from_environment()
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=PARTIAL, dir=folder))
    except OSError as error:
        raise EmorecError(f"Nothing can be downloaded to {folder} ({error.strerror}); free some space there.") from None
    try:
        for name in ("media", "home"):
            (working / name).mkdir()
        child = DownloadProcess(_task(url, folder, working, max_height, sound_only, limits), working, limits)
        try:
            yield from child.reports()
            result = child.result()
        finally:
            child.end()
        yield _keep(result, url, folder, working)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def check_link(url: str) -> str:
    """The link without surrounding punctuation, with https:// if it names no scheme. Raises EmorecError unless it is a
    plain http or https link that may be followed here."""
    if not enabled():
        raise EmorecError("Links are turned off here; give a file instead.")
    url = with_scheme(strip_punctuation(url))
    if len(url) > MAX_LINK:
        raise EmorecError(f"This link is longer than {MAX_LINK} characters; give the short form of it.")
    if not url.isprintable() or any(letter in url for letter in " \\<>\"'`{}|^"):
        raise EmorecError("This link has characters that no link has; copy it again from the browser.")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise EmorecError("This link is not valid; copy it again from the browser.") from None
    if not parts.scheme:
        raise EmorecError("This is not a link; copy the whole address from the browser, with its http:// or https://.")
    if parts.scheme.lower() not in ("http", "https"):
        raise EmorecError(f"A link must begin with http:// or https://, not with {parts.scheme[:20]}:.")
    if "@" in parts.netloc:
        raise EmorecError("This link contains a user name before its host; give it without one.")
    if not host:
        raise EmorecError("This link names no host; copy it again from the browser.")
    if "__youtubedl_smuggle" in urllib.parse.unquote(url):
        raise EmorecError("This link contains instructions for the downloader; give the link of the page itself.")
    if re.fullmatch(r"[0-9a-f:.%]+", host, re.IGNORECASE) and (":" in host or re.fullmatch(r"[0-9.]+", host)):
        allowed = settings.allowed_hosts()
        port = port or (443 if parts.scheme.lower() == "https" else 80)
        if not is_public(host) and not {(host.lower(), None), (host.lower(), port)} & allowed:
            raise EmorecError(
                f"This link leads to an address that is not public ({host[:60]}); give a link to a public one."
            )
    return url


def _task(url: str, folder: Path, working: Path, max_height: int, sound_only: bool, limits: Limits) -> dict:
    """The task of the child process; ``child`` says what its keys mean."""
    return {
        "url": url,
        "folder": str(working / "media"),
        "max_height": int(max_height),
        "sound_only": bool(sound_only),
        "max_bytes": limits.bytes,
        "max_seconds": limits.seconds,
        "time": math.ceil(limits.time_minutes * 60),
        "memory": MEMORY,
        "hosts": sorted(settings.allowed_hosts(), key=str),
        "kept": [path.name for path in folder.iterdir() if KEY.fullmatch(path.name) and _read_kept(path)],
    }


def _keep(result: dict, url: str, folder: Path, working: Path) -> Fetched:
    """Move the downloaded file to its final folder, named by its title. ``result`` comes from the child, so it is
    checked.

    Raises EmorecError if it does not name a downloaded file, or if the file cannot be kept.
    """
    key, name, video_id = result.get("key"), result.get("file"), result.get("id")
    if not isinstance(key, str) or not KEY.fullmatch(key) or not isinstance(video_id, str | None):
        raise EmorecError(UNCLEAR)
    stored = folder / key
    if name is None:
        facts = _read_kept(stored)
        if facts is None:
            raise EmorecError(UNCLEAR)
        return Fetched(path=stored / facts["file"], title=facts["title"], source=url, id=facts["id"])
    file = working / "media" / Path(str(name)).name
    if not _is_plain_file(file):
        raise EmorecError(UNCLEAR)
    title = _title(result.get("title"), url)
    facts = {"file": f"{_file_name(title)}{file.suffix}", "title": title, "id": video_id}
    try:
        files.when_free(lambda: file.rename(working / "media" / facts["file"]))
        (working / "media" / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")
        shutil.rmtree(stored, ignore_errors=True)
        files.when_free(lambda: (working / "media").rename(stored))
    except OSError as error:
        raise EmorecError(
            f"The download could not be kept ({error.strerror}); free some space and try again."
        ) from None
    return Fetched(path=stored / facts["file"], title=title, source=url, id=facts["id"])


def _read_kept(folder: Path) -> dict | None:
    """The ``file``, ``title`` and ``id`` of the download in a folder, None if it is not complete."""
    try:
        facts = json.loads((folder / FACTS_FILE).read_text(encoding="utf-8"))
        file, title, video_id = facts["file"], facts["title"], facts["id"]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    valid = isinstance(file, str) and isinstance(title, str) and isinstance(video_id, str | None)
    return facts if valid and Path(file).name == file and _is_plain_file(folder / file) else None


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _title(title, url: str) -> str:
    """The title in one line, never empty."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(title or "")).split())
    return text[: 2 * MAX_TITLE] or urllib.parse.urlsplit(url).hostname or "recording"


def _file_name(title: str) -> str:
    """The title as a file name that is valid everywhere."""
    name = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in title)
    while len(name.encode()) > MAX_TITLE:
        name = name[:-1]
    return files.avoid_device_name(name.strip(" .-")) or "recording"
