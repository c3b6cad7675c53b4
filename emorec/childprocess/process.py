"""A child process as its parent sees it: started with few environment variables, given one task, killed at the end.

Nothing that a child says is trusted: messages have a limited size, each must arrive within a deadline, and the parent
kills the process that it started, not one that the child names.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from emorec.childprocess import limits, messages
from emorec.running_time import LOOK, RunningTime

if TYPE_CHECKING:
    import numpy as np

# Variables that every child gets, besides PYTHONPATH and LC_*: what Python needs to find modules and libraries
# and to read file names. Passwords, tokens, proxies and configurations are not passed on.
ALLOWED_VARIABLES = frozenset(
    {
        *("PATH", "TZ", "SYSTEMROOT", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "GLIBC_TUNABLES"),
        *("LANG", "LANGUAGE", "LOCPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE", "PYTHONPLATLIBDIR"),
        *("PYTHONUTF8", "PYTHONCOERCECLOCALE", "PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE"),
    }
)
PACKAGE_PARENT = Path(__file__).absolute().parents[2]  # the folder that emorec is imported from
MAX_SENTENCE = 1000  # characters
ENDING_TICK = 0.02  # seconds between two looks at whether a process has ended


def environment(keep: Iterable[str] = (), **values: str) -> dict[str, str]:
    """The environment of a child: this process's ALLOWED_VARIABLES, LC_* and ``keep``, with ``values`` added."""
    names = ALLOWED_VARIABLES | {*keep}
    kept = {name: value for name, value in os.environ.items() if name in names or name.startswith("LC_")}
    paths = [str(PACKAGE_PARENT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return kept | values | {"PYTHONPATH": os.pathsep.join(paths)}


def start(command: Iterable[str], variables: dict[str, str], **options) -> subprocess.Popen:
    """Start a program in a process group of its own; ``options`` are those of ``subprocess.Popen``."""
    limits.warn_of_missing()
    # On Windows, which has no sessions, Ctrl-C would reach it too, and what it reads would count as damaged.
    group = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)
    return subprocess.Popen([*command], env=variables, start_new_session=True, creationflags=group, **options)


def sentence(text: object) -> str:
    """A child's words for the user: one line of bounded length, without control characters.

    Raises TypeError if it is no text.
    """
    if not isinstance(text, str):
        raise TypeError("a sentence is text")
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:MAX_SENTENCE])


class Child:
    """A running child that was given one ``task`` over ``stdin`` and answers in messages over ``stdout``.

    ``kill`` ends the child, whatever state it is in; it may be called more than once.
    """

    def __init__(self, task: dict, stdin: IO[bytes], stdout: IO[bytes], kill: Callable[[], None]):
        self._kill, self._ended = kill, False
        self._answers: queue.Queue = queue.Queue(maxsize=1)
        # A thread, because not every system can wait for a pipe with a deadline.
        threading.Thread(target=self._talk, args=(task, stdin, stdout), daemon=True).start()

    def receive(self, seconds: float) -> tuple[dict, list[np.ndarray]]:
        """The next message. Raises TimeoutError after ``seconds`` (s, as RunningTime counts them), EOFError after the
        last message, or another of ``messages.ERRORS`` for what is no message; only after a TimeoutError may it be
        called again."""
        waited, answer = RunningTime(), None
        while answer is None:
            try:
                answer = self._answers.get(timeout=min(seconds, LOOK))
            except queue.Empty:
                if waited.passed() >= seconds:
                    raise TimeoutError from None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        """Kill the child."""
        self._ended = True
        self._kill()
        with contextlib.suppress(queue.Empty):  # the thread may wait for a place
            self._answers.get_nowait()

    def _talk(self, task: dict, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        with contextlib.suppress(OSError), stdin, stdout:
            try:
                # A child that refuses may have answered and ended before it has read the task; its answer says why.
                with contextlib.suppress(OSError):
                    messages.send(stdin, task)
                while not self._ended:
                    self._answers.put(messages.receive(stdout))
            except messages.ERRORS as error:
                self._answers.put(error)
            except MemoryError:
                self._answers.put(ValueError("the arrays are too large for the memory"))


def ask(process: subprocess.Popen, task: dict) -> Child:
    """A ``Child`` over the pipes of a process that was started with them."""
    assert process.stdin is not None and process.stdout is not None
    return Child(task, process.stdin, process.stdout, lambda: kill(process))


def kill(process: subprocess.Popen) -> None:
    """Kill a process and all that it started, and wait for its end; do nothing if its end is known already."""
    if process.returncode is not None:
        return
    if hasattr(os, "killpg") and hasattr(signal, "SIGKILL"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def wait_for_exit(process: subprocess.Popen, within: float) -> str | None:
    """How a process ended ("code 1", "signal 9"), None if it still runs after ``within`` (s, see RunningTime)."""
    waited = RunningTime(LOOK)
    while (code := _exit_code(process)) is None:
        if waited.passed() > within:
            return None
        time.sleep(ENDING_TICK)
    return f"code {code}" if code >= 0 else f"signal {-code}"


def _exit_code(process: subprocess.Popen) -> int | None:
    if process.returncode is not None or not hasattr(os, "waitid"):
        return process.poll()
    # WNOWAIT leaves the ended process unreaped. Until it is reaped no other process can get its number, so killing its
    # process group is safe.
    status = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if status is None:
        return None
    return status.si_status if status.si_code == os.CLD_EXITED else -status.si_status
