"""What each session had analysed, so that it can have that forgotten."""

import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from emorec.errors import EmorecError
from emorec.ui.jobs.runner import Run

STILL_STORED = "What is stored of {name} could not be deleted: {why} Try it once more."


class History:
    """The runs of a session that go on, and the names under which those that are over stored what they observed.

    Neither engines nor what ended runs observed are held on to: a session may last for days. Nor are the recordings
    needed, which may have been removed meanwhile.
    """

    def __init__(self):
        self._going: list[tuple[Run, bool]] = []
        self._done: dict[tuple[str, Path | None], str] = {}  # key and store, and the recording's name
        self._lock = threading.Lock()

    def add(self, run: Run, spared: bool = False) -> None:
        """Take note of a run that was started; what is stored of a ``spared`` recording is not the session's."""
        with self._lock:
            self._tidy()
            self._going.append((run, spared))

    @property
    def running(self) -> bool:
        """Whether a run goes on."""
        with self._lock:
            self._tidy()
            return bool(self._going)

    def stop(self) -> list[Run]:
        """Ask every run to end; the runs."""
        with self._lock:
            runs = [run for run, _ in self._going]
        for run in runs:
            run.stop()
        return runs

    def forget(self, forget_key: Callable[[str, Path | None], bool]) -> list[str]:
        """End every run, and remove what is stored by ``forget_key(key, store)``; sentences about what could not be,
        which stays noted for the next time."""
        for run in self.stop():
            run.join()  # it may be storing what it just observed
        problems = []
        with self._lock:
            self._tidy()
            for (key, store), name in list(self._done.items()):
                try:
                    forget_key(key, store)
                    del self._done[key, store]
                except EmorecError as error:
                    problems.append(STILL_STORED.format(name=name, why=error))
        return problems

    def _tidy(self):
        going = []
        for run, spared in self._going:
            if run.running:
                going.append((run, spared))
            elif run.key and not spared:
                self._done[run.key, run.order.store] = Path(run.path).name
        self._going = going


class Histories:
    """The history of every session."""

    def __init__(self):
        self._of = defaultdict(History)
        self._lock = threading.Lock()

    def of(self, session: str) -> History:
        """A session's history."""
        with self._lock:
            return self._of[session]

    def running(self, session: str) -> bool:
        """Whether a run of a session goes on."""
        with self._lock:
            history = self._of.get(session)
        return history is not None and history.running

    def forget(self, session: str, forget_key: Callable[[str, Path | None], bool]) -> list[str]:
        """See ``History.forget``; the history is gone then, unless something could not be removed."""
        with self._lock:
            history = self._of.get(session)
        if history is None:
            return []
        problems = history.forget(forget_key)
        if not problems:
            with self._lock:
                if self._of.get(session) is history:
                    del self._of[session]
        return problems

    def end(self, session: str) -> list[Run]:
        """A session has gone: its runs, which are asked to end; what is stored stays."""
        with self._lock:
            history = self._of.pop(session, None)
        return history.stop() if history else []
