"""The Analyzer: a checkpoint and a face detector, loaded once for any number of recordings."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import image as pictures
from emorec.errors import EmorecError
from emorec.extraction import people_file, pipeline, sources
from emorec.extraction.features import Features
from emorec.extraction.options import MODALITIES, Settings, checked_modalities
from emorec.extraction.people_file import PeopleLike
from emorec.extraction.sources import MediaLike
from emorec.face import detection
from emorec.image import FaceResult
from emorec.inference import baseline_choice
from emorec.inference import people as persons
from emorec.inference import prior as priors
from emorec.inference import timeline as inference
from emorec.inference.baseline_choice import BaselineLike
from emorec.inference.timeline import DEFAULT_STEP, DEFAULT_WINDOW, UNSURE_BELOW, PersonLike, PriorLike
from emorec.models import checkpoint, pretrained
from emorec.models.device import resolve_device
from emorec.saving import Saving
from emorec.timeline import Timeline

if TYPE_CHECKING:
    import numpy as np

NO_FEATURES = (
    "infer takes the last Features that extract yields, as in *_, features = analyzer.extract(media), not a {kind}; "
    "analyze takes a recording."
)


@dataclass(frozen=True)
class Analyzer(Saving):
    """The networks, and what they need: one engine for library, command line and page.

    ``detector_file`` is the face detector's file, or None for the bundled one; ``origin`` says where the weights come
    from.
    """

    model: checkpoint.Checkpoint
    detector_file: Path | None
    origin: pretrained.Origin | None = None

    @classmethod
    def from_pretrained(cls, model: str | PathLike[str] | None = None, *, device: str = "auto") -> Analyzer:
        """An Analyzer with a checkpoint: a folder, or ``org/name`` or ``org/name@revision`` on the Hub.

        None takes the checkpoint that EMOREC_MODEL names, or the bundled one. ``device`` is "auto", "cpu", "cuda" or
        "mps". Raises EmorecError if the checkpoint cannot be loaded or the device is not there.
        """
        return load(model, device)

    @property
    def notices(self) -> tuple[str, ...]:
        """Sentences that a user must see before trusting any result."""
        return self.origin.notices if self.origin else ()

    def analyze(
        self,
        media: MediaLike,
        progress: Callable[[Features], object] | None = None,
        *,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        person: PersonLike = None,
        smooth: float = 0.0,
        prior: PriorLike = priors.DEFAULT,
        unsure_below: float = UNSURE_BELOW,
        baseline: BaselineLike = baseline_choice.DEFAULT,
        people: PeopleLike | None = None,
        modalities: Iterable[str] = MODALITIES,
        start: float = 0.0,
        end: float | None = None,
        audio_track: int | None = None,
        video_track: int | None = None,
        channel: str = "mix",
        rotate: int = 0,
        frame_rate: float | None = None,
        samples: np.ndarray | None = None,
        sample_rate: float | None = None,
    ) -> Timeline:
        """Turn a recording into a Timeline (both stages).

        ``media`` is the path of a video or audio file; or pictures with their ``frame_rate`` (Hz): an array (frames,
        height, width, 3) of uint8 RGB, or an iterable of (height, width, 3); or sound with its ``sample_rate`` (Hz): an
        array (N,), (N, channels) or (channels, N), floats from -1 to 1 or integers. ``samples`` with ``sample_rate``
        are the sound that belongs to pictures. Features of a file are stored, so a second call is quick;
        features of arrays are not stored.

        ``fusion``: "late", "intermediate", "face" or "voice". ``step`` and ``window`` (s): one row per step, from the
        evidence in a window around it. ``person``: a person's number or name; "main" takes the one who is longest on
        screen, "speaker" in every row the one who speaks, "all" everybody (``Timeline.people``, and their mean), None
        in every row the one who is visible. ``smooth`` (s): standard deviation of a Gaussian over time, 0 for none.
        ``prior``: "everyday", "even", "adaptive", a mapping of the seven emotions to shares, or a JSON file with such a
        mapping. ``unsure_below``: rows with a lower confidence count as unsure. ``baseline``: "speaker" reads voices
        relative to the mean voice of a recording that has enough speech, "none" reads every window by itself; "person",
        a stretch of time ("0:10-0:40") and the file of a JSON result also take the usual expression out of each
        person's face, as it is in the whole recording, in the stretch, or in that result. ``people``: a names file, or
        what one contains: names of persons, and which tracks are theirs (docs/SCHEMA.md).

        ``modalities``: which of "face" and "voice" are decoded and used; fusion "voice" decodes no picture either.
        ``start`` and ``end`` (s): only this part is decoded. ``audio_track`` and ``video_track``: numbers from 1; None
        takes the one with speech and the one with a face. ``channel``: "left", "right", "mix", or "split" for a call
        with one person per channel. ``rotate``: degrees clockwise, 0, 90, 180 or 270.

        ``progress(features)`` is called as the features grow. Raises EmorecError, with one sentence, for whatever
        cannot be used.
        """
        inference.check(fusion, step, window, smooth, prior, unsure_below, baseline)
        person = persons.checked_person(person)
        people = people_file.resolve(people)  # before hours of work
        used = checked_modalities(modalities, fusion)
        settings = Settings(
            faces="face" in used,
            voices="voice" in used,
            audio_track=audio_track,
            video_track=video_track,
            channel=channel,
            start=start,
            end=end,
            rotate=rotate,
        )
        features = None
        growing = self.extract(
            media, settings=settings, frame_rate=frame_rate, samples=samples, sample_rate=sample_rate
        )
        with contextlib.closing(growing):
            for features in growing:
                if progress:
                    progress(features)
        assert features is not None  # extract yields at least once
        return self.infer(
            features,
            fusion=fusion,
            step=step,
            window=window,
            person=person,
            smooth=smooth,
            prior=prior,
            unsure_below=unsure_below,
            baseline=baseline,
            people=people,
        )

    def extract(
        self,
        media: MediaLike,
        cache: Path | None = None,
        settings: Settings | None = None,
        *,
        frame_rate: float | None = None,
        samples: np.ndarray | None = None,
        sample_rate: float | None = None,
    ) -> Generator[Features]:
        """Stage 1: yield the growing Features of a recording, the last ones complete.

        ``media``, ``frame_rate``, ``samples`` and ``sample_rate`` are as in ``analyze``; ``cache`` is the folder to
        store in. See ``emorec.extraction.pipeline.extract``. Raises EmorecError.
        """
        source = sources.from_media(media, frame_rate, samples, sample_rate)
        return pipeline.extract(source, self.model, detection.detector(self.detector_file), settings, cache)

    def infer(
        self,
        features: Features,
        *,
        fusion: str = "late",
        step: float = DEFAULT_STEP,
        window: float = DEFAULT_WINDOW,
        person: PersonLike = None,
        smooth: float = 0.0,
        prior: PriorLike = priors.DEFAULT,
        unsure_below: float = UNSURE_BELOW,
        baseline: BaselineLike = baseline_choice.DEFAULT,
        people: PeopleLike | None = None,
    ) -> Timeline:
        """Stage 2: a Timeline of features, which this model must have extracted.

        The keywords are those of ``analyze``; without ``people``, what the features say of persons counts. Raises
        EmorecError.
        """
        if not isinstance(features, Features):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise EmorecError(NO_FEATURES.format(kind=type(features).__name__))
        features, notes = people_file.apply(people, features) if people else (features, ())
        timeline = inference.infer(
            features, self.model, fusion, step, window, person, smooth, prior, unsure_below, baseline
        )
        if self.origin and self.origin.repo:  # the name that people know, not that of the folder in the Hub's cache
            timeline = dataclasses.replace(timeline, choices=timeline.choices | {"model": str(self.origin)})
        return Timeline.of(dataclasses.replace(timeline, notes=(*timeline.notes, *notes)))

    def analyze_image(
        self, image: str | PathLike[str] | np.ndarray, *, prior: PriorLike = priors.STILL
    ) -> list[FaceResult]:
        """The emotions of every face in a still picture, from left to right.

        ``image`` is a path, or an array of uint8, RGB (height, width, 3) or grey (height, width). ``prior`` is as in
        ``analyze``, but not "adaptive". Raises EmorecError if it cannot be used.
        """
        return pictures.analyze(image, self.model, pictures.detector(self.detector_file), prior)

    def forget(self, path: str | PathLike[str], cache: Path | None = None, settings: Settings | None = None) -> bool:
        """Remove the stored features of a recording; return whether there were any.

        ``settings`` are those that it was extracted with. See ``emorec.extraction.pipeline.forget``.
        """
        return pipeline.forget(Path(path), self.model, detection.detector(self.detector_file), settings, cache)

    def forget_key(self, key: str, cache: Path | None = None) -> bool:
        """Remove what is stored under ``Features.key``, even if the recording no longer exists; return whether there
        was anything. See ``emorec.extraction.cache.forget``."""
        return pipeline.forget_key(key, cache)

    def observe(
        self, path: str | PathLike[str], cache: Path | None = None, settings: Settings | None = None
    ) -> Generator[Features]:
        """Old name of ``extract``."""
        return self.extract(path, cache, settings)

    def decide(self, observations: Features, **choices: Any) -> Timeline:
        """Old name of ``infer``."""
        return self.infer(observations, **choices)


def load(
    model_path: str | PathLike[str] | None = None,
    device: str = "auto",
    resolve: Callable[[Any], pretrained.Origin] = pretrained.resolve,
) -> Analyzer:
    """An Analyzer with the named checkpoint; see ``Analyzer.from_pretrained``. Raises EmorecError.

    ``resolve`` finds the checkpoint's folder from its name; ``pretrained.pull`` takes names on the Hub only.
    """
    chosen = resolve_device(device)
    origin = resolve(model_path)
    return Analyzer(checkpoint.load(origin.folder, chosen), pretrained.face_detector_file(), origin)
