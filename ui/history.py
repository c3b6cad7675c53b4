"""What each session had analysed, so that it can have that forgotten."""

import threading
from collections import defaultdict
from pathlib import Path

from emorec.errors import EmorecError

STILL_STORED = "What is stored of {name} could not be deleted: {why} Then analyse it once more and delete again."


class History:
    """The runs of a session that go on, and of those that are over the recordings, each with how to get its engine.

    Neither engines nor what ended runs observed are held on to: a session may last for days.
    """

    def __init__(self):
        self._going, self._done = [], {}
        self._lock = threading.Lock()

    def add(self, run, checkpoint, engine_of):
        """Take note of a run that was started; ``engine_of`` gives the engine of a checkpoint."""
        with self._lock:
            self._tidy()
            self._going.append((run, checkpoint, engine_of))

    def stop(self):
        """Ask every run to end."""
        with self._lock:
            for run, *_ in self._going:
                run.stop()

    def forget(self, spared):
        """End every run, and remove what is stored of their recordings; sentences about what could not be.

        ``spared`` tells of a path that it is not the session's to remove.
        """
        self.stop()
        for run, *_ in list(self._going):
            run.join()  # it may be storing what it just observed
        with self._lock:
            self._tidy()
        problems = {}
        for (path, checkpoint), engine_of in self._done.items():
            try:
                if not (Path(path).exists() and spared(path)):
                    engine_of(checkpoint).forget(path)
            except EmorecError as error:
                problems[path] = STILL_STORED.format(name=Path(path).name, why=error)
        return list(problems.values())

    def _tidy(self):
        ended = [entry for entry in self._going if not entry[0].running]
        self._going = [entry for entry in self._going if entry not in ended]
        for run, checkpoint, engine_of in ended:
            if run.path and run.observed:
                self._done[str(run.path), checkpoint] = engine_of


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
