"""What the handlers of the page and of the programs' endpoints share: engines, the lines, and what is whose."""

import functools
import os
import threading
import time
import weakref
from pathlib import Path

from gradio.context import LocalContext

from emorec import image as pictures
from emorec import settings
from emorec.errors import EmorecError
from emorec.ui.jobs.analyzers import Analyzers, allowed
from emorec.ui.jobs.job_queue import Turns
from emorec.ui.jobs.presence import Presence
from emorec.ui.jobs.runner import Order, Run
from emorec.ui.server.limits import LINKS, Visitor
from emorec.ui.sessions.files import Belongings
from emorec.ui.sessions.history import Histories
from emorec.ui.sessions.results import Kept
from emorec.ui.sessions.session import upload_folder

SWEEP = 300.0  # seconds between two looks for sessions that left without a word
NOT_UPLOADED = "That is no uploaded file of this session; upload it, with handle_file() where gradio_client is used."
CHANGED = "The checkpoint that observed this recording has changed since; press Analyze to observe it again."


class Service:
    """One running page; ``public`` tells that a link from outside leads to it."""

    def __init__(self, analyzer, example=None, public=False):
        self.analyzers = Analyzers(analyzer, names=allowed())
        self.turns, self.links = Turns(), Turns(LINKS)
        self.belongings = Belongings(upload_folder(), [example] if example else [])
        self.histories = Histories()
        self.kept = Kept()
        self.presence = Presence()
        self.shares_store = settings.shared_store(public=public)
        _keep_sweeping(self)

    def uploaded(self, path, request):
        """A file that a client names, made sure to be its session's own upload. Raises EmorecError."""
        path = os.path.realpath(str(path or ""))
        within = Path(path).is_file() and upload_folder().resolve() in Path(path).parents
        if not within or not self.belongings.claim(request.session_hash, path):
            raise EmorecError(NOT_UPLOADED)
        return path

    def start(self, analyzer, path, request, fetch=None, **choices):
        """A run for the visitor who sent the request, noted in the session's history.

        ``choices`` go to ``Analyzer.extract``; a run over a link has no path yet, but ``fetch``.
        """
        session, event = request.session_hash, LocalContext.event_id.get(None)
        names = tuple(name for name in (session, event) if name)
        order = Order(
            links=self.links,
            visitor=Visitor.of(request),
            choices=choices,
            store=None if self.shares_store else self.belongings.store(session),
            gone=functools.partial(self.presence.gone, names, time.monotonic()),
        )
        run = Run(analyzer, path, self.turns, fetch, order)
        self.histories.of(session).add(run, spared=bool(path) and self.belongings.is_everybodys(path))
        return run

    def engine_for(self, analysis, active):
        """The engine to decide with: the active one, unless it observes with other networks. Raises EmorecError."""
        for name in (active, analysis.checkpoint):
            analyzer = self.analyzers.get(name)
            if serves(analyzer, analysis.observations):
                return analyzer
        raise EmorecError(CHANGED)

    def faces_of(self, file):
        """A picture file as an upright RGB image, and a ``pictures.Reading`` of every face in it."""
        analyzer = self.analyzers.default
        image = pictures.read(file)
        return image, pictures.recognise(image, analyzer.model, pictures.detector(analyzer.detector_file))

    def leave(self, session):
        """A visitor has gone: runs end, and all files and names of the session go."""
        runs = self.histories.end(session)
        self.kept.end(session)
        # A run may still store what it just observed; its files go after that.
        ending = functools.partial(self.belongings.end, session, lambda: [run.join() for run in runs])
        if any(run.running for run in runs):
            threading.Thread(target=ending, daemon=True).start()
        else:
            ending()

    def erase(self, session):
        """Remove all that a visitor brought, was given, and had analysed; sentences about what could not be."""
        problems = self.histories.forget(session, self.analyzers.default.forget_key)
        self.kept.end(session)
        self.belongings.end(session)
        return problems

    def sweep(self):
        """End the sessions that used nothing for long and have no run; a client need not say that it goes."""
        for session in self.belongings.sweep():
            if not self.histories.running(session):
                self.leave(session)


def serves(analyzer, observations):
    """Whether an engine's model can decide on observations: its networks made them."""
    return observations.fingerprint in ("", analyzer.model.fingerprint)


def _keep_sweeping(service):
    """Sweep again and again, in a thread that ends once nobody holds the service any more."""
    held, ended = weakref.ref(service), threading.Event()
    weakref.finalize(service, ended.set)

    def work():
        while not ended.wait(SWEEP):
            if (found := held()) is not None:
                found.sweep()
            del found

    threading.Thread(target=work, daemon=True).start()
