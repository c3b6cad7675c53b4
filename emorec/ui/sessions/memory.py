"""Remembers the analyses of each browser when their jobs end, and opens and deletes them from what is stored."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from emorec.analyzer import Analyzer
from emorec.annotation import Marker
from emorec.errors import EmorecError
from emorec.extraction import storing
from emorec.extraction.features import Features
from emorec.extraction.options import Settings
from emorec.extraction.people import NOBODY, People
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.jobs.job import Job
from emorec.ui.sessions.browsers import Browsers
from emorec.ui.sessions.files import SessionFiles
from emorec.ui.sessions.history import JobHistory
from emorec.ui.sessions.recents import Recent, Recents

CHANGED = "The checkpoint that read this recording has changed since; press Analyze to read it again."


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a job itself does not know: its browser, its analyzer and the name of that, its settings, and whether the
    recording is a ``shared`` example."""

    owner: str
    analyzer: Analyzer
    checkpoint: str
    settings: Settings
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a visitor says of a recording: its persons, and markers."""

    people: People = NOBODY
    markers: tuple[Marker, ...] = ()


NOTHING = Said()


class Memory:
    """The recent analyses of all browsers; ``analyzers`` gives the checkpoints in use."""

    def __init__(
        self, browsers: Browsers, files: SessionFiles, history: JobHistory, analyzers: Callable[[], AnalyzerCache]
    ):
        self._browsers, self._files, self._history, self._analyzers = browsers, files, history, analyzers
        self._recents = Recents()
        self._said: dict[str, dict[str, Said]] = {}  # by browser, and by the key of the features
        self._lock = threading.Lock()  # of what was said: several pages of a browser may speak at once

    def keep(self, source: Source, job: Job) -> None:
        """A job has ended: put what it has read into the list of its browser, if it was started on a page."""
        features = job.features
        if features is None or not job.key or not self._browsers.known(source.owner):
            return
        recent = Recent(
            name=str(job.facts.get("title") or Path(job.path).name),
            at=self._recents.clock(),
            until=features.until,
            duration=max(features.duration, features.until),
            key=job.key,
            cache=job.options.cache,
            fingerprint=source.analyzer.model.fingerprint,
            checkpoint=source.checkpoint,
            path=str(job.path),
            settings=source.settings,
            facts=job.facts,
            shared=source.shared,
        )
        self._recents.add(source.owner, recent)

    def of(self, session: str) -> list[Recent]:
        """The analyses of the browser of a session, the latest first."""
        return self._recents.of(self._browsers.owner(session))

    def get(self, session: str, name: str) -> Recent:
        """One of them. Raises EmorecError if there is none."""
        return self._recents.get(self._browsers.owner(session), name)

    def features(self, recent: Recent) -> Features:
        """The features of an analysis, from disk. Raises EmorecError if they are not there any more."""
        for name in (recent.checkpoint, ""):
            model = self._analyzers().get(name).model
            if model.fingerprint == recent.fingerprint:
                return storing.load(recent.key, recent.name, model, recent.cache)
        raise EmorecError(CHANGED)

    def said(self, session: str, key: str) -> Said:
        """What the visitor has said of the recording whose features are stored under a key."""
        owner = self._browsers.owner(session)
        with self._lock:
            return self._said.get(owner, {}).get(key, NOTHING)

    def say(
        self,
        session: str,
        key: str,
        *,
        people: People | None = None,
        markers: tuple[Marker, ...] | None = None,
        running: bool = False,
    ) -> None:
        """Keep what the visitor says of the persons or the markers of a recording, as long as its analysis is in the
        list, or while it is ``running``. What is None stays as it was."""
        owner = self._browsers.owner(session)
        with self._lock:
            keys = {each.key for each in self._recents.of(owner)}
            if not key or not self._browsers.known(owner) or not (running or key in keys):
                return
            known = self._said.get(owner, {})
            said = known.get(key, NOTHING)
            if people is not None:
                said = replace(said, people=people)
            if markers is not None:
                said = replace(said, markers=markers)
            self._said[owner] = {own: known[own] for own in known if own in keys} | {key: said}

    def delete(self, session: str, recent: Recent) -> None:
        """Delete an analysis: all files of its recording, its features, what was said of it, and its place in the
        list.

        What another analysis of the list needs too stays. Raises EmorecError if something could not be deleted; then
        the analysis stays in the list.
        """
        owner = self._browsers.owner(session)
        others = [each for each in self._recents.of(owner) if each.id != recent.id]
        if not recent.shared and all((each.key, each.cache) != (recent.key, recent.cache) for each in others):
            self._analyzers().default.forget_key(recent.key, recent.cache)
            self._history.forget(owner, recent.key, recent.cache)
        for path in recent.paths.difference(*(each.paths for each in others)):
            self._files.remove_files(owner, path)
        self._recents.remove(owner, recent.id)  # first, so that nothing is said of it any more
        if all(each.key != recent.key for each in others):
            with self._lock:
                self._said.get(owner, {}).pop(recent.key, None)

    def forget(self, owner: str) -> None:
        """Forget the list of a browser."""
        self._recents.remove(owner)
        with self._lock:
            self._said.pop(owner, None)
