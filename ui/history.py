"""What each session had analysed, so that it can have that forgotten."""

import threading
from collections import defaultdict
from pathlib import Path

from emorec.errors import EmorecError

STILL_STORED = "What is stored of {name} could not be deleted: {why} Then analyse it once more and delete again."


class History:
    """The runs of a session, each with its engine."""

    def __init__(self):
        self._runs = []

    def add(self, run, engine):
        """Take note of a run that was started."""
        self._runs.append((run, engine))

    def stop(self):
        """Ask every run to end."""
        for run, _ in self._runs:
            run.stop()

    def forget(self, spared):
        """End every run, and remove what is stored of their recordings; sentences about what could not be.

        ``spared`` tells of a path that it is not the session's to remove.
        """
        self.stop()
        problems = {}
        for run, engine in self._runs:
            run.join()  # it may be storing what it just observed
            if not run.path or not run.observed:
                continue
            try:
                if not (Path(run.path).exists() and spared(run.path)):
                    engine.forget(run.path)
            except EmorecError as error:
                problems[run.path] = STILL_STORED.format(name=Path(run.path).name, why=error)
        return list(problems.values())


class Histories:
    """The history of every session."""

    def __init__(self):
        self._of = defaultdict(History)
        self._lock = threading.Lock()

    def of(self, session):
        """A session's history."""
        with self._lock:
            return self._of[session]

    def forget(self, session, spared):
        """See ``History.forget``; the history is gone then."""
        with self._lock:
            history = self._of.pop(session, History())
        return history.forget(spared)

    def end(self, session):
        """A session has gone: its runs end, what is stored stays."""
        with self._lock:
            history = self._of.pop(session, History())
        history.stop()
