"""What happens when a choice changes, a checkpoint is named, a download is clicked, or a picture is chosen.

Each handler takes the values of components and returns new ones; ``result_connections`` names these components.
"""

import html
from pathlib import Path
from typing import Any

import gradio as gr

from emorec import annotate, files
from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.extraction.features import Features
from emorec.inference.timeline import Timeline
from emorec.output import charts, portraits
from emorec.ui import fragments
from emorec.ui import picture as picture_html
from emorec.ui.api import user_errors
from emorec.ui.highlight_list import listed
from emorec.ui.jobs.job import UNEXPECTED
from emorec.ui.minutes import minutes
from emorec.ui.overview import overview, part_of, trusted
from emorec.ui.page.analysis import (
    ANYONE,
    Analysis,
    chosen,
    columns_of_page,
    made_by,
    persons,
    plot,
    rows_of_page,
)
from emorec.ui.page.downloads import write_download
from emorec.ui.page.inferred import timeline_of
from emorec.ui.page.marker_panel import Marked
from emorec.ui.page.people_handlers import Edited
from emorec.ui.server import log
from emorec.ui.service import Service, is_compatible

LOADING = "Loading the checkpoint failed; the log of the program says why."
OTHER_NETWORKS = "This checkpoint sees and hears with other networks; press Analyze to use it on this recording."
NOTHING_YET = "There is nothing to download yet; analyse a recording first."


class ResultHandlers:
    """The handlers of what shows results, over the Service that all sessions share."""

    def __init__(self, service: Service):
        self.service = service

    def draw(
        self,
        analysis: Analysis,
        active: str,
        fusion: str,
        step: float,
        window: float,
        smooth: float,
        person: int | str | None,
        prior: str,
        baseline: str,
        style: str,
        part: str,
        only: bool,
        rows_shown: bool,
        edited: Edited = Edited(),  # noqa: B008 (it cannot be changed)
        marked: Marked = Marked(),  # noqa: B008 (the same)
    ) -> tuple:
        """Infer the timeline with the current choices, and show it; nothing if there are no features.

        ``part`` is what the chart shows, and with ``only`` also the summary and the table, as ``part_of`` reads it.

        If features are to be expected, the hidden chart is empty instead of none: with its first chart the browser
        loads the code that draws, which takes a second or more, and then the first features need not wait for it.
        """
        features = edited.features(analysis)
        if features is None and analysis.rows is not None:
            return self.draw_rows(analysis, analysis.rows, style, part, only, rows_shown)
        if features is None:
            expected = analysis.path or analysis.running
            chart = plot(charts.empty_spec()) if expected else None
            return None, chart, "", "", gr.skip(), [], gr.update(visible=False), ""
        choices = persons(features)
        if person not in [number for _, number in choices]:
            person = ANYONE[1]
        timeline = timeline_of(
            self.service,
            analysis,
            features,
            active,
            marked,
            fusion=fusion,
            step=step,
            window=window,
            smooth=smooth,
            person=person,
            prior=prior,
            baseline=baseline,
        )
        offered = gr.update(choices=choices, value=person)
        chart, warnings, summary, *table = self.show_part(timeline, features, style, part, only, rows_shown)
        found = part_of(part, timeline)
        used = self.service.analyzer_for(features, active, analysis.checkpoint)
        said = trusted(timeline, used.model.evaluation, features.notes)
        shown = said + overview(timeline, found, analysis.tag)
        return timeline, chart, warnings, summary, offered, *table, shown

    def draw_rows(
        self, analysis: Analysis, timeline: Timeline, style: str, part: str, only: bool, rows_shown: bool
    ) -> tuple:
        """What ``draw`` returns for a timeline whose features are not there: its rows as they are stored."""
        chart, warnings, summary, *table = self.show_part(timeline, None, style, part, only, rows_shown)
        model = made_by(timeline, self.service.analyzers.default.model)
        found = part_of(part, timeline)
        said = trusted(timeline, model.evaluation if model else None)
        shown = said + overview(timeline, found, analysis.tag)
        offered = gr.update(choices=[ANYONE], value=ANYONE[1])
        return timeline, chart, warnings, summary, offered, *table, shown

    def below(
        self,
        timeline: Timeline | None,
        analysis: Analysis,
        edited: Edited,
        minutes_shown: bool,
        request: gr.Request | None = None,
    ) -> tuple[str, Any]:
        """The highlights and the minutes of a timeline that was drawn, whichever part is shown."""
        if timeline is None:
            return "", ""
        if request is not None:
            self.service.files.use(request.session_hash or "")  # a visitor who looks at a result is not idle
        return listed(timeline, edited.features(analysis)), self.shown_minutes(timeline, minutes_shown)

    def shown_minutes(self, timeline: Timeline | None, shown: bool) -> Any:
        """The table of minutes, if it is shown."""
        if timeline is None or not shown:
            return gr.skip()
        return minutes(timeline)

    def change_part(
        self,
        analysis: Analysis,
        edited: Edited,
        timeline: Timeline | None,
        style: str,
        part: str,
        only: bool,
        rows_shown: bool,
        request: gr.Request | None = None,
    ) -> tuple:
        """Another part was chosen: ``show_part``, or nothing if the recording is no longer there."""
        features = edited.features(analysis)
        if timeline is None or (features is None and analysis.rows is None):
            return (gr.skip(),) * 5
        if request is not None:
            self.service.files.use(request.session_hash or "")
        return self.show_part(timeline, features, style, part, only, rows_shown)

    def show_part(
        self, timeline: Timeline, features: Features | None, style: str, part: str, only: bool, rows_shown: bool
    ) -> tuple:
        """The chart of a part of a timeline that is there already; with ``only`` also what is said of it."""
        found = part_of(part, timeline)
        faces = portraits.of_people(timeline, features) if features else {}
        chart = plot(charts.timeline_spec(timeline, style, found, faces))
        cut = chosen(timeline, part, only)
        return chart, fragments.warnings(cut), fragments.result(cut, found), *self.table(cut, rows_shown)

    def shown_table(self, timeline: Timeline | None, part: str, only: bool, shown: bool, page: int = 1) -> tuple:
        """A page of the table of all rows, or with ``only`` of the part; and the choice of the page."""
        return self.table(None if timeline is None else chosen(timeline, part, only), shown, page)

    def table(self, timeline: Timeline | None, shown: bool, page: int = 1) -> tuple:
        """A page of the table's rows, if it is shown, and the choice of the page."""
        if timeline is None or not shown:
            return gr.skip(), gr.skip()
        rows, pages = rows_of_page(timeline, page)
        shown_rows = {"headers": columns_of_page(timeline), "data": rows}
        return shown_rows, gr.update(maximum=max(pages, 2), value=min(page, pages), visible=pages > 1)

    def download(
        self,
        kind: str,
        analysis: Analysis,
        active: str,
        timeline: Timeline | None,
        part: str,
        only: bool,
        edited: Edited,
        request: gr.Request,
    ) -> str:
        """A download was clicked: write the file of that kind, and return its path."""
        if timeline is None or (analysis.features is None and analysis.rows is None):
            raise gr.Error(NOTHING_YET, print_exception=False)
        timeline = chosen(timeline, part, only)
        session, own = request.session_hash or "", self.service.files
        with user_errors(), own.new_download(session) as folder:
            model = made_by(timeline, self.service.analyzers.default.model)
            if analysis.features is not None:
                model = self.service.analyzer_for(analysis.features, active, analysis.checkpoint).model
            features = edited.features(analysis)
            file = write_download(kind, timeline, analysis.name, model, folder, features)
        return str(file)

    def choose_checkpoint(self, name: str | None, active: str, analysis: Analysis) -> tuple:
        """Another checkpoint was named: show its evaluation, and say whether it can be used for the features."""
        name = (name or "").strip()
        if name == active:
            return gr.skip(), gr.skip(), ""
        try:
            analyzer = self.service.analyzers.get(name)
            about = fragments.about(analyzer)
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return gr.skip(), gr.skip(), fragments.callout(str(error))
        except Exception as error:
            log.error("A checkpoint could not be loaded", error)
            gr.Warning(LOADING)
            return gr.skip(), gr.skip(), fragments.callout(LOADING)
        note = ""
        if analysis.features is not None and not is_compatible(analyzer, analysis.features):
            note = fragments.callout(OTHER_NETWORKS)
        return name, about, note

    def recognise_picture(self, picture: Any, request: gr.Request) -> str:
        """A picture was chosen: show it with the emotions of its faces."""
        if not picture:
            return ""
        try:
            path = picture["path"] if isinstance(picture, dict) else picture.path
            file = self.service.check_upload(path, request)
            image, faces = self.service.recognise_faces(file)
            with self.service.files.new_download(request.session_hash or "") as folder:
                shown, marked = folder / f"{Path(file).stem}.jpg", folder / f"{Path(file).stem}.faces.jpg"
                files.write(shown, pictures.jpeg(image))
                if faces:
                    files.write(marked, annotate.jpeg(annotate.draw_faces(image, faces)))
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            return fragments.callout(str(error))
        except Exception as error:
            log.error("A picture could not be recognised", error)
            gr.Warning(UNEXPECTED)
            return fragments.callout(UNEXPECTED)
        evaluation = self.service.analyzers.default.model.evaluation
        return picture_html.result(shown, faces, marked if faces else None, evaluation)
