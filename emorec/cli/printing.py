"""What the command line prints: progress, the summary of a result, and the output of ``emorec info``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from emorec import __version__
from emorec.cli import sparkline, streams
from emorec.emotions import EMOJI, EMOTIONS
from emorec.files import shown

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.download import Progress
    from emorec.extraction.features import Features
    from emorec.inference.timeline import Timeline

NAME_WIDTH = 9  # characters of the longest emotion, and one more
BAR = "{percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s  {rate_noinv_fmt} left {remaining}"


class ProgressBar:
    """A progress bar with speed and time left on a terminal; nothing in a pipe."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show_download(self, progress: Progress) -> None:
        """Show the progress of a download."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(unit="B", unit_scale=True, disable=None, desc="downloading", leave=False)
        self._bar.total = progress.total
        self._bar.update(progress.done - self._bar.n)

    def show(self, features: Features) -> None:
        """Show the progress of an analysis."""
        from tqdm import tqdm

        if self._bar is None:
            self._bar = tqdm(
                total=features.duration - features.start,
                # What an earlier run extracted does not count for the speed.
                initial=features.until - features.start,
                unit="s",
                disable=None,
                bar_format=BAR,
            )
            return
        self._bar.total = features.duration - features.start
        self._bar.update(features.until - features.start - self._bar.n)

    def show_video(self, features: Features) -> Callable[[float], None]:
        """A function that shows how far the annotated video of a recording is written, called with a time (s)."""
        from tqdm import tqdm

        begin = features.start
        self._bar = tqdm(total=features.until - begin, disable=None, bar_format=BAR, desc="video", leave=False)

        def show(time: float) -> None:
            self._bar.update(time - begin - self._bar.n)

        return show


def print_notices(loaded: Analyzer) -> None:
    """Print, as notes, what a user must see before trusting any result of an Analyzer."""
    for notice in loaded.notices:
        streams.print_note(notice)


def print_summary(result: Timeline, written: Sequence[Path], name: str | None = None) -> None:
    """Print the shares of a timeline and the written files, below the name of the recording if it is given."""
    from emorec.output.summary import (
        affect_in_words,
        by_prior_in_words,
        length,
        missing_evidence,
        rows_in_words,
        summary,
    )

    figures = summary(result)
    if name:
        print(f"{streams.harmless(name)}:")
    if figures.warning:
        print(figures.warning)
    print(
        f"{length(figures.seconds)}, {rows_in_words(result)} of {result.step:g} s, fusion {result.fusion}, "
        f"prior {result.prior.name}"
    )
    if figures.too_little and figures.shares and figures.known < 1:
        print(f"  in the {length(figures.known_seconds)} with evidence:")
    for emotion, share in figures.shares.items():
        if share > 0:
            print(f"  {EMOJI[emotion]} {emotion:<{NAME_WIDTH}} {share:6.1%}")
    if figures.unsure > 0:
        print(f"  ❔ {'unsure':<{NAME_WIDTH}} {figures.unsure:6.1%}")
    if affect := affect_in_words(figures):
        print(f"  {affect}")
    if line := sparkline.on_terminal(result):
        print(f"  {line}")
    for person in result.people:
        print(f"  {streams.harmless(shown(person.name))}: {_person_in_words(person)}")
    if not figures.known:
        lacking = missing_evidence(result)
        print(f"  {lacking[0].lower()}{lacking[1:]}")
    elif not figures.too_little:  # else the first line has already said how little evidence there is
        print(f"  evidence for {figures.known:.0%} of the time")
    if led := by_prior_in_words(figures):
        print(f"  {led}")
    _print_highlights(result)
    for path in written:
        print(f"wrote {streams.harmless(str(path))}")


def _person_in_words(person: Timeline) -> str:
    """The emotions of one person, and how long the face is seen, or the voice of one who is only heard."""
    from emorec.output.summary import shares_in_words, summary

    figures = summary(person)
    seen = f"voice heard {figures.speech:.0%}" if person.only_heard else f"face seen {figures.face:.0%}"
    return f"{shares_in_words(figures)}, {seen} of the time"


def _print_highlights(result: Timeline) -> None:
    """The highlights in order of time, then the most negative minutes of a recording that has several."""
    from emorec.output.chart_data import clock
    from emorec.output.highlights import find_highlights
    from emorec.output.negative import NONE, has_minutes, most_negative

    if found := find_highlights(result):
        print("  highlights:")
    for each in found:
        print(f"    {clock(each.start):>8}  {each.sentence} ({each.reason})")
    if has_minutes(result):
        lowest = most_negative(result)
        print("  most negative minutes:" if lowest else f"  {NONE}")
        for each in lowest:
            print(f"    {clock(each.start):>8}  {each.text} ({each.reason})")


def print_info(loaded: Analyzer) -> None:
    """Print the weights of an Analyzer, the priors, and the measured accuracy and limits of the weights."""
    from emorec.models import provenance
    from emorec.output import trust
    from emorec.settings import cache_folder

    model, origin = loaded.model, loaded.origin
    assert origin is not None  # as ``analyzer.load`` sets it
    print(f"emorec {__version__}")
    print(f"weights        {origin}")
    if origin.repo:
        print(f"commit         {origin.commit}")
        print(f"folder         {origin.folder}")
    print(f"sha256         {origin.sha256}")
    print(f"fingerprint    {model.fingerprint[:16]}")
    print(f"detector       {loaded.detector_file or 'bundled'}")
    print(f"cache          {cache_folder()}")
    for name in ("face", "voice", "fusion"):
        print(f"{name + ' network':<15}{sum(p.numel() for p in getattr(model, name).parameters()):,} parameters")
    _print_priors()
    measured = trust.measured_on(model.evaluation)
    print(f"\n{measured[0].lower()}{measured[1:]} (in brackets: 95 % interval):")
    for protocol in provenance.protocols(model.evaluation):
        print(f"  {protocol.name}: {protocol.what} ({protocol.metric}, {protocol.items:,} items)")
        width = max([NAME_WIDTH + 4, *(len(result.way) + 1 for result in protocol.results)])
        for result in protocol.results:
            print(f"    {result.way:<{width}}{result.text(width=6)}")
    if not model.evaluation:
        print("  nothing yet; run python train/evaluate.py")
    print("\nlimits:")
    for limit in provenance.limits(model.training):
        print(f"  - {limit}")
    for notice in loaded.notices:
        print(f"\n{notice}")


def _print_priors() -> None:
    from emorec.inference import prior

    shares = sorted(zip(prior.EVERYDAY, EMOTIONS, strict=True), reverse=True)
    print("\npriors, how common each emotion is expected to be (--prior):")
    print(f"  everyday  {', '.join(f'{emotion} {share:.0%}' for share, emotion in shares)} (default)")
    print(f"  even      each emotion {1 / len(EMOTIONS):.0%}")
    print("  adaptive  estimated from the recording itself, starting from everyday")
