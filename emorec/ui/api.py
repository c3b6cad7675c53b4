"""The endpoints that programs call, through ``gradio_client`` or plain HTTP: files and choices in, plain rows out.

``/analyze`` observes a recording and decides, ``/redraw`` decides again on what it observed, ``/image`` reads a still
picture, ``/info`` tells of the weights. Every mistake comes back as one sentence.
"""

import html
from dataclasses import asdict
from pathlib import Path

import gradio as gr

import emorec
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.inference import prior as priors
from emorec.inference.fusion import FUSIONS
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, check
from emorec.output import tables
from emorec.output.highlights import find_highlights
from emorec.output.summary import summary
from emorec.ui import fragments
from emorec.ui.jobs import validation
from emorec.ui.sessions.session import LOOK

DIGITS = 6
SOUND_ONLY = "Only the sound of this recording was analysed; call /analyze again with this fusion."
STOPPED = "The analysis was stopped before it came to its end."


def add(service):
    """Add the endpoints to the page that is being built, over its ``emorec.ui.service.Service``."""

    def decided(recording, kept, *, fusion, prior, **choices):
        analyzer, observations, seen = kept
        if not seen and fusion != "voice":
            raise EmorecError(SOUND_ONLY)
        timeline = analyzer.infer(observations, fusion=fusion, prior=validation.prior(prior), **choices)
        return {
            "recording": recording,
            "duration": timeline.duration,
            "complete": timeline.complete,
            "persons": observations.persons,
            "notes": list(timeline.notes),
            "prior": {"name": timeline.prior.name, "shares": dict(zip(EMOTIONS, timeline.prior.shares, strict=True))},
            "summary": asdict(summary(timeline)),
            "moments": [asdict(moment) for moment in find_highlights(timeline)],
            "rows": tables.table(timeline),
        }

    def analyze(
        file: gr.FileData,
        request: gr.Request,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        smooth: float = 0.0,
        person: int | None = None,
        checkpoint: str = "",
        prior: str | dict = priors.DEFAULT,
        audio_track: int | None = None,
        video_track: int | None = None,
        channel: str = "mix",
        start: float | str = 0.0,
        end: float | str | None = None,
        rotate: int = 0,
    ) -> dict:
        """Analyse an uploaded video or audio file.

        Returns its rows, a summary, its moments, and the name "recording" by which /redraw knows it. The fusion "voice"
        looks at no picture. ``audio_track`` to ``rotate`` say what of the recording is observed.
        """
        with one_sentence():
            check(fusion, step, window, smooth, validation.prior(prior))
            settings = validation.settings(
                fusion,
                audio_track=audio_track,
                video_track=video_track,
                channel=channel,
                start=start,
                end=end,
                rotate=rotate,
            )
            path = service.uploaded(file["path"], request)
            analyzer = service.analyzers.get(checkpoint)
            run = service.start(analyzer, path, request, settings=settings)
            # Not one long wait: the run itself looks whether its client is still there.
            while run.running:
                run.wait(LOOK)
            if run.problem:
                raise EmorecError(run.problem)
            if not (run.observations and run.observations.complete):
                raise EmorecError(STOPPED)
            kept = analyzer, run.observations, settings.faces
            recording = service.kept.add(request.session_hash, kept)
            person = person if settings.faces else None
            return decided(
                recording, kept, fusion=fusion, step=step, window=window, smooth=smooth, person=person, prior=prior
            )

    def redraw(
        recording: str,
        request: gr.Request,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        smooth: float = 0.0,
        person: int | None = None,
        prior: str | dict = priors.DEFAULT,
    ) -> dict:
        """Decide again, by other choices, on what /analyze observed; nothing is decoded."""
        with one_sentence():
            kept = service.kept.get(request.session_hash, recording)
            return decided(
                recording, kept, fusion=fusion, step=step, window=window, smooth=smooth, person=person, prior=prior
            )

    def image(file: gr.FileData, request: gr.Request) -> list[dict]:
        """Find every face in an uploaded picture, from left to right.

        Each has its box (left, top, width, height as fractions of the picture) and a probability an emotion.
        """
        with one_sentence():
            _, faces = service.faces_of(service.uploaded(file["path"], request))
        return [
            dict(zip(("left", "top", "width", "height"), face.box, strict=True))
            | {"score": round(face.score, DIGITS), "quality": round(face.quality, DIGITS)}
            | {"dominant": face.dominant, "confidence": round(face.confidence, DIGITS)}
            | {name: round(float(value), DIGITS) for name, value in zip(EMOTIONS, face.probabilities, strict=True)}
            for face in faces
        ]

    def info() -> dict:
        """Tell the version, the emotions and fusions there are, and the weights: accuracy, limits, licence."""
        analyzer = service.analyzers.default
        training = analyzer.model.training
        return {
            "version": emorec.__version__,
            "emotions": list(EMOTIONS),
            "fusions": list(FUSIONS),
            "priors": {name: dict(zip(EMOTIONS, priors.of(name).shares, strict=True)) for name in priors.NAMES},
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
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)


class Page(gr.Blocks):
    """A page whose endpoints take the defaults of what a plain request leaves out at its end, as ``gradio_client``
    does by itself; so requests stay right when an endpoint is given one more choice."""

    def validate_inputs(self, block_fn, inputs):
        """Fill in the defaults, and check that nothing is missing then."""
        left_out = block_fn.inputs[len(inputs) :] if block_fn.api_visibility == "public" else []
        inputs.extend(component.value for component in left_out)
        super().validate_inputs(block_fn, inputs)


class one_sentence:
    """Turns an EmorecError into what a client is told."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, EmorecError):
            raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from None
