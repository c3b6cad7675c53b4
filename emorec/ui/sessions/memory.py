"""The recent analyses of each browser: added when their jobs end, and opened and deleted from the stored features."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from emorec.analyzer import Analyzer
from emorec.annotation import Marker
from emorec.errors import EmorecError
from emorec.extraction import people_merging, storing
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
    """Where a job comes from: its browser (``owner``), its analyzer and the name of that, its settings, and whether the
    recording is a ``shared`` example."""

    owner: str
    analyzer: Analyzer
    checkpoint: str
    settings: Settings
    shared: bool


@dataclass(frozen=True, kw_only=True)
class Edits:
    """A visitor's edits of a recording: names, joins and divisions of persons, and markers."""

    people: People = NOBODY
    markers: tuple[Marker, ...] = ()


NO_EDITS = Edits()


class Memory:
    """The recent analyses of all browsers; ``analyzers`` gives the checkpoints in use."""

    def __init__(
        self, browsers: Browsers, files: SessionFiles, history: JobHistory, analyzers: Callable[[], AnalyzerCache]
    ):
        self._browsers, self._files, self._history, self._analyzers = browsers, files, history, analyzers
        self._recents = Recents()
        self._edits: dict[str, dict[str, Edits]] = {}  # by browser, and by the key of the features
        # What each page of a browser said of persons last, or was shown: by browser, and by session and key.
        self._said: dict[str, dict[tuple[str, str], People]] = {}
        self._lock = threading.Lock()  # of both, which several pages of a browser may change at the same time

    def keep(self, source: Source, job: Job) -> None:
        """A job has ended: add its analysis to the list of its browser, if it was started on a page."""
        features = job.features
        if features is None or not job.key or not self._browsers.is_known(source.owner):
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

    def recent_analyses(self, session: str) -> list[Recent]:
        """The analyses of the browser of a session, the latest first."""
        return self._recents.of(self._browsers.owner(session))

    def get(self, session: str, name: str) -> Recent:
        """An analysis of the browser of a session. Raises EmorecError if there is none."""
        return self._recents.get(self._browsers.owner(session), name)

    def features(self, recent: Recent) -> Features:
        """The stored features of an analysis. Raises EmorecError if they are deleted, or of another checkpoint."""
        for name in (recent.checkpoint, ""):
            model = self._analyzers().get(name).model
            if model.fingerprint == recent.fingerprint:
                return storing.load(recent.key, recent.name, model, recent.cache)
        raise EmorecError(CHANGED)

    def edits(self, session: str, key: str) -> Edits:
        """The visitor's edits of the recording whose features are stored under a key."""
        owner = self._browsers.owner(session)
        with self._lock:
            return self._edits.get(owner, {}).get(key, NO_EDITS)

    def shows(self, session: str, key: str, people: People) -> None:
        """Note what the page of a session shows from now on of the persons of a recording."""
        with self._lock:
            self._note_said(self._browsers.owner(session), session, key, people)

    def merged_people(self, session: str, features: Features, people: People) -> People:
        """The persons that are kept for a recording, with what the page of a session now says of them."""
        with self._lock:
            return self._merged(self._browsers.owner(session), session, features, people)

    def keep_edits(
        self,
        session: str,
        features: Features,
        *,
        people: People | None = None,
        markers: tuple[Marker, ...] | None = None,
        running: bool = False,
    ) -> None:
        """Keep the visitor's edits of a recording, if its analysis is in the list or ``running``.

        ``people`` or ``markers`` of None do not change. Persons whom another page of the browser has changed stay as
        they are if this page does not change them.
        """
        key = features.key
        owner = self._browsers.owner(session)
        with self._lock:
            keys = {each.key for each in self._recents.of(owner)}
            if not key or not self._browsers.is_known(owner) or not (running or key in keys):
                return
            known = self._edits.get(owner, {})
            edits = known.get(key, NO_EDITS)
            if people is not None:
                edits = replace(edits, people=self._merged(owner, session, features, people))
                self._note_said(owner, session, key, people)
            if markers is not None:
                edits = replace(edits, markers=markers)
            self._edits[owner] = {own: known[own] for own in known if own in keys} | {key: edits}

    def _note_said(self, owner: str, session: str, key: str, people: People) -> None:
        """Note what a page says of a recording, and forget this of pages that are closed."""
        pages = {session, *self._browsers.pages(owner)}
        said = {place: known for place, known in self._said.get(owner, {}).items() if place[0] in pages}
        self._said[owner] = said | {(session, key): people}

    def _merged(self, owner: str, session: str, features: Features, people: People) -> People:
        said = self._said.get(owner, {}).get((session, features.key), NOBODY)
        kept = self._edits.get(owner, {}).get(features.key, NO_EDITS).people
        return people_merging.merge(features, said, people, kept)

    def delete(self, session: str, recent: Recent) -> None:
        """Delete an analysis: its recording, its features, what was written from them to be downloaded, its edits, and
        its entry in the list.

        Files and features that another analysis of the list needs stay. Raises EmorecError if something could not be
        deleted; then the analysis stays in the list.
        """
        owner = self._browsers.owner(session)
        others = [each for each in self._recents.of(owner) if each.id != recent.id]
        if not recent.shared and all((each.key, each.cache) != (recent.key, recent.cache) for each in others):
            self._analyzers().default.forget_key(recent.key, recent.cache)
            self._history.forget(owner, recent.key, recent.cache)
        for path in recent.paths.difference(*(each.paths for each in others)):
            self._files.remove_files(owner, path)
        self._recents.remove(owner, recent.id)  # before its edits, so that no new ones are kept
        if all(each.key != recent.key for each in others):
            self._files.remove_downloads(owner, recent.key)
            with self._lock:
                self._edits.get(owner, {}).pop(recent.key, None)
                said = self._said.get(owner, {})
                for place in [place for place in said if place[1] == recent.key]:
                    del said[place]

    def forget(self, owner: str) -> None:
        """Forget the list of a browser."""
        self._recents.remove(owner)
        with self._lock:
            self._edits.pop(owner, None)
            self._said.pop(owner, None)
