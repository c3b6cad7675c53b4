"""What happens on the page's events; each function takes the values of components and gives new ones."""

import contextlib
import html
from dataclasses import replace
from pathlib import Path

import gradio as gr

from emorec import exports, files, pictures
from emorec.errors import EmorecError
from ui import downloads, log, parts
from ui.belongings import Belongings
from ui.engines import Engines, allowed
from ui.history import Histories
from ui.kept import Kept
from ui.running import UNEXPECTED
from ui.session import (
    ANYONE,
    NO_FILE,
    NO_LINK,
    NOT_UPLOADED,
    Analysis,
    draw,
    fetcher,
    new_folder,
    outcome,
    persons,
    upload_folder,
    watch,
    within_uploads,
)  # fmt: skip
from ui.turns import BUSY, Turns

MAX_TABLE_ROWS = 2000  # a browser shows no more without pain; the files hold all
TABLE_DIGITS = 2
LOADING = "Loading the checkpoint failed; the log of the program says why."
OTHER_NETWORKS = "This checkpoint sees and hears with other networks; press Analyze to use it on this recording."
ERASED = "Your recordings, their results and what was stored of them are deleted."
NOTHING_YET = "There is nothing to download yet; analyse a recording first."


class Events:
    """The handlers, over what all visitors share: the engines, the line of analyses, the files of every session."""

    def __init__(self, engine, example=None):
        self.engines = Engines(engine, names=allowed())
        self.turns = Turns()
        self.belongings = Belongings(upload_folder(), [example] if example else [])
        self.histories = Histories()
        self.kept = Kept()
        self.observed = 0  # runs of stage 1 that were started

    def choose(self, file, request: gr.Request):
        """Another file, or none: the player shows it, and what was known of the last one is forgotten."""
        try:
            file = self.uploaded(file["path"], request) if file else None
        except EmorecError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        return (
            Analysis(path=file or ""), parts.player_of(file), "",
            gr.update(choices=[ANYONE], value=ANYONE[1]),
        )  # fmt: skip

    def uploaded(self, path, request):
        """A file that a client names, made sure to be its session's own upload. Raises EmorecError."""
        path = within_uploads(path)
        if not self.belongings.claim(request.session_hash, path):
            raise EmorecError(NOT_UPLOADED)
        return path

    def begin(self, analysis, link, tab, fusion):
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
        if self.turns.full:
            raise gr.Error(BUSY, print_exception=False)
        analysis = replace(analysis, running=True, problem="", observations=None, stored=False)
        return analysis, parts.progress("Waiting for a turn …"), *switched(running=True)

    def observe(self, analysis, active, request: gr.Request):
        """Stage 1, told as it goes on."""
        engine = self.engines.get(active)
        analysis = replace(analysis, checkpoint=active)
        fetch = None
        if analysis.link and not analysis.path:
            fetch = fetcher(analysis.link, self.belongings.folder(request.session_hash), analysis.sound_only)
        self.observed += 1
        history = self.histories.of(request.session_hash)
        watching = watch(
            engine, analysis, self.turns, fetch, started=lambda run: history.add(run, active, self.engines.get)
        )
        with contextlib.closing(watching):
            path = analysis.path
            for news in watching:
                if news is None:
                    yield (gr.skip(),) * 3
                    continue
                analysis, words = news
                player = gr.skip()
                if analysis.path != path:
                    path = analysis.path
                    self.belongings.add(request.session_hash, path)
                    player = parts.player_of(path)
                if analysis.problem:
                    gr.Warning(html.escape(analysis.problem))
                yield analysis, words, player

    def stopping(self):
        """The page between a click on Cancel and the end of the run."""
        return parts.progress("Stopping …"), gr.update(interactive=False)

    def settle(self, analysis):
        """The page after a run, however it ended."""
        return replace(analysis, running=False), outcome(analysis), *switched(running=False)

    def load(self, name, active, analysis):
        """Another checkpoint: its panel of trust, and whether what was observed serves it too."""
        name = (name or "").strip()
        if name == active:
            return gr.skip(), gr.skip(), gr.skip()
        try:
            engine = self.engines.get(name)
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return gr.skip(), gr.skip(), parts.callout(str(error))
        except Exception as error:
            log.failed("A checkpoint could not be loaded", error)
            gr.Warning(LOADING)
            return gr.skip(), gr.skip(), parts.callout(LOADING)
        note = ""
        if analysis.observations is not None and not self._serves(engine, analysis):
            note = parts.callout(OTHER_NETWORKS)
        return name, parts.about(engine), note

    def engine_for(self, analysis, active):
        """The engine to decide with: the active one, unless it observes with other networks."""
        engine = self.engines.get(active)
        return engine if self._serves(engine, analysis) else self.engines.get(analysis.checkpoint)

    def _serves(self, engine, analysis):
        return engine.model.fingerprint == self.engines.get(analysis.checkpoint).model.fingerprint

    def draw(self, analysis, active, fusion, step, window, smooth, person, style, rows):
        """The timeline by the choices, and everything that shows it; its ``rows`` too, if they are wanted."""
        seen = analysis.observations
        if seen is None:
            return None, None, "", gr.skip(), gr.skip()
        choices = persons(seen)
        if person not in [number for _, number in choices]:
            person = ANYONE[1]
        try:
            timeline, chart = draw(
                self.engine_for(analysis, active), seen, style, analysis.facts, fusion=fusion, step=step,
                window=window, smooth=smooth, person=None if person == ANYONE[1] else person,
            )  # fmt: skip
        except EmorecError as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from None
        offered = gr.update(choices=choices, value=person)
        return timeline, chart, parts.result(timeline), offered, self.table(timeline, rows)

    def table(self, timeline, wanted):
        """The rows of the table, while it is open."""
        if timeline is None or not wanted:
            return gr.skip()
        return [
            [round(value, TABLE_DIGITS) if isinstance(value, float) else value for value in row.values()]
            for row in exports.table(timeline, MAX_TABLE_ROWS)
        ]

    def downloader(self, kind):
        """The handler that writes one kind of file."""

        def download(analysis, active, timeline, request: gr.Request):
            if timeline is None:
                raise gr.Error(NOTHING_YET, print_exception=False)
            try:
                file = downloads.write(kind, timeline, analysis.name, self.engine_for(analysis, active).model)
            except EmorecError as error:
                raise gr.Error(html.escape(str(error)), print_exception=False) from None
            self.belongings.add(request.session_hash, file)
            return str(file)

        return download

    def look(self, payload, request: gr.Request):
        """A picture with its faces, as HTML."""
        if not payload:
            return ""
        try:
            file = self.uploaded(payload["path"] if isinstance(payload, dict) else payload.path, request)
            image, faces = self.faces_of(file)
            shown = new_folder() / f"{Path(file).stem}.jpg"
            files.write(shown, pictures.jpeg(image))
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return parts.callout(str(error))
        except Exception as error:
            log.failed("A picture could not be recognised", error)
            gr.Warning(UNEXPECTED)
            return parts.callout(UNEXPECTED)
        self.belongings.add(request.session_hash, shown)
        return parts.picture(shown, faces)

    def faces_of(self, file):
        """A picture file as an upright RGB image, and a ``pictures.Reading`` of every face in it."""
        engine = self.engines.default
        image = pictures.read(file)
        return image, pictures.recognise(image, engine.model, pictures.detector(engine.detector_file))

    def leave(self, request: gr.Request):
        """A visitor has gone: so do their files."""
        self.histories.end(request.session_hash)
        self.kept.end(request.session_hash)
        self.belongings.end(request.session_hash)

    def erase(self, request: gr.Request):
        """Remove all that a visitor brought, was given, and had analysed, what is stored of it included."""
        problems = self.histories.forget(request.session_hash, self.belongings.is_everybodys)
        self.kept.end(request.session_hash)
        self.belongings.end(request.session_hash)
        for problem in problems:
            gr.Warning(html.escape(problem))
        if not problems:
            gr.Info(ERASED)
        _, *buttons = switched(running=False)
        return (
            Analysis(), None, None, None, None, "", gr.update(value=None, interactive=True), *buttons,
            parts.player_of(None), None, "", gr.update(choices=[ANYONE], value=ANYONE[1]), "", None, "", None,
        )  # fmt: skip


def switched(running):
    """Updates of file, Analyze and Cancel."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(interactive=running)
