"""The endpoints that programs call, through ``gradio_client`` or plain HTTP: files and choices in, plain rows out.

``/analyze`` observes a recording and decides, ``/redraw`` decides again on what it observed, ``/image`` reads a still
picture, ``/info`` tells of the weights. Every mistake comes back as one sentence.
"""

import html
from dataclasses import asdict
from pathlib import Path

import gradio as gr

import emorec
from emorec import exports
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.fusion import FUSIONS
from emorec.moments import moments
from emorec.summary import summary
from emorec.timeline import DEFAULT_STEP, DEFAULT_WINDOW, check
from ui import parts
from ui.session import LOOK

DIGITS = 6
STOPPED = "The analysis was stopped before it came to its end."


def add(service):
    """Add the endpoints to the page that is being built, over its ``ui.service.Service``."""

    def decided(recording, engine, observations, **choices):
        timeline = engine.decide(observations, **choices)
        return {
            "recording": recording,
            "duration": timeline.duration,
            "complete": timeline.complete,
            "persons": observations.persons,
            "notes": list(timeline.notes),
            "summary": asdict(summary(timeline)),
            "moments": [asdict(moment) for moment in moments(timeline)],
            "rows": exports.table(timeline),
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
    ) -> dict:
        """Analyse an uploaded video or audio file.

        Returns its rows, a summary, its moments, and the name "recording" by which /redraw knows it.
        """
        with one_sentence():
            check(fusion, step, window, smooth)
            path = service.uploaded(file["path"], request)
            engine = service.engines.get(checkpoint)
            run = service.start(engine, path, request)
            # Not one long wait: the run itself looks whether its client is still there.
            while run.running:
                run.wait(LOOK)
            if run.problem:
                raise EmorecError(run.problem)
            if not (run.observations and run.observations.complete):
                raise EmorecError(STOPPED)
            recording = service.kept.add(request.session_hash, (engine, run.observations))
            choices = {"fusion": fusion, "step": step, "window": window, "smooth": smooth, "person": person}
            return decided(recording, engine, run.observations, **choices)

    def redraw(
        recording: str,
        request: gr.Request,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        smooth: float = 0.0,
        person: int | None = None,
    ) -> dict:
        """Decide again, by other choices, on what /analyze observed; nothing is decoded."""
        with one_sentence():
            engine, observations = service.kept.get(request.session_hash, recording)
            choices = {"fusion": fusion, "step": step, "window": window, "smooth": smooth, "person": person}
            return decided(recording, engine, observations, **choices)

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
        engine = service.engines.default
        training = engine.model.training
        return {
            "version": emorec.__version__,
            "emotions": list(EMOTIONS),
            "fusions": list(FUSIONS),
            "origin": parts.origin(engine),
            "weights": Path(engine.model.folder).name if engine.model.folder else "",
            "fingerprint": engine.model.fingerprint,
            "evaluation": engine.model.evaluation,
            "sources": training.get("sources", []),
            "limits": training.get("limits", []),
            "licence": training.get("licence", ""),
            "notices": list(engine.notices),
        }

    for endpoint in (analyze, redraw, image, info):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)


class one_sentence:
    """Turns an EmorecError into what a client is told."""

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, EmorecError):
            raise gr.Error(html.escape(str(error), quote=False), print_exception=False) from None
