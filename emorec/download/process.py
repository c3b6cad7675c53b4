"""The downloading process as seen from outside: what it tells, and that it and what it brings stay within limits."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emorec.download.limits import too_large, too_long
from emorec.errors import EmorecError
from emorec.settings import Limits

TICK = 0.25
"""Seconds between two looks at the child, so that a cancelled download ends soon."""

ENDING_TICK = 0.02
"""Seconds between two looks at whether the child has ended."""

LOOK_AFTER = 1.0
"""Seconds at least between two looks at how long the recording is already."""

GROWTH = 1.5
"""How much larger a file is at the next such look: all of them together cost three readings of its packets."""

LEAST = 1 << 16
"""Bytes of a file that is worth a look."""

ENDS_WITHIN = 10.0
"""Seconds that the child may take to end after it has closed its output."""

MAX_SENTENCE = 500
MAX_LINE = 1 << 16
SIZE_SLACK = 16 << 20
COMMAND = (sys.executable, "-P", "-m", "emorec.download.child")
KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "IMAGEIO_FFMPEG_EXE", "SYSTEMROOT")
"""What the child gets of the environment: nothing that names a proxy, a configuration or a home."""

SET_VARIABLES = {
    "YTDLP_NO_PLUGINS": "1",
    # The ffmpeg that comes with imageio-ffmpeg is linked statically. It crashes when it loads the system's modules for
    # character sets, which it does for every MPEG-TS file. With this set, it does not find the list of them.
    "GCONV_PATH": "",
}


@dataclass(frozen=True)
class Progress:
    """How far a download is. ``stage`` is "looking", "downloading" or "merging"; ``done`` and ``total`` are bytes,
    ``total`` None while nobody knows."""

    stage: str
    done: int = 0
    total: int | None = None
    title: str | None = None


class Downloading:
    """One downloading process, as seen from outside: what it tells, and that it stays within its limits."""

    def __init__(self, task: dict, working: Path, limits: Limits):
        self._working, self._limits = working, limits
        self._lengths = Lengths(working / "media", limits.seconds)
        self._last: dict = {}
        home = str(working / "home")
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home, "DENO_DIR": home}
        environment |= {"PYTHONPATH": str(Path(__file__).absolute().parents[2])} | SET_VARIABLES
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
                with contextlib.suppress(ValueError, TypeError, AttributeError, OverflowError, RecursionError):
                    self._last = json.loads(line)
                    if "progress" in self._last:
                        latest = _progress(**self._last["progress"])
            yield latest
            if time.monotonic() > self._deadline:
                raise EmorecError(
                    f"The download took longer than {self._limits.time_minutes:g} minutes and was stopped; "
                    "give a shorter recording, or try again later."
                )
            if _size(self._working) > 2 * self._limits.bytes + SIZE_SLACK:  # parts, and them merged
                raise EmorecError(too_large(self._limits.bytes))
            self._lengths.look()

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
        """What the child said last. Raises EmorecError if that is not a file, or one that is too long."""
        ended = self._ended()
        if ended and isinstance(self._last, dict):
            if isinstance(problem := self._last.get("problem"), str):
                raise EmorecError(" ".join(problem.split())[:MAX_SENTENCE])
            if isinstance(done := self._last.get("done"), dict):
                if done.get("file") is not None:
                    self._lengths.check(self._working / "media" / Path(str(done["file"])).name)
                return done
        raise EmorecError(f"The download broke off ({ended or 'it did not end'}); try again, or give another link.")

    def _ended(self) -> str | None:
        """How the child ended, or None if it still runs ``ENDS_WITHIN`` after its output has ended."""
        deadline = time.monotonic() + ENDS_WITHIN
        # Not reaped yet: as long as it is not, its number is no other process's, and its group can be killed safely.
        while (status := os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)) is None:
            if time.monotonic() > deadline:
                return None
            time.sleep(ENDING_TICK)
        return f"{'code' if status.si_code == os.CLD_EXITED else 'signal'} {status.si_status}"

    def end(self) -> None:
        """Kill the process and all that it started, if it still runs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()


class Lengths:
    """How long what arrives in a folder is already, whatever was said of it before.

    Files are read by ``worker``, for nobody knows yet what they are, in a thread: meanwhile the download can be ended.
    """

    def __init__(self, folder: Path, most: float):
        self._folder, self._most = folder, most
        self._looked: dict[str, int] = {}
        """Bytes that there were of each file when it was last looked at."""
        self._longest = 0.0
        self._thread: threading.Thread | None = None
        self._again_at = 0.0

    def look(self) -> None:
        """Look at what has grown, in the background. Raises EmorecError once something was found too long."""
        if self._longest > self._most:
            raise EmorecError(too_long(self._most))
        if (self._thread is None or not self._thread.is_alive()) and time.monotonic() >= self._again_at:
            self._again_at = time.monotonic() + LOOK_AFTER
            if grown := self._grown():
                self._thread = threading.Thread(target=self._measure, args=(grown,), daemon=True)
                self._thread.start()

    def check(self, file: Path) -> None:
        """Look at a file that has arrived. Raises EmorecError if it is too long."""
        self._measure([file])
        if self._longest > self._most:
            raise EmorecError(too_long(self._most))

    def _grown(self) -> list[Path]:
        grown = []
        for path in self._folder.glob("*"):  # nothing where the folder has gone
            with contextlib.suppress(OSError):
                size = path.lstat().st_size
                if size >= max(LEAST, GROWTH * self._looked.get(path.name, 0)):
                    self._looked[path.name] = size
                    grown.append(path)
        return grown

    def _measure(self, files: list[Path]) -> None:
        from emorec.media import sandbox  # imported late: the command line imports this file to answer --help

        for file in files:
            with contextlib.suppress(EmorecError):  # what cannot be told yet; an analysis says whether it ever can
                self._longest = max(self._longest, sandbox.reached(file, self._most))


def _progress(stage, done=0, total=None, title=None) -> Progress:
    """What the child says of its progress. Raises TypeError or ValueError if that is of another kind."""
    if not isinstance(stage, str) or not (title is None or isinstance(title, str)):
        raise TypeError("stage and title are words")
    done, total = int(done), None if total is None else int(total)
    if done < 0 or (total is not None and total < 0):
        raise ValueError("bytes are counted from 0")
    return Progress(stage, done, total, title)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder, which may change meanwhile."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
