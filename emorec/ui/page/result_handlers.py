"""The handlers for a change of a choice, the name of a checkpoint, a download, and a picture.

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
from emorec.ui.highlight_list import highlights_html
from emorec.ui.jobs.job import UNEXPECTED
from emorec.ui.minutes import minutes
from emorec.ui.overview import overview, parse_part, trust_lines
from emorec.ui.page.analysis import (
    ANYONE,
    Analysis,
    cut_to_part,
    made_by,
    person_choices,
    plot_data,
    table_columns,
    table_rows,
)
from emorec.ui.page.current_timeline import infer_current
from emorec.ui.page.downloads import write_download
from emorec.ui.page.marker_panel import PageMarkers
from emorec.ui.page.people_handlers import PeopleEdits
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
        edited: PeopleEdits = PeopleEdits(),  # noqa: B008 (it cannot be changed)
        marked: PageMarkers = PageMarkers(),  # noqa: B008 (the same)
    ) -> tuple:
        """Infer the timeline with the current choices, and show it; nothing if there are no features.

        ``part`` is what the chart shows, and with ``only`` also the summary and the table, in the form of
        ``parse_part``.

        While features are expected, an empty chart is drawn, which is hidden. So the browser loads the code that draws,
        which takes a second or more, before the first features come.
        """
        features = edited.features(analysis)
        if features is None and analysis.rows is not None:
            return self.draw_rows(analysis, analysis.rows, style, part, only, rows_shown)
        if features is None:
            expected = analysis.path or analysis.running
            chart = plot_data(charts.empty_spec()) if expected else None
            return None, chart, "", "", gr.skip(), [], gr.update(visible=False), ""
        choices = person_choices(features)
        # The choice is only sent if it changes, because the visitor may have made another one meanwhile.
        offered = gr.update(choices=choices)
        if person not in [number for _, number in choices]:
            person = offered["value"] = ANYONE[1]
        timeline = infer_current(
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
        chart, warnings, summary, *table = self.show_part(timeline, features, style, part, only, rows_shown)
        found = parse_part(part, timeline)
        used = self.service.analyzer_for(features, active, analysis.checkpoint)
        trust = trust_lines(timeline, used.model.evaluation, features.notes)
        shown = trust + overview(timeline, found, analysis.tag)
        return timeline, chart, warnings, summary, offered, *table, shown

    def draw_rows(
        self, analysis: Analysis, timeline: Timeline, style: str, part: str, only: bool, rows_shown: bool
    ) -> tuple:
        """What ``draw`` returns for a stored timeline without features."""
        chart, warnings, summary, *table = self.show_part(timeline, None, style, part, only, rows_shown)
        model = made_by(timeline, self.service.analyzers.default.model)
        found = parse_part(part, timeline)
        trust = trust_lines(timeline, model.evaluation if model else None)
        shown = trust + overview(timeline, found, analysis.tag)
        offered = gr.update(choices=[ANYONE], value=ANYONE[1])
        return timeline, chart, warnings, summary, offered, *table, shown

    def below(
        self,
        timeline: Timeline | None,
        analysis: Analysis,
        edited: PeopleEdits,
        minutes_shown: bool,
        request: gr.Request | None = None,
    ) -> tuple[str, Any]:
        """The highlights and the minutes of the whole timeline, after it was drawn."""
        if timeline is None:
            return "", ""
        if request is not None:
            self.service.files.use(request.session_hash or "")  # a visitor who looks at a result is not idle
        return highlights_html(timeline, edited.features(analysis)), self.shown_minutes(timeline, minutes_shown)

    def shown_minutes(self, timeline: Timeline | None, shown: bool) -> Any:
        """The table of minutes, if it is shown."""
        if timeline is None or not shown:
            return gr.skip()
        return minutes(timeline)

    def change_part(
        self,
        analysis: Analysis,
        edited: PeopleEdits,
        timeline: Timeline | None,
        style: str,
        part: str,
        only: bool,
        rows_shown: bool,
        request: gr.Request | None = None,
    ) -> tuple:
        """Another part was chosen: ``show_part``, or nothing if there is no result any more."""
        features = edited.features(analysis)
        if timeline is None or (features is None and analysis.rows is None):
            return (gr.skip(),) * 5
        if request is not None:
            self.service.files.use(request.session_hash or "")
        return self.show_part(timeline, features, style, part, only, rows_shown)

    def show_part(
        self, timeline: Timeline, features: Features | None, style: str, part: str, only: bool, rows_shown: bool
    ) -> tuple:
        """The chart of a part of a timeline; with ``only``, warnings, summary and table are about the part too."""
        found = parse_part(part, timeline)
        faces = portraits.lane_pictures(timeline, features) if features else {}
        chart = plot_data(charts.timeline_spec(timeline, style, found, faces))
        cut = cut_to_part(timeline, part, only)
        return chart, fragments.warnings(cut), fragments.result(cut, found, style, only), *self.table(cut, rows_shown)

    def shown_table(self, timeline: Timeline | None, part: str, only: bool, shown: bool, page: int = 1) -> tuple:
        """A page of the table of all rows, with ``only`` of those of the part, and the choice of the page."""
        return self.table(None if timeline is None else cut_to_part(timeline, part, only), shown, page)

    def table(self, timeline: Timeline | None, shown: bool, page: int = 1) -> tuple:
        """A page of the table's rows, if it is shown, and the choice of the page."""
        if timeline is None or not shown:
            return gr.skip(), gr.skip()
        rows, pages = table_rows(timeline, page)
        shown_rows = {"headers": table_columns(timeline), "data": rows}
        return shown_rows, gr.update(maximum=max(pages, 2), value=min(page, pages), visible=pages > 1)

    def download(
        self,
        kind: str,
        analysis: Analysis,
        active: str,
        part: str,
        only: bool,
        edited: PeopleEdits,
        *,
        timeline: Timeline | None,
        request: gr.Request,
    ) -> str:
        """A download was clicked: write the file of that kind, and return its path."""
        if timeline is None or (analysis.features is None and analysis.rows is None):
            raise gr.Error(NOTHING_YET, print_exception=False)
        timeline = cut_to_part(timeline, part, only)
        session, own = request.session_hash or "", self.service.files
        with user_errors(), own.new_download(session, analysis.key) as folder:
            model = made_by(timeline, self.service.analyzers.default.model)
            if analysis.features is not None:
                model = self.service.analyzer_for(analysis.features, active, analysis.checkpoint).model
            features = edited.features(analysis)
            file = write_download(kind, timeline, analysis.name, model, folder, features)
        return str(file)

    def choose_checkpoint(self, name: str | None, active: str, analysis: Analysis) -> tuple:
        """Another checkpoint was named: show its evaluation, with a note if the features are from other networks."""
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
