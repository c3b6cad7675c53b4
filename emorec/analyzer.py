"""One engine for every door: a checkpoint and a face detector, loaded once, over both stages."""

import contextlib
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import torch

from emorec.errors import EmorecError
from emorec.extraction import options as choices
from emorec.extraction import pipeline as extract
from emorec.face import detection
from emorec.inference import timeline
from emorec.models import checkpoint, pretrained

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Analyzer:
    """A checkpoint, where the face detector's file is (None: the fallback detector), and where the weights are from."""

    model: checkpoint.Checkpoint
    detector_file: Path | None
    origin: pretrained.Origin | None = None

    @property
    def notices(self):
        """Sentences that a user must see before trusting any result."""
        of_weights = self.origin.notices if self.origin else ()
        return of_weights if self.detector_file else (*of_weights, pretrained.REDUCED_NOTICE)

    def extract(self, path, cache=None, settings=None):
        """Stage 1: yield growing Features of a recording; see ``emorec.extraction.pipeline``."""
        return extract.extract(path, self.model, detection.detector(self.detector_file), settings, cache)

    def forget(self, path, cache=None, settings=None):
        """Remove what stage 1 stored of a recording with these settings; see ``emorec.extraction.pipeline.forget``."""
        return extract.forget(path, self.model, detection.detector(self.detector_file), settings, cache)

    def forget_key(self, key, cache=None):
        """Remove what is stored under ``key`` (``Features.key``), whatever became of the recording; tell whether
        there was anything. See ``emorec.extraction.cache.forget``."""
        return extract.forget_key(key, cache)

    def infer(self, observations, **choices):
        """Stage 2: a Timeline by the choices that ``emorec.inference.timeline.infer`` takes."""
        made = timeline.infer(observations, self.model, **choices)
        if self.origin and self.origin.repo:  # a name that people know, not that of the folder it was pulled into
            made = dataclasses.replace(made, choices=made.choices | {"model": str(self.origin)})
        return made

    def analyze(
        self,
        path,
        progress=None,
        *,
        audio_track=None,
        video_track=None,
        channel="mix",
        start=0.0,
        end=None,
        rotate=0,
        **decided,
    ):
        """Both stages. ``progress(observations)`` is called as they grow.

        The keywords choose the part of the recording to analyse, see ``emorec.extraction.options.Settings``;
        with fusion "voice" no picture is decoded. ``decided`` is what ``decide`` takes. Raises EmorecError.
        """
        timeline.check(**{name: value for name, value in decided.items() if name != "person"})
        if (decided.get("person") or 0) < 0:
            raise EmorecError(f"There is no person {decided['person']}; persons are counted from 0.")
        if decided.get("fusion") == "voice":
            decided["person"] = None  # no face is looked at, so there is nobody to choose
        settings = choices.Settings(
            faces=decided.get("fusion") != "voice",
            audio_track=audio_track,
            video_track=video_track,
            channel=channel,
            start=start,
            end=end,
            rotate=rotate,
        )
        observations = None
        with contextlib.closing(self.extract(path, settings=settings)) as growing:
            for observations in growing:
                if progress:
                    progress(observations)
        return self.infer(observations, **decided)


def load(model_path=None, device="auto", resolve=pretrained.resolve):
    """An Analyzer with the named checkpoint. Raises EmorecError.

    ``model_path`` is a folder, or ``org/name`` or ``org/name@revision`` on the Hub (None: what EMOREC_MODEL names, else
    the bundled one). ``resolve`` makes a ``weights.Origin`` of it; ``weights.pulled`` looks at no folder.
    """
    if device not in DEVICES:
        raise EmorecError(f"The device {device!r} does not exist; choose one of {', '.join(DEVICES)}.")
    if device == "cuda" and not torch.cuda.is_available():
        raise EmorecError("There is no usable CUDA device here; choose the device cpu or auto.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    origin = resolve(model_path)
    return Analyzer(checkpoint.load(origin.folder, device), pretrained.face_detector_file(), origin)
