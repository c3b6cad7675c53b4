"""What happens on the page's events; each function takes the values of components and gives new ones."""

import contextlib
import html
import itertools
from dataclasses import replace
from pathlib import Path

import gradio as gr

from emorec import files
from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.output import tables
from emorec.ui import fragments
from emorec.ui.jobs import validation
from emorec.ui.jobs.runner import UNEXPECTED
from emorec.ui.page import downloads
from emorec.ui.server import log
from emorec.ui.server.limits import Visitor
from emorec.ui.service import serves
from emorec.ui.sessions.session import ANYONE, NO_FILE, NO_LINK, Analysis, draw, fetcher, outcome, persons, watch

MAX_TABLE_ROWS = 2000  # a browser shows no more without pain; the files hold all
TABLE_DIGITS = 2
LOADING = "Loading the checkpoint failed; the log of the program says why."
OTHER_NETWORKS = "This checkpoint sees and hears with other networks; press Analyze to use it on this recording."
ERASED = "Your recordings, their results and what was stored of them are deleted."
NOTHING_YET = "There is nothing to download yet; analyse a recording first."


class Events:
    """The handlers, over the ``emorec.ui.service.Service`` that all visitors share."""

    def __init__(self, service):
        self.service = service
        self._revisions = itertools.count(1)

    def revision(self):
        """A number that no other call gives: as the page's ``revision`` it makes the page draw its results again."""
        return next(self._revisions)

    def choose(self, file, request: gr.Request):
        """Another file, or none: the player shows it, and what was known of the last one is forgotten."""
        try:
            file = self.service.uploaded(file["path"], request) if file else None
        except EmorecError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        return (
            Analysis(path=file or ""),
            self.revision(),
            fragments.player_of(file),
            "",
        )

    def begin(
        self,
        analysis,
        link,
        tab,
        fusion,
        request: gr.Request,
        track=None,
        channel="mix",
        start="",
        end="",
        video_track=None,
    ):
        """The page while a run waits for its turn."""
        link = (link or "").strip()
        if tab == "link":
            if not link:
                raise gr.Error(NO_LINK, print_exception=False)
            sound_only = fusion == "voice"
            if link != analysis.link or (analysis.sound_only and not sound_only):
                analysis = Analysis(link=link, sound_only=sound_only)
        elif not analysis.path:
            raise gr.Error(NO_FILE, print_exception=False)
        try:
            settings = validation.settings(
                fusion, audio_track=track, video_track=video_track, channel=channel, start=start, end=end
            )
            service, visitor = self.service, Visitor.of(request)
            if analysis.path:
                service.turns.check(visitor)
            else:
                service.links.check(visitor)
                service.belongings.check_space(visitor.session)
        except EmorecError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        analysis = replace(analysis, running=True, problem="", observations=None, stored=False, settings=settings)
        return analysis, self.revision(), fragments.progress("Waiting for a turn …"), *switched(running=True)

    def extract(self, analysis, active, request: gr.Request):
        """Stage 1, told as it goes on."""
        service = self.service
        analyzer = service.analyzers.get(active)
        analysis = replace(analysis, checkpoint=active)
        fetch = None
        if analysis.link and not analysis.path:
            fetch = fetcher(analysis.link, service.belongings.folder(request.session_hash), analysis.sound_only)
        run = service.start(analyzer, analysis.path, request, fetch, settings=analysis.settings)
        with contextlib.closing(watch(run, analysis)) as watching:
            path = analysis.path
            for news in watching:
                if news is None:
                    yield (gr.skip(),) * 4
                    continue
                drawn = analysis.observations
                analysis, words = news
                revision = gr.skip() if analysis.observations is drawn else self.revision()
                player = gr.skip()
                if analysis.path != path:
                    path = analysis.path
                    service.belongings.add(request.session_hash, path)
                    player = fragments.player_of(path)
                if analysis.problem:
                    gr.Warning(html.escape(analysis.problem))
                yield analysis, revision, words, player

    def stopping(self):
        """The page between a click on Cancel and the end of the run."""
        return fragments.progress("Stopping …"), gr.update(interactive=False)

    def settle(self, analysis):
        """The page after a run, however it ended."""
        return replace(analysis, running=False), outcome(analysis), *switched(running=False)

    def load(self, name, active, analysis):
        """Another checkpoint: its panel of trust, and whether what was observed serves it too."""
        name = (name or "").strip()
        if name == active:
            return gr.skip(), gr.skip(), gr.skip()
        try:
            analyzer = self.service.analyzers.get(name)
            about = fragments.about(analyzer)
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return gr.skip(), gr.skip(), fragments.callout(str(error))
        except Exception as error:
            log.failed("A checkpoint could not be loaded", error)
            gr.Warning(LOADING)
            return gr.skip(), gr.skip(), fragments.callout(LOADING)
        note = ""
        if analysis.observations is not None and not serves(analyzer, analysis.observations):
            note = fragments.callout(OTHER_NETWORKS)
        return name, about, note

    def draw(self, analysis, active, fusion, step, window, smooth, person, prior, style, rows):
        """The timeline by the choices, and everything that shows it; its ``rows`` too, if they are wanted."""
        seen = analysis.observations
        if seen is None:
            return None, None, "", gr.update(choices=[ANYONE], value=ANYONE[1]), []
        choices = persons(seen)
        if person not in [number for _, number in choices]:
            person = ANYONE[1]
        try:
            timeline, chart = draw(
                self.service.engine_for(analysis, active),
                seen,
                style,
                analysis.facts,
                fusion=fusion,
                step=step,
                window=window,
                smooth=smooth,
                person=None if person == ANYONE[1] else person,
                prior=validation.prior(prior),
            )
        except EmorecError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        offered = gr.update(choices=choices, value=person)
        return timeline, chart, fragments.result(timeline), offered, self.table(timeline, rows)

    def table(self, timeline, wanted):
        """The rows of the table, while it is open."""
        if timeline is None or not wanted:
            return gr.skip()
        return [
            [round(value, TABLE_DIGITS) if isinstance(value, float) else value for value in row.values()]
            for row in tables.table(timeline, MAX_TABLE_ROWS)
        ]

    def downloader(self, kind):
        """The handler that writes one kind of file."""

        def download(analysis, active, timeline, request: gr.Request):
            if timeline is None:
                raise gr.Error(NOTHING_YET, print_exception=False)
            belongings = self.service.belongings
            try:
                belongings.check_space(request.session_hash)
                model = self.service.engine_for(analysis, active).model
                file = downloads.write(kind, timeline, analysis.name, model, belongings.new_folder())
            except EmorecError as error:
                raise gr.Error(html.escape(str(error)), print_exception=False) from None
            belongings.add(request.session_hash, file)
            return str(file)

        return download

    def look(self, payload, request: gr.Request):
        """A picture with its faces, as HTML."""
        if not payload:
            return ""
        try:
            path = payload["path"] if isinstance(payload, dict) else payload.path
            file = self.service.uploaded(path, request)
            image, faces = self.service.faces_of(file)
            shown = self.service.belongings.new_folder() / f"{Path(file).stem}.jpg"
            files.write(shown, pictures.jpeg(image))
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return fragments.callout(str(error))
        except Exception as error:
            log.failed("A picture could not be recognised", error)
            gr.Warning(UNEXPECTED)
            return fragments.callout(UNEXPECTED)
        self.service.belongings.add(request.session_hash, shown)
        return fragments.picture(shown, faces)

    def leave(self, request: gr.Request):
        """A visitor has gone: so do their files."""
        self.service.leave(request.session_hash)

    def erase(self, request: gr.Request):
        """Remove all that a visitor brought, was given, and had analysed, what is stored of it included."""
        problems = self.service.erase(request.session_hash)
        for problem in problems:
            gr.Warning(html.escape(problem))
        if not problems:
            gr.Info(ERASED)
        _, *buttons = switched(running=False)
        return (
            Analysis(),
            self.revision(),
            None,
            None,
            None,
            "",
            gr.update(value=None, interactive=True),
            *buttons,
            fragments.player_of(None),
            "",
            "",
            None,
        )


def switched(running):
    """Updates of file, Analyze and Cancel."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(interactive=running)
