"""What the page and the API share while they run: analyzers, queues, and the data of all sessions.

``start_job`` starts an analysis, ``check_upload`` decides whether a session may use a file, and ``end_session`` and
``delete_session_data`` remove what a session has.
"""

import functools
import os
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gradio.context import LocalContext

from emorec import image as pictures
from emorec.analyzer import Analyzer
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.extraction.options import Settings
from emorec.ui import settings
from emorec.ui.jobs.analyzers import AnalyzerCache
from emorec.ui.jobs.job import Fetch, Job, JobOptions
from emorec.ui.jobs.job_queue import JobQueue
from emorec.ui.jobs.presence import Presence
from emorec.ui.server.limits import LINKS, Visitor
from emorec.ui.sessions.files import SessionFiles, upload_folder
from emorec.ui.sessions.history import JobHistory
from emorec.ui.sessions.live import LiveSessions
from emorec.ui.sessions.results import ResultCache

SWEEP = 300.0  # seconds between two checks for idle sessions
NOT_UPLOADED = "This file was not uploaded in this session; upload it (in gradio_client with handle_file())."
CHANGED = "The checkpoint that read this recording has changed since; press Analyze to read it again."


class Service:
    """The shared state of one running page.

    ``example`` is a clip that all visitors may use; ``public`` says that there is a public link to the page; ``clock``
    (s) measures how long sessions are idle.
    """

    def __init__(
        self,
        analyzer: Analyzer,
        example: Path | None = None,
        public: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.analyzers = AnalyzerCache(analyzer, names=settings.allowed_models())
        self.queue, self.link_queue = JobQueue(), JobQueue(LINKS)
        self.files = SessionFiles(upload_folder(), [example] if example else [], clock=clock)
        self.history = JobHistory()
        self.results = ResultCache()
        self.live = LiveSessions()
        self.presence = Presence()
        self.shared_cache = settings.shared_store(public=public)
        _keep_sweeping(self)

    def check_upload(self, path: object, request: Any) -> str:
        """The real path of a file that a client names, if it is an upload of the client's own session.

        ``request`` is a ``gr.Request``. Raises EmorecError.
        """
        real = os.path.realpath(str(path or ""))
        is_upload = Path(real).is_file() and upload_folder().resolve() in Path(real).parents
        if not is_upload or not self.files.claim(request.session_hash, real):
            raise EmorecError(NOT_UPLOADED)
        return real

    def start_job(
        self,
        analyzer: Analyzer,
        path: str,
        request: Any,
        fetch: Fetch | None = None,
        extraction_settings: Settings | None = None,
    ) -> Job:
        """Start a job for the visitor who sent ``request``, and add it to the session's history.

        A job for a link has ``fetch`` instead of ``path``.
        """
        session, event = request.session_hash, LocalContext.event_id.get(None)
        session_and_event = tuple(name for name in (session, event) if name)
        options = JobOptions(
            link_queue=self.link_queue,
            visitor=Visitor.of(request),
            cache=None if self.shared_cache else self.files.cache(session),
            extraction={"settings": extraction_settings},
            client_gone=functools.partial(self.presence.gone, session_and_event, time.monotonic()),
        )
        job = Job(analyzer, path, self.queue, fetch, options)
        self.history.add(session, job, shared=bool(path) and self.files.is_shared_example(path))
        return job

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
        """The visitor has left: stop the session's jobs, and remove its files and results."""
        jobs = self.history.end(session)
        self.live.end(session)
        self.results.remove(session)
        # A job may be storing its last features, so the files are removed when it has ended.
        remove = functools.partial(self.files.remove, session, lambda: [job.join() for job in jobs])
        if any(job.running for job in jobs):
            threading.Thread(target=remove, daemon=True).start()
        else:
            remove()

    def delete_session_data(self, session: str) -> list[str]:
        """Delete the session's files, results and stored features; returns a sentence for each failure."""
        problems = self.history.delete(session, self.analyzers.default.forget_key)
        self.live.end(session)
        self.results.remove(session)
        self.files.remove(session)
        return problems

    def end_idle_sessions(self) -> None:
        """End the sessions that have no running job, are not live, and have used no file for long.

        A client may leave without telling the server.
        """
        self.files.remove_unclaimed()
        self.live.end_idle()
        for session in self.files.idle_sessions():
            if not self.history.running(session) and not self.live.active(session):
                self.end_session(session)


def is_compatible(analyzer: Analyzer, features: Features) -> bool:
    """Whether an analyzer can infer emotions from these features: its own networks extracted them."""
    return features.fingerprint in ("", analyzer.model.fingerprint)


def _keep_sweeping(service: Service) -> None:
    """End idle sessions at regular intervals, in a thread that ends when the service is garbage collected."""
    reference, ended = weakref.ref(service), threading.Event()
    weakref.finalize(service, ended.set)

    def work() -> None:
        while not ended.wait(SWEEP):
            if (found := reference()) is not None:
                found.end_idle_sessions()
            del found

    threading.Thread(target=work, daemon=True).start()
