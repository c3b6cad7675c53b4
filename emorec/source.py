"""From a link to a local file: a page with a video, or a media file itself, fetched within limits.

The work is done by ``source_child`` in a process of its own, which is killed with all that it started when time or
space runs out, or when nobody waits any more. Nothing of an unfinished download stays behind.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emorec.errors import EmorecError
from emorec.source_guard import allowed_hosts, is_public

MAX_HEIGHT = 720
DEFAULT_MINUTES = 240.0
DEFAULT_MB = 2048.0
DEFAULT_TIME_MINUTES = 30.0
MEMORY = 2 << 30
"""Bytes of data that the downloading process may hold."""

TICK = 0.25
"""Seconds between two looks at the child, so that a cancelled download ends soon."""

MAX_LINK = 2048
MAX_LINE = 1 << 16
MAX_TITLE = 80
SIZE_SLACK = 16 << 20
PARTIAL = ".partial-"
FACTS_FILE = "source.json"
COMMAND = (sys.executable, "-P", "-m", "emorec.source_child")
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "IMAGEIO_FFMPEG_EXE", "SYSTEMROOT")
"""What the child gets of the environment: nothing that names a proxy, a configuration or a home."""


@dataclass(frozen=True)
class Limits:
    """What a link may cost: minutes and megabytes of media, and minutes until it must be here."""

    minutes: float = DEFAULT_MINUTES
    megabytes: float = DEFAULT_MB
    time_minutes: float = DEFAULT_TIME_MINUTES

    @classmethod
    def from_environment(cls) -> Limits:
        """EMOREC_MAX_MINUTES, EMOREC_MAX_MB, EMOREC_LINK_MINUTES. Raises EmorecError if one is no positive number."""
        names = {"minutes": "EMOREC_MAX_MINUTES", "megabytes": "EMOREC_MAX_MB", "time_minutes": "EMOREC_LINK_MINUTES"}
        return cls(**{field: _number(name) for field, name in names.items() if os.environ.get(name)})


@dataclass(frozen=True)
class Progress:
    """How far a download is. ``stage`` is "looking", "downloading" or "merging"; ``done`` and ``total`` are bytes,
    ``total`` None while nobody knows."""

    stage: str
    done: int = 0
    total: int | None = None
    title: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A downloaded recording: the file, its title, the link that led to it, and the video's id where it is from."""

    path: Path
    title: str
    source: str
    id: str | None = None

    @property
    def facts(self) -> dict:
        """What results say of where they are from."""
        return {"title": self.title, "source": self.source}


def is_link(text: str) -> bool:
    """Whether a user who gave ``text`` means a link rather than a file."""
    return bool(re.match(r"[a-z][a-z0-9+.-]*://|data:|javascript:|www\.", str(text).strip(), re.IGNORECASE))


def enabled() -> bool:
    """Whether links may be given at all: unless EMOREC_LINKS is off."""
    return os.environ.get("EMOREC_LINKS", "on").strip().lower() not in ("off", "0", "no", "false")


def fetch(url: str, folder: str | Path, progress: Callable[[Progress], None] | None = None, **choices) -> Fetched:
    """As ``fetching``, in one call; ``progress`` is called about four times a second."""
    with contextlib.closing(fetching(url, folder, **choices)) as steps:
        for step in steps:
            if isinstance(step, Fetched):
                return step
            if progress is not None:
                progress(step)
    raise AssertionError("fetching ends with what it fetched")


def fetching(
    url: str,
    folder: str | Path,
    max_height: int = MAX_HEIGHT,
    sound_only: bool = False,
    limits: Limits | None = None,
) -> Iterator[Progress | Fetched]:
    """Download what ``url`` leads to, below ``folder``: yield ``Progress`` about four times a second and, last,
    ``Fetched``.

    ``folder`` is the caller's: what was fetched stays there, and is found again for the same video, until the caller
    removes it. Closing the generator stops the download and removes what there is of it. The picture has at most
    ``max_height`` lines; ``sound_only`` asks for no picture. ``limits`` are by default those of the environment.

    Raises ``EmorecError`` for a link that cannot or must not be followed, or that exceeds the limits.
    """
    url = check_link(url)
    if max_height < 1:
        raise EmorecError(f"A picture of {max_height} lines shows nothing; give a larger --max_height.")
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
        child = _Child(_task(url, folder, working, max_height, sound_only, limits), working, limits)
        try:
            yield from child.reports()
            found = child.found()
        finally:
            child.end()
        yield _keep(found, url, folder, working)
    finally:
        shutil.rmtree(working, ignore_errors=True)


def check_link(url: str) -> str:
    """The link without blanks around it. Raises EmorecError unless it is a plain http or https one that may be
    followed here."""
    if not enabled():
        raise EmorecError("Links are turned off here; give a file instead.")
    url = str(url).strip()
    if url.lower().startswith("www."):
        url = f"https://{url}"
    if len(url) > MAX_LINK:
        raise EmorecError(f"This link is longer than {MAX_LINK} characters; give the short form of it.")
    if not url.isprintable() or any(letter in url for letter in " \\<>\"'`{}|^"):
        raise EmorecError("This link has characters that no link has; copy it again from the browser.")
    try:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise EmorecError("This is no link that can be understood; copy it again from the browser.") from None
    if parts.scheme.lower() not in ("http", "https"):
        raise EmorecError(
            f"A link must begin with http:// or https://, not with {parts.scheme[:20]}:; give such a one."
        )
    if "@" in parts.netloc:
        raise EmorecError("This link holds a user name before its host; give it without one.")
    if not host:
        raise EmorecError("This link names no host; copy it again from the browser.")
    if "__youtubedl_smuggle" in urllib.parse.unquote(url):
        raise EmorecError("This link holds orders for the downloader; give the one of the page itself.")
    if re.fullmatch(r"[0-9a-f:.%]+", host, re.IGNORECASE) and (":" in host or re.fullmatch(r"[0-9.]+", host)):
        allowed = allowed_hosts(os.environ.get("EMOREC_ALLOW_HOSTS", ""))
        port = port or (443 if parts.scheme.lower() == "https" else 80)
        if not is_public(host) and not {(host.lower(), None), (host.lower(), port)} & allowed:
            raise EmorecError(
                f"This link leads to an address that is not public ({host[:60]}); give a link to a public one."
            )
    return url


def remove_unfinished(folder: str | Path) -> None:
    """Remove what downloads into ``folder`` left that were killed with everything around them."""
    for path in Path(folder).glob(PARTIAL + "*"):
        shutil.rmtree(path, ignore_errors=True)


def _number(name: str) -> float:
    text = os.environ[name]
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text)) < math.inf:
            return value
    raise EmorecError(f"{name} is {text!r}, which is no positive number; set it to one, or to nothing.")


def _task(url, folder, working, max_height, sound_only, limits) -> dict:
    return {
        "url": url,
        "folder": str(working / "media"),
        "max_height": int(max_height),
        "sound_only": bool(sound_only),
        "max_bytes": int(limits.megabytes * 1e6),
        "max_seconds": limits.minutes * 60,
        "time": math.ceil(limits.time_minutes * 60),
        "memory": MEMORY,
        "hosts": os.environ.get("EMOREC_ALLOW_HOSTS", ""),
        "kept": [path.parent.name for path in folder.glob("*/" + FACTS_FILE)],
    }


def _keep(found: dict, url: str, folder: Path, working: Path) -> Fetched:
    """Move what was downloaded to where it stays, under its title."""
    kept = folder / re.sub(r"[^0-9a-f]", "", str(found.get("key")))
    try:
        if found.get("file") is None:
            facts = json.loads((kept / FACTS_FILE).read_text(encoding="utf-8"))
            return Fetched(kept / facts["file"], facts["title"], url, facts["id"])
        file = working / "media" / Path(str(found["file"])).name
        title = _title(found.get("title"), url)
        facts = {"file": f"{_file_name(title)}{file.suffix}", "title": title, "id": found.get("id")}
        file.rename(working / "media" / facts["file"])
        (working / "media" / FACTS_FILE).write_text(json.dumps(facts), encoding="utf-8")
        shutil.rmtree(kept, ignore_errors=True)
        (working / "media").rename(kept)
    except OSError as error:
        raise EmorecError(
            f"The download could not be kept ({error.strerror}); free some space and try again."
        ) from None
    return Fetched(kept / facts["file"], title, url, facts["id"])


def _title(title, url: str) -> str:
    """A title for people: of one line, never empty."""
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(title or "")).split())
    return text[: 2 * MAX_TITLE] or urllib.parse.urlsplit(url).hostname or "recording"


def _file_name(title: str) -> str:
    """The title as a file may be named anywhere."""
    name = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in title)
    while len(name.encode()) > MAX_TITLE:
        name = name[:-1]
    return name.strip(" .-") or "recording"


class _Child:
    """One downloading process, as seen from outside: what it tells, and that it stays within its limits."""

    def __init__(self, task: dict, working: Path, limits: Limits):
        self._working, self._limits = working, limits
        self._last: dict = {}
        home = str(working / "home")
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home, "DENO_DIR": home}
        environment |= {"PYTHONPATH": str(Path(__file__).absolute().parent.parent), "YTDLP_NO_PLUGINS": "1"}
        self._process = subprocess.Popen(
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
        self._deadline = time.monotonic() + limits.time_minutes * 60
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()

    def reports(self) -> Iterator[Progress]:
        """Yield what the child tells until it is through, at least once every ``TICK``. Raises EmorecError if it
        takes too long or too much."""
        latest = Progress("looking")
        for line in self._lines():
            if line is not None:
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    self._last = json.loads(line)
                    if "progress" in self._last:
                        latest = Progress(**self._last["progress"])
            yield latest
            if time.monotonic() > self._deadline:
                raise EmorecError(
                    f"The download took longer than {self._limits.time_minutes:g} minutes and was stopped; "
                    "give a shorter recording, or try again later."
                )
            if _size(self._working) > 2 * self._limits.megabytes * 1e6 + SIZE_SLACK:  # parts, and them merged
                raise EmorecError(
                    f"What this link leads to is larger than {self._limits.megabytes:g} MB, the limit here; "
                    "give a smaller one."
                )

    def _lines(self) -> Iterator[bytes | None]:
        """Lines as they come, and None whenever none came for a while."""
        output, held = self._process.stdout.fileno(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while True:
                if not selector.select(TICK):
                    yield None
                    continue
                piece = os.read(output, MAX_LINE)
                if not piece:
                    return
                *lines, held = (held + piece).split(b"\n")
                yield from lines
                held = held[:MAX_LINE]

    def found(self) -> dict:
        """What the child said last. Raises EmorecError if that is not a file."""
        # Not reaped yet: as long as it is not, its number is no other process's, and its group can be killed safely.
        status = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        if isinstance(self._last, dict):
            if isinstance(self._last.get("problem"), str):
                raise EmorecError(self._last["problem"])
            if isinstance(self._last.get("done"), dict):
                return self._last["done"]
        ended = f"{'code' if status.si_code == os.CLD_EXITED else 'signal'} {status.si_status}"
        raise EmorecError(f"The download broke off ({ended}); try again, or give another link.")

    def end(self) -> None:
        """Kill the process and all that it started, if it still runs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


def _size(folder: Path) -> int:
    """Bytes of all files below a folder, which may change meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
