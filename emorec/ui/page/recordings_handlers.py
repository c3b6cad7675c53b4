"""The handlers of the list of several recordings: adding, analysing, cancelling, and downloads of all together."""

import contextlib
from collections.abc import Callable
from types import SimpleNamespace

import gradio as gr

from emorec import files
from emorec.errors import EmorecError
from emorec.ui.api import user_errors
from emorec.ui.jobs import validation
from emorec.ui.jobs.job import Job
from emorec.ui.page import list_downloads, recordings
from emorec.ui.page.figures import Choices, Figures, make_figures
from emorec.ui.service import Service
from emorec.ui.sessions.batch import DONE, Batch, Item, Work

LIST = 7  # values of ``RecordingsHandlers.show``
RESULTS = "results"  # the folder of the results, in that of the session
MAX_NAME = 200  # characters of the name of a recording in the list
NOTHING_WAITS = "There is nothing to analyse in the list; add recordings first."
NOTHING_NEW = (
    "All of the list was analysed with these choices already; change them, or add recordings. What is still being "
    "uploaded is analysed when it is here."
)
NOTHING_DONE = "No recording of the list is done yet."


class RecordingsHandlers:
    """The handlers of the list, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def batch(self, session: str) -> Batch:
        """The list of a visitor, an empty one at first."""
        owner = self.service.browsers.owner(session)
        if owner not in self.service.batches:
            self.service.files.use(session)  # the list ends with the session, once that is idle
        return self.service.batches.setdefault(owner, Batch())

    def add(self, uploads: list[dict[str, str]], request: gr.Request, joins: bool = False) -> None:
        """Files have been uploaded: put them into the list, and remove those that do not fit into it.

        With ``joins``, Analyze all was clicked during the upload, so they are analysed too. Raises EmorecError if one
        cannot be added, after the others are.
        """
        session = request.session_hash or ""
        batch, problem = self.batch(session), None
        for file in uploads:
            try:
                path = self.service.check_upload(file["path"], request)
                try:
                    batch.add(files.shown(file["name"])[:MAX_NAME], path)
                except EmorecError:
                    self.service.files.remove_files(session, path)
                    raise
            except EmorecError as error:
                problem = problem or error
        if joins:
            batch.go_on()
        if problem:
            raise problem

    def start(
        self,
        checkpoint: str,
        active: str,
        fusion: str,
        step: float,
        window: float,
        smooth: float,
        prior: str,
        baseline: str,
        track: int | None,
        channel: str,
        start: str,
        end: str,
        video_track: int | None,
        rotate: int,
        request: gr.Request,
    ) -> tuple:
        """Analyze all was clicked: begin, with the choices of the page."""
        batch = self.batch(request.session_hash or "")
        batch.forget_work()
        with user_errors():
            settings = validation.settings(
                fusion,
                audio_track=track,
                video_track=video_track,
                channel=channel,
                start=start,
                end=end,
                rotate=rotate,
            )
            inference = {"fusion": fusion, "step": step, "window": window, "smooth": smooth}
            inference |= {"prior": validation.prior(prior), "baseline": validation.baseline(baseline)}
            used = self.service.analyzers.choose(checkpoint, active)
            choices = Choices(checkpoint=used, settings=settings, inference=inference)
            if not batch.start(self._work(choices, request)):
                raise EmorecError(NOTHING_NEW if batch.items else NOTHING_WAITS)
        return self.show(request)

    def show(self, request: gr.Request) -> tuple:
        """The list, its column, its buttons, the table of all and its column, and the timer, which runs during work."""
        session = request.session_hash or ""
        batch = self.batch(session)
        items, running = batch.items, batch.running
        listed, table = recordings.list_html(items) if items else "", recordings.combined_table(items)
        batch.digests.setdefault(session, {}).update(listed=hash(listed), table=hash(table))
        return (
            listed,
            gr.update(visible=bool(items)),
            gr.update(interactive=not running),
            gr.update(interactive=running),
            table,
            gr.update(visible=bool(table)),
            gr.update(active=running),
        )

    def tick(self, request: gr.Request) -> tuple:
        """The timer ticks: ``show``, but without what the page shows already."""
        session = request.session_hash or ""
        batch = self.batch(session)
        before = dict(batch.digests.get(session, {}))
        shown = self.show(request)
        if not batch.running:
            return shown
        same = {what for what, digest in batch.digests[session].items() if before.get(what) == digest}
        if {"listed", "table"} <= same:
            return (gr.skip(),) * len(shown)
        return (*shown[:4], gr.skip(), *shown[5:]) if "table" in same else shown

    def cancel(self, request: gr.Request) -> tuple:
        """Cancel all was clicked."""
        self.batch(request.session_hash or "").cancel()
        return self.show(request)

    def clear(self, request: gr.Request) -> tuple:
        """Empty the list was clicked; recordings that were analysed stay among the recent analyses."""
        batch = self.batch(request.session_hash or "")
        batch.cancel()
        for item in batch.items:
            self.discard(request.session_hash or "", item.id)
        return self.show(request)

    def discard(self, session: str, name: str) -> None:
        """Take a recording from the list of a session, and remove its results, or its file if it has none."""
        item = self.batch(session).remove(name)
        if item is None:
            return
        if isinstance(item.result, Figures):
            for file in item.result.files.values():
                with contextlib.suppress(OSError):  # on Windows one that a browser is still receiving
                    file.unlink(missing_ok=True)
        else:
            self.service.files.remove_files(session, item.path)

    def downloader(self, kind: str) -> Callable[..., str]:
        """The handler of the button of one kind; a function, because Gradio passes ``request`` to functions only."""

        def download(request: gr.Request) -> str:
            session, own = request.session_hash or "", self.service.files
            items = self.batch(session).items
            if not any(item.state == DONE for item in items):
                raise gr.Error(NOTHING_DONE, print_exception=False)
            with user_errors(), own.new_download(session, "") as folder:
                file = list_downloads.write(kind, items, folder)
            return str(file)

        return download

    def _work(self, choices: Choices, request: gr.Request) -> Work:
        """How each recording of the list is analysed."""
        # The work goes on after the request has ended.
        session = request.session_hash or ""
        visitor = SimpleNamespace(
            session_hash=session, client=SimpleNamespace(host=getattr(request.client, "host", None) or "")
        )
        service, owner = self.service, self.service.browsers.owner(session)
        analyzer = service.analyzers.get(choices.checkpoint)
        folder = service.files.folder(session) / RESULTS  # not later, because after a deletion it would be a new folder

        def begin(item: Item) -> Job:
            return service.start_job(
                analyzer,
                item.path,
                visitor,
                extraction_settings=choices.settings,
                checkpoint=choices.checkpoint,
            )

        def finish(item: Item, job: Job) -> Figures:
            assert job.features is not None
            recent = next((each.id for each in service.memory.recent_analyses(owner) if each.path == item.path), "")
            edits = service.memory.edits(owner, job.key)
            return make_figures(service, item, job.facts, choices, recent, folder, job.features, edits)

        def gone() -> bool:
            return service.browsers.is_known(owner) and service.browsers.is_gone(owner)

        return Work(begin=begin, finish=finish, gone=gone, choices=choices)
