"""The downloading process as its parent sees it: its progress, its result, and its limits."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emorec.childprocess import messages
from emorec.childprocess import process as childprocess
from emorec.download.errors import NO_SPACE, too_large, too_long, with_proxy_told
from emorec.errors import EmorecError
from emorec.running_time import RunningTime
from emorec.settings import Limits

TICK = 0.25  # seconds that one wait for a message takes at most, so that a cancelled download ends soon
CHECK_AFTER = 1.0  # seconds at least between two checks of how long the recording is so far
GROWTH = 1.5  # how much larger a file must be for the next check: all checks then read its packets three times
MIN_BYTES = 1 << 16  # of a file that is checked
ENDS_WITHIN = 10.0  # seconds that the child may take to end after its last message
MAX_SENTENCE = 500
SIZE_SLACK = 16 << 20  # bytes
COMMAND = (sys.executable, "-P", "-m", "emorec.download.child")
KEPT_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "IMAGEIO_FFMPEG_EXE")
SET_VARIABLES = {
    "YTDLP_NO_PLUGINS": "1",
    # The ffmpeg that comes with imageio-ffmpeg is linked statically. It crashes when it loads the system's modules for
    # character sets, which it does for every MPEG-TS file. With this set, it does not find the list of them.
    "GCONV_PATH": "",
}
HOMES = ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DENO_DIR")


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The progress of a download. ``stage`` is "looking", "downloading" or "merging"; ``done`` and ``total`` are bytes,
    ``total`` None if unknown."""

    stage: str
    done: int = 0
    total: int | None = None
    title: str | None = None


class DownloadProcess:
    """One downloading process; it is stopped if it, or what it downloads, exceeds the limits."""

    def __init__(self, task: dict, working: Path, limits: Limits):
        self._working, self._limits = working, limits
        self._durations = DurationCheck(working / "media", limits.seconds)
        self._last: dict = {}
        home = str(working / "home")
        variables = childprocess.environment(KEPT_VARIABLES, **dict.fromkeys(HOMES, home), **SET_VARIABLES)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        self._process = childprocess.start(COMMAND, variables, cwd=home, **pipes)
        self._child = childprocess.ask(self._process, task)
        self._waited = RunningTime()

    def reports(self) -> Iterator[Progress]:
        """Yield the progress until the child has sent its last message, at least once every ``TICK``.

        Raises EmorecError if it takes too long or too much space.
        """
        latest = Progress(stage="looking")
        while True:
            try:
                self._last, _ = self._child.receive(TICK)
                with contextlib.suppress(ValueError, TypeError, OverflowError):
                    latest = _progress(**self._last.get("progress", {}))
            except TimeoutError:
                pass
            except messages.ERRORS:
                return
            yield latest
            if self._waited.passed() > self._limits.time_minutes * 60:
                raise EmorecError(
                    f"The download took longer than {self._limits.time_minutes:g} minutes and was stopped; "
                    "give a shorter recording, or try again later."
                )
            if _size(self._working) > 2 * self._limits.bytes + SIZE_SLACK:  # the parts, and the merged file
                raise EmorecError(too_large(self._limits.bytes))
            self._durations.check_new()

    def result(self) -> dict:
        """The result that the child sent last. Raises EmorecError if there is none, or if its file is too long."""
        ended = childprocess.wait_for_exit(self._process, ENDS_WITHIN)
        if ended:
            if isinstance(problem := self._last.get("problem"), str):
                # With its cause, because a batch stops for a full disk, which is no fault of the recording.
                full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) if problem == NO_SPACE else None
                problem = with_proxy_told(" ".join(problem.split())[:MAX_SENTENCE])
                raise EmorecError(childprocess.sentence(problem)) from full
            if isinstance(done := self._last.get("done"), dict):
                if done.get("file") is not None:
                    self._durations.check(self._working / "media" / Path(str(done["file"])).name)
                return done
        raise EmorecError(f"The download broke off ({ended or 'it did not end'}); try again, or give another link.")

    def end(self) -> None:
        """Kill the process and all that it started, if it still runs."""
        self._child.end()


class DurationCheck:
    """Checks the duration of the files that arrive in a folder, as what their site stated may be wrong.

    They are read in the sandbox, in a thread, so that the download can be stopped meanwhile.
    """

    def __init__(self, folder: Path, max_seconds: float):
        self._folder, self._max_seconds = folder, max_seconds
        self._checked_sizes: dict[str, int] = {}  # bytes of each file at the last check
        self._duration = 0.0
        self._thread: threading.Thread | None = None
        self._next_check = 0.0

    def check_new(self) -> None:
        """Check the files that have grown, in the background. Raises EmorecError if one was found too long."""
        if self._duration > self._max_seconds:
            raise EmorecError(too_long(self._max_seconds))
        if (self._thread is None or not self._thread.is_alive()) and time.monotonic() >= self._next_check:
            self._next_check = time.monotonic() + CHECK_AFTER
            if grown := self._grown():
                self._thread = threading.Thread(target=self._measure, args=(grown,), daemon=True)
                self._thread.start()

    def check(self, file: Path) -> None:
        """Check a complete file. Raises EmorecError if it is too long."""
        self._measure([file])
        if self._duration > self._max_seconds:
            raise EmorecError(too_long(self._max_seconds))

    def _grown(self) -> list[Path]:
        grown = []
        for path in self._folder.glob("*"):  # nothing if the folder was removed
            with contextlib.suppress(OSError):
                size = path.lstat().st_size
                if size >= max(MIN_BYTES, GROWTH * self._checked_sizes.get(path.name, 0)):
                    self._checked_sizes[path.name] = size
                    grown.append(path)
        return grown

    def _measure(self, files: list[Path]) -> None:
        from emorec.media import sandbox  # imported late: the command line imports this file to answer --help

        for file in files:
            with contextlib.suppress(EmorecError):  # unknown so far; an analysis reports files that cannot be read
                self._duration = max(self._duration, sandbox.min_duration(file, self._max_seconds))


def _progress(stage=None, done=0, total=None, title=None) -> Progress:
    """The progress that the child reports. Raises TypeError or ValueError if it is malformed."""
    if not isinstance(stage, str) or not (title is None or isinstance(title, str)):
        raise TypeError("stage and title are texts")
    done, total = int(done), None if total is None else int(total)
    if done < 0 or (total is not None and total < 0):
        raise ValueError("bytes are counted from 0")
    return Progress(stage=stage, done=done, total=total, title=title)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder, which may change at the same time."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += path.lstat().st_size
    return total
