"""The jobs of each session, so that they can be stopped and their stored features deleted."""

import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from emorec.errors import EmorecError
from emorec.ui.jobs.job import Job

STILL_STORED = "What is stored of {name} could not be deleted: {why} Try it once more."

# Deletes the features that are stored under a key, in a folder or (None) in the library's cache. Raises EmorecError.
DeleteFeatures = Callable[[str, Path | None], bool]


class _SessionJobs:
    """The running jobs of one session, and the keys under which the finished ones stored their features.

    It keeps neither the features nor the analyzers of finished jobs in memory, because a session may last for days.
    Deletion works by key, because the recordings may be removed earlier.
    """

    def __init__(self):
        self._running: list[tuple[Job, bool]] = []  # each with whether its recording is a shared example
        self._stored: dict[tuple[str, Path | None], str] = {}  # (key, cache folder): name of the recording
        self._lock = threading.Lock()

    def add(self, job: Job, shared: bool) -> None:
        with self._lock:
            self._move_finished()
            self._running.append((job, shared))

    def finish(self, job: Job) -> None:
        with self._lock:
            own = [each for each in self._running if each[0] is job]
            self._running = [each for each in self._running if each[0] is not job]
            for _, shared in own:
                self._keep(job, shared)

    def running(self) -> bool:
        with self._lock:
            self._move_finished()
            return bool(self._running)

    def stop(self) -> list[Job]:
        with self._lock:
            jobs = [job for job, _ in self._running]
        for job in jobs:
            job.stop()
        return jobs

    def delete(self, delete_features: DeleteFeatures) -> list[str]:
        for job in self.stop():
            job.join()  # it may be storing its last features
        problems = []
        with self._lock:
            self._move_finished()
            for (key, cache), name in list(self._stored.items()):
                try:
                    delete_features(key, cache)
                    del self._stored[key, cache]
                except EmorecError as error:
                    problems.append(STILL_STORED.format(name=name, why=error))
        return problems

    def forget(self, key: str, cache: Path | None) -> None:
        with self._lock:
            self._move_finished()
            self._stored.pop((key, cache), None)

    def _move_finished(self) -> None:
        running = []
        for job, shared in self._running:
            if job.running:
                running.append((job, shared))
            else:
                self._keep(job, shared)
        self._running = running

    def _keep(self, job: Job, shared: bool) -> None:
        if job.key and not shared:
            self._stored[job.key, job.options.cache] = Path(job.path).name


class JobHistory:
    """The jobs of all sessions."""

    def __init__(self):
        self._sessions: defaultdict[str, _SessionJobs] = defaultdict(_SessionJobs)
        self._lock = threading.Lock()

    def add(self, session: str, job: Job, shared: bool = False) -> None:
        """Add a job of a session; the features of a ``shared`` recording, an example, are not deleted with it."""
        with self._lock:
            jobs = self._sessions[session]
        jobs.add(job, shared)

    def finish(self, session: str, job: Job) -> None:
        """A job of a session has stored its last features, and is about to end: keep only the key of these."""
        with self._lock:
            jobs = self._sessions.get(session)
        if jobs:
            jobs.finish(job)

    def running(self, session: str) -> bool:
        """Whether a job of a session is running."""
        with self._lock:
            jobs = self._sessions.get(session)
        return jobs is not None and jobs.running()

    def delete(self, session: str, delete_features: DeleteFeatures) -> list[str]:
        """Stop the jobs of a session and delete their stored features; returns a sentence for each failure.

        What could not be deleted stays in the history, for the next attempt.
        """
        with self._lock:
            jobs = self._sessions.get(session)
        if jobs is None:
            return []
        problems = jobs.delete(delete_features)
        if not problems:
            with self._lock:
                if self._sessions.get(session) is jobs:
                    del self._sessions[session]
        return problems

    def stop(self, session: str) -> list[Job]:
        """Ask the jobs of a session to stop and return them; the keys of their features stay in the history."""
        with self._lock:
            jobs = self._sessions.get(session)
        return jobs.stop() if jobs else []

    def forget(self, session: str, key: str, cache: Path | None) -> None:
        """Forget a key of a session, whose features have been deleted."""
        with self._lock:
            jobs = self._sessions.get(session)
        if jobs:
            jobs.forget(key, cache)

    def end(self, session: str) -> list[Job]:
        """The session has ended: ask its jobs to stop and return them; their stored features are kept."""
        with self._lock:
            jobs = self._sessions.pop(session, None)
        return jobs.stop() if jobs else []
