"""emorec: a video or audio file in, a timeline of emotions out."""

from emorec._version import __version__
from emorec.errors import EmorecError

__all__ = ["EmorecError", "__version__", "analyze", "load"]


def load(model_path=None, device="auto"):
    """An ``emorec.analyzer.Analyzer``: the checkpoint and the face detector, loaded once for many recordings."""
    from emorec import analyzer  # imported late: torch takes a second that `import emorec` should not cost

    return analyzer.load(model_path, device)


def analyze(path, model_path=None, device="auto", progress=None, **choices):
    """Turn a video or audio file into an ``emorec.inference.timeline.Timeline``.

    ``choices``: audio_track and video_track (numbers from 1, None for the one with speech or with a face), channel
    ("left", "right" or "mix"), start and end (s; only this part is decoded), rotate (0, 90, 180 or 270 degrees
    clockwise); fusion ("late", "intermediate", "face" or "voice"), step and window (s), person (a number, or None
    for the one who is seen), smooth (s), prior ("everyday", "even", "adaptive", a mapping of emotions to shares or a
    JSON file of them) and unsure_below (confidence). ``progress(observations)`` is called as the work goes on.
    Raises EmorecError, with one sentence, for whatever cannot be used.
    """
    return load(model_path, device).analyze(path, progress, **choices)
