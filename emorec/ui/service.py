"""The state that the page and the API share: analyzers, queues, and the data of all sessions.

``start_job`` starts an analysis, ``check_upload`` decides whether a session may use a file, and ``end_session`` and
``delete_session_data`` remove what a session has.
"""

import functools
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gradio.context import LocalContext

from emorec import image as pictures
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.extraction.options import WHOLE, Settings
from emorec.ui import settings
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.jobs.job import Fetch, Job, JobOptions
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.jobs.presence import Presence
from emorec.ui.jobs.writing import Writing
from emorec.ui.server import bodies, running_clock
from emorec.ui.server.limits import LINKS, Visitor
from emorec.ui.sessions import browsers, sweeping
from emorec.ui.sessions.batch import Batch
from emorec.ui.sessions.browsers import Browsers
from emorec.ui.sessions.files import SessionFiles, upload_folder
from emorec.ui.sessions.history import JobHistory
from emorec.ui.sessions.live import LiveSessions
from emorec.ui.sessions.memory import CHANGED, Memory, Source
from emorec.ui.sessions.open_pages import OpenPages
from emorec.ui.sessions.results import ResultCache
from emorec.ui.shelf import Shelf

NOT_UPLOADED = "This file was not uploaded in this session; upload it (in gradio_client with handle_file())."


class Service:
    """The shared state of one running page.

    ``example`` is a clip that all visitors may use; ``public`` says that there is a public link to the page; ``clock``
    (s) measures how long sessions are idle; ``library`` is the folder of the tab Library, None for no such tab.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        example: Path | None = None,
        public: bool = False,
        clock: Callable[[], float] = running_clock.now,
        library: Path | None = None,
    ):
        self.analyzers = AnalyzerCache(analyzer, names=settings.allowed_models())
        self.queue, self.link_queue = JobQueue(), JobQueue(LINKS)
        self.browsers = Browsers(clock)
        folder, examples = upload_folder(), [example] if example else []
        self.files = SessionFiles(folder, examples, clock=clock, owner=self.browsers.owner)
        self.history = JobHistory()
        self.memory = Memory(self.browsers, self.files, self.history, lambda: self.analyzers)
        self.batches: dict[str, Batch] = {}  # by browser
        self.watched: dict[str, tuple[Job, Any]] = {}  # running jobs, and what their page shows, by session
        self.writings: dict[str, Writing] = {}  # annotated videos that are being written, by session
        self.results = ResultCache()
        self.live = LiveSessions(clock=clock)
        self.presence = Presence(clock)
        self.open_pages = OpenPages(self.browsers, self.presence)
        self.shelf = Shelf(library) if library else None
        # Forgets what Gradio keeps for a page, or only a result of it; ``Page.forget``, set by the page.
        self.forget_page: Callable[..., bool] = lambda session, keys=None: False
        # Forgets what Gradio keeps for the sessions that have not been used for long and are not open, of which the
        # argument tells; ``Page.forget_unused``, set by the page.
        self.forget_unused: Callable[[Callable[[str], bool]], None] = lambda is_open: None
        # Whether the page of a session still has this value as a state; ``Page.shows``, set by the page.
        self.page_shows: Callable[[str, Any], bool] = lambda session, value: True
        self.shared_cache = settings.shared_store(public=public)
        sweeping.end_idle_regularly(self)

    def check_upload(self, path: object, request: Any) -> str:
        """The real path of a file that a client names, if it is an upload of the client's own session.

        ``request`` is a ``gr.Request``. Raises EmorecError.
        """
        named = str(path or "")
        if bodies.is_below(named, upload_folder().resolve()):
            real = os.path.realpath(named)
            if os.path.isfile(real) and self.files.claim(request.session_hash, real):
                return real
        raise EmorecError(NOT_UPLOADED)

    def start_job(
        self,
        analyzer: Analyzer,
        path: str,
        request: Any,
        fetch: Fetch | None = None,
        extraction_settings: Settings | None = None,
        checkpoint: str = "",
    ) -> Job:
        """Start a job for the visitor who sent ``request``, and add it to the visitor's history.

        A job for a link has ``fetch`` instead of ``path``; ``checkpoint`` is the name of the analyzer's.
        """
        session = request.session_hash
        owner = self.browsers.owner(session)
        shared = bool(path) and self.files.is_shared_example(path)
        source = Source(
            owner=owner,
            analyzer=analyzer,
            checkpoint=checkpoint,
            settings=extraction_settings or WHOLE,
            shared=shared,
        )
        options = JobOptions(
            link_queue=self.link_queue,
            visitor=self.visitor(request),
            cache=None if self.shared_cache else self.files.cache(session),
            extraction={"settings": extraction_settings},
            client_gone=self.client_gone(request),
            ended=functools.partial(self._finish_job, source),
        )
        job = Job(analyzer, path, self.queue, fetch, options)
        self.history.add(owner, job, shared=shared)
        return job

    def client_gone(self, request: Any, stays: bool = True) -> Callable[[], bool]:
        """A function that tells whether the client of the current event has left.

        A reload of the page does not count, unless the work ends with the page (``stays`` False).
        """
        owner, event = self.browsers.owner(request.session_hash), LocalContext.event_id.get(None)
        if stays and self.browsers.is_known(owner):  # a reload closes all streams and opens new ones
            return functools.partial(self.browsers.is_gone, owner)
        session_and_event = tuple(name for name in (request.session_hash, event) if name)
        return functools.partial(self.presence.is_gone, session_and_event, self.presence.now())

    def _finish_job(self, source: Source, job: Job) -> None:
        """A job has ended: keep its recording, its analysis and its key."""
        if job.facts:  # a link was fetched; its page may have been closed
            self.files.add(source.owner, job.path)
        self.memory.keep(source, job)
        self.history.finish(source.owner, job)

    def visitor(self, request: Any) -> Visitor:
        """The visitor who sent a ``gr.Request``; all pages of a browser are one."""
        visitor = Visitor.of(request)
        return replace(visitor, session=self.browsers.owner(visitor.session))

    def analyzer_for(self, features: Features, *checkpoints: str) -> Analyzer:
        """The first of some checkpoints whose networks extracted the features. Raises EmorecError if none did."""
        for name in checkpoints:
            analyzer = self.analyzers.get(name)
            if is_compatible(analyzer, features):
                return analyzer
        raise EmorecError(CHANGED)

    def recognise_faces(self, file: str) -> tuple[np.ndarray, list[pictures.FaceResult]]:
        """The picture in a file as RGB (H, W, 3) uint8, upright, and the emotions of every face in it.

        Raises EmorecError.
        """
        analyzer = self.analyzers.default
        image = pictures.read(file)
        return image, pictures.recognise(image, analyzer.model, pictures.detector(analyzer.detector_file))

    def end_session(self, session: str) -> None:
        """The visitor has left: stop the session's jobs, and remove its files and results.

        If the browser may come back by a reload, its jobs, recordings and live sessions stay for COMES_BACK_WITHIN
        seconds, and its analyses until it is idle for long.
        """
        self.live.stop(session)
        self.results.remove(session)
        owner = self.browsers.owner(session)
        if owner == session:
            self._end(session)
        elif self.browsers.leave(session):
            running_clock.call_later(browsers.COMES_BACK_WITHIN + 0.1, self._end_gone_browser, owner)

    def _end_gone_browser(self, owner: str) -> None:
        """A browser has closed its last page some time ago: stop its jobs and remove its recordings, if it is gone."""
        if not self.browsers.is_gone(owner):
            return
        batch = self._close_batch(owner)
        for session in self.browsers.closed(owner):
            self.watched.pop(session, None)
            self.live.end(session)
        self.browsers.forget_pages(owner)
        for work in (*self.history.stop(owner), *batch):
            work.join()
        if self.browsers.is_gone(owner):  # it may have come back meanwhile
            self.files.remove_files(owner)
            if not self.files.is_known(owner):  # its data are removed, and nothing would end it once more
                self.browsers.forget(owner)

    def _end(self, owner: str) -> None:
        """Stop the jobs of a session, or of a browser, and remove all its data."""
        batch = self._close_batch(owner)
        for session in (owner, *self.browsers.closed(owner)):
            self.watched.pop(session, None)
            self.live.end(session)
        working = [*self.history.end(owner), *batch]
        # Without a heartbeat nothing would report the end of a page, as of a program that only loads it.
        if not any(map(self.open_pages.heartbeats.is_open, self.browsers.pages(owner))):
            self.browsers.forget(owner)
        self.memory.forget(owner)
        # The files are removed after the jobs and the list have ended, because these may still write.
        remove = functools.partial(self.files.remove, owner, lambda: [work.join() for work in working])
        if any(work.running for work in working):
            threading.Thread(target=remove, daemon=True).start()
        else:
            remove()

    def _close_batch(self, owner: str) -> list[Batch]:
        """Remove and close the list of a browser; returns it, or nothing if there is none."""
        batch = self.batches.pop(owner, None)
        if batch is None:
            return []
        batch.close()
        return [batch]

    def delete_session_data(self, session: str) -> list[str]:
        """Delete the visitor's files, results and stored features; returns a sentence for each failure."""
        owner = self.browsers.owner(session)
        for batch in self._close_batch(owner):
            batch.join()  # it may still write results or start its next job
        pages = {session, *self.browsers.pages(owner), *self.browsers.closed(owner)}
        for page in pages:  # before the jobs are stopped, so that no page shows their last features
            self.watched.pop(page, None)
        problems = self.history.delete(owner, self.analyzers.default.forget_key)
        for page in pages:
            self.live.end(page)
            self.results.remove(page)
            if writing := self.writings.pop(page, None):
                writing.stop()
                writing.join()
            if page != session:  # the page that deletes is emptied by its handler
                self.forget_page(page)
        self.memory.forget(owner)
        self.files.remove(owner)
        return problems

    def end_idle_sessions(self) -> None:
        """End the sessions without a running job, list or live session that have used no file for long.

        A client may leave without telling the server.
        """
        self.files.remove_unclaimed()
        self.live.end_idle()
        self.forget_unused(self.open_pages.may_be_open)
        for session in self.files.idle_sessions():
            pages = (session, *self.browsers.pages(session))
            batch = self.batches.get(session)  # it may run although no job does, between two jobs
            works = self.history.running(session) or (batch is not None and batch.running)
            if works or any(map(self.live.active, pages)):
                self.files.use(session)  # the time of an idle session begins when the work has ended
            else:
                self.results.remove(session)
                self._end(session)


def is_compatible(analyzer: Analyzer, features: Features) -> bool:
    """Whether an analyzer can infer emotions from these features: its own networks extracted them."""
    return features.fingerprint in ("", analyzer.model.fingerprint)
