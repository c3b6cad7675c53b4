"""emorec: a video or audio file in, a timeline of emotions out.

``analyze`` and ``analyze_image`` do everything in one call. ``Analyzer`` loads a checkpoint once for many recordings.
``analyze_batch`` fills a folder with the results of many recordings. ``compare`` sets a result beside labels that
people gave.
Importing emorec is quick: torch and everything else that is large is imported at first use.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from emorec._version import __version__
from emorec.errors import EmorecError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike

    import numpy as np

    from emorec.agreement.comparison import Comparison
    from emorec.agreement.emotion_words import Mapped
    from emorec.agreement.results import ResultLike
    from emorec.analyzer import Analyzer
    from emorec.batch.progress import Progress
    from emorec.batch.run import Result
    from emorec.extraction.features import Features
    from emorec.extraction.people_file import PeopleLike
    from emorec.extraction.sources import MediaLike
    from emorec.image import FaceResult
    from emorec.inference.baseline_choice import BaselineLike
    from emorec.inference.timeline import PriorLike
    from emorec.live import Live, Reading
    from emorec.timeline import Timeline

__all__ = [
    "Analyzer",
    "Comparison",
    "EmorecError",
    "FaceResult",
    "Features",
    "Live",
    "Reading",
    "Timeline",
    "__version__",
    "analyze",
    "analyze_batch",
    "analyze_image",
    "compare",
    "load",
]

# onnxruntime reports its use to Microsoft from the moment it is imported, unless this is set before.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Names that are imported from their modules when they are first used.
LAZY = {
    "Analyzer": "emorec.analyzer",
    "Comparison": "emorec.agreement.comparison",
    "FaceResult": "emorec.image",
    "Features": "emorec.extraction.features",
    "Live": "emorec.live",
    "Reading": "emorec.live",
    "Timeline": "emorec.timeline",
}
MODULES = ("library",)  # modules that can be used as emorec.NAME without an import of their own


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f"emorec.{name}")  # the import also sets the attribute of this package
    if name in LAZY:
        value = getattr(import_module(LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *MODULES})


def load(model_path: str | PathLike[str] | None = None, device: str = "auto") -> Analyzer:
    """An ``Analyzer``: a checkpoint and the face detector, loaded once for many recordings.

    The same as ``Analyzer.from_pretrained``. Raises EmorecError.
    """
    from emorec import analyzer  # imported late: torch takes a second, which `import emorec` should not take

    return analyzer.load(model_path, device)


def analyze(
    media: MediaLike,
    model_path: str | PathLike[str] | None = None,
    device: str = "auto",
    progress: Callable[[Features], object] | None = None,
    *,
    fusion: str = "late",
    step: float = 1.0,
    window: float = 3.0,
    person: int | str | None = None,
    smooth: float = 0.0,
    prior: PriorLike = "everyday",
    unsure_below: float = 0.4,
    baseline: BaselineLike = "speaker",
    people: PeopleLike | None = None,
    modalities: Iterable[str] = ("face", "voice"),
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
    """Turn a video or audio file, or pictures and sound in memory, into a ``Timeline``.

    ``model_path`` and ``device`` are as in ``Analyzer.from_pretrained``; everything else is as in ``Analyzer.analyze``,
    which is quicker for several recordings because it loads the checkpoint once. Raises EmorecError, with one sentence,
    for whatever cannot be used.
    """
    return load(model_path, device).analyze(
        media,
        progress,
        fusion=fusion,
        step=step,
        window=window,
        person=person,
        smooth=smooth,
        prior=prior,
        unsure_below=unsure_below,
        baseline=baseline,
        people=people,
        modalities=modalities,
        start=start,
        end=end,
        audio_track=audio_track,
        video_track=video_track,
        channel=channel,
        rotate=rotate,
        frame_rate=frame_rate,
        samples=samples,
        sample_rate=sample_rate,
    )


def analyze_batch(
    inputs: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    model_path: str | PathLike[str] | None = None,
    device: str = "auto",
    progress: Callable[[Progress], object] | None = None,
    *,
    workers: int = 1,
    retry: bool = False,
    formats: str | Iterable[str] = "csv,json",
    locale: str = "en",
    plot: bool = False,
    report: bool = False,
    blur: bool = False,
    fusion: str = "late",
    step: float = 1.0,
    window: float = 3.0,
    person: int | str | None = None,
    smooth: float = 0.0,
    prior: PriorLike = "everyday",
    unsure_below: float = 0.4,
    baseline: BaselineLike = "speaker",
    people: PeopleLike | None = None,
    start: float = 0.0,
    end: float | None = None,
    audio_track: int | None = None,
    video_track: int | None = None,
    channel: str = "mix",
    rotate: int = 0,
) -> Result:
    """Analyze many recordings, write a folder of results for each and a manifest to ``out``, and return the counts.

    ``inputs`` are files, folders, patterns, lists in text files, links, and URLs of objects, as docs/BATCH.md says.
    Recordings that were done with the same choices and have not changed are skipped, and failed ones too unless
    ``retry``. ``workers`` recordings are analyzed side by side, each in a process of its own; 0 analyzes all in this
    process. ``formats``, ``locale``, ``plot``, ``report`` and ``blur`` are as in ``emorec batch``, everything else as
    in ``analyze``. ``progress`` is called after every recording. A recording that fails does not end the run, see
    ``Result.failed``; raises EmorecError if the inputs, the choices or the folder cannot be used, or if the disk is
    full.
    """
    from emorec.batch import run

    inferring: dict[str, Any] = {"fusion": fusion, "step": step, "window": window, "person": person, "smooth": smooth}
    inferring |= {"prior": prior, "unsure_below": unsure_below, "baseline": baseline, "people": people}
    extracting: dict[str, Any] = {"start": start, "end": end, "audio_track": audio_track, "video_track": video_track}
    extracting |= {"channel": channel, "rotate": rotate}
    written: dict[str, Any] = {"locale": locale, "plot": plot, "report": report, "blur": blur}
    return run.run_with_keywords(
        inputs, out, inferring, extracting, formats, model_path, device, workers, retry, progress, written
    )


def analyze_image(
    image: str | PathLike[str] | np.ndarray,
    model_path: str | PathLike[str] | None = None,
    device: str = "auto",
    *,
    prior: PriorLike = "even",
) -> list[FaceResult]:
    """The emotions of every face in a still picture, from left to right, as ``FaceResult``.

    ``image`` is a path, or an array of uint8, RGB (height, width, 3) or grey (height, width). ``model_path`` and
    ``device`` are as in ``Analyzer.from_pretrained``. Raises EmorecError if it cannot be used.
    """
    return load(model_path, device).analyze_image(image, prior=prior)


def compare(
    result: ResultLike,
    labels: str | PathLike[str],
    map: Mapped | None = None,
    tier: str | None = None,
    person: int | str | None = None,
) -> Comparison:
    """How far a result agrees with labels that people gave to the same recording, as ``Comparison``.

    ``result`` is a ``Timeline``, or the CSV, TSV, JSON or Parquet file of one. ``labels`` is a CSV file with the
    columns start, end, label and, if there are several, person; or an ELAN (.eaf) or Praat (.TextGrid) file, of which
    ``tier`` chooses a tier. ``map`` says what labels mean that are not English words for the seven emotions: a mapping,
    a JSON or CSV file, or text such as "happy=Freude,sad=Trauer". ``person`` is the number or name of the person who
    was labelled; "0=Anna" says that the labels call person 0 Anna. Of two folders, results and labels of the same name
    belong together, and all recordings are compared as one. Raises EmorecError.
    """
    from emorec.agreement import compare as agreement

    return agreement.compare(result, labels, map, tier, person)
