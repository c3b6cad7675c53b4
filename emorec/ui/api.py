"""The API for programs, through ``gradio_client`` or plain HTTP.

``/analyze`` extracts features of a recording and infers its timeline, ``/redraw`` infers again from these features,
``/image`` reads a still picture, and ``/info`` describes the weights. Each error is reported as one sentence.
"""

import contextlib
import html
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import gradio as gr
from gradio.events import api

import emorec
from emorec.affect import DIMENSIONS
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.extraction import people_file, people_parsing
from emorec.inference import baseline_choice
from emorec.inference import prior as priors
from emorec.inference.fusion import FUSIONS
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, check
from emorec.output import tables
from emorec.output.highlights import find_highlights
from emorec.output.summary import summary
from emorec.ui import fragments
from emorec.ui.jobs import validation
from emorec.ui.service import Service
from emorec.ui.sessions.results import Result

POLL = 0.5  # seconds between two checks of a job
DIGITS = 6
SOUND_ONLY = "Only the sound of this recording was analysed; call /analyze again with this fusion."
STOPPED = "The analysis was stopped before it came to its end."


def add_endpoints(service: Service) -> None:
    """Add the endpoints to the ``gr.Blocks`` that is being built."""

    def response(
        name: str,
        result: Result,
        *,
        fusion: str,
        prior: str | dict,
        baseline: str,
        people: dict | None,
        **choices: Any,
    ) -> dict:
        if not result.has_faces and fusion != "voice":
            raise EmorecError(SOUND_ONLY)
        features = result.features
        if people is not None:  # a dict and never a path, because the library would open the file
            features = people_file.apply(people_parsing.parse(people, "This"), features)[0]
        choices |= {"prior": validation.prior(prior), "baseline": validation.baseline(baseline)}
        timeline = result.analyzer.infer(features, fusion=fusion, **choices)
        return {
            "recording": name,
            "duration": timeline.duration,
            "complete": timeline.complete,
            "persons": features.persons,
            "names": {str(number): name for number, name in features.names.items()},
            "notes": list(timeline.notes),
            "prior": {"name": timeline.prior.name, "shares": dict(zip(EMOTIONS, timeline.prior.shares, strict=True))},
            "summary": asdict(summary(timeline)),
            "moments": [asdict(highlight) for highlight in find_highlights(timeline)],
            "rows": tables.table(timeline),
        }

    def analyze(
        file: gr.FileData,
        request: gr.Request,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        smooth: float = 0.0,
        person: int | str | None = None,
        checkpoint: str = "",
        prior: str | dict = priors.DEFAULT,
        audio_track: int | None = None,
        video_track: int | None = None,
        channel: str = "mix",
        start: float | str = 0.0,
        end: float | str | None = None,
        rotate: int = 0,
        baseline: str = baseline_choice.DEFAULT,
        people: dict | None = None,
    ) -> dict:
        """Analyse an uploaded video or audio file.

        Returns its rows, a summary, its moments, and the name "recording" for /redraw. With the fusion "voice" no
        picture is decoded. ``audio_track`` to ``rotate`` choose the part of the recording that is analysed.
        """
        with user_errors():
            check(fusion, step, window, smooth, cast(Any, validation.prior(prior)))
            validation.baseline(baseline)
            settings = validation.settings(
                fusion,
                audio_track=audio_track,
                video_track=video_track,
                channel=channel,
                start=start,
                end=end,
                rotate=rotate,
            )
            path = service.check_upload(_path(file), request)
            analyzer = service.analyzers.get(checkpoint)
            job = service.start_job(analyzer, path, request, extraction_settings=settings)
            while job.running:
                job.wait(POLL)
            if job.problem:
                raise EmorecError(job.problem)
            if not (job.features and job.features.complete):
                raise EmorecError(STOPPED)
            result = Result(analyzer=analyzer, features=job.features, has_faces=settings.faces)
            name = service.results.add(request.session_hash, result)
            return response(
                name,
                result,
                fusion=fusion,
                step=step,
                window=window,
                smooth=smooth,
                person=person,
                prior=prior,
                baseline=baseline,
                people=people,
            )

    def redraw(
        recording: str,
        request: gr.Request,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        smooth: float = 0.0,
        person: int | str | None = None,
        prior: str | dict = priors.DEFAULT,
        baseline: str = baseline_choice.DEFAULT,
        people: dict | None = None,
    ) -> dict:
        """Infer again, with other choices, from the features that /analyze extracted; nothing is decoded."""
        with user_errors():
            result = service.results.get(request.session_hash, recording)
            return response(
                recording,
                result,
                fusion=fusion,
                step=step,
                window=window,
                smooth=smooth,
                person=person,
                prior=prior,
                baseline=baseline,
                people=people,
            )

    def image(file: gr.FileData, request: gr.Request) -> list[dict]:
        """Find every face in an uploaded picture, from left to right.

        Each has its box (left, top, width, height as fractions of the picture) and a probability for each emotion,
        and valence and arousal (-1 to 1), which are derived from these.
        """
        with user_errors():
            _, faces = service.recognise_faces(service.check_upload(_path(file), request))
        return [
            dict(zip(("left", "top", "width", "height"), face.box, strict=True))
            | {"score": round(face.score, DIGITS), "quality": round(face.quality, DIGITS)}
            | {"dominant": face.dominant, "confidence": round(face.confidence, DIGITS)}
            | {name: round(float(value), DIGITS) for name, value in zip(EMOTIONS, face.probabilities, strict=True)}
            | {name: round(getattr(face, name), DIGITS) for name in DIMENSIONS}
            for face in faces
        ]

    def info() -> dict:
        """Describe the version, the emotions and fusions, and the weights: accuracy, limits, licence."""
        analyzer = service.analyzers.default
        training = analyzer.model.training
        return {
            "version": emorec.__version__,
            "emotions": list(EMOTIONS),
            "fusions": list(FUSIONS),
            "priors": {name: dict(zip(EMOTIONS, priors.resolve(name).shares, strict=True)) for name in priors.NAMES},
            "origin": fragments.origin(analyzer),
            "weights": Path(analyzer.model.folder).name if analyzer.model.folder else "",
            "fingerprint": analyzer.model.fingerprint,
            "evaluation": analyzer.model.evaluation,
            "sources": training.get("sources", []),
            "limits": training.get("limits", []),
            "licence": training.get("licence", ""),
            "notices": list(analyzer.notices),
        }

    for endpoint in (analyze, redraw, image, info):
        api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)


def _path(file: gr.FileData) -> str:
    # Gradio passes the file as a dict to functions that it calls through ``api``.
    return cast(dict, file)["path"]


@contextlib.contextmanager
def user_errors() -> Iterator[None]:
    """Report an EmorecError to the client as its sentence, without a traceback in the log."""
    try:
        yield
    except EmorecError as error:
        raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from None
