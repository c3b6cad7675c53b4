"""What a visitor's session holds, and how it goes through an analysis. It knows no component of the page."""

import mimetypes
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from gradio.utils import get_upload_folder

from emorec import download
from emorec.extraction.features import Features
from emorec.extraction.options import WHOLE, Settings
from emorec.output import charts
from emorec.ui import fragments

REFRESH = 1.0  # seconds between two reports of progress
LOOK = 0.5  # seconds between two looks at a run; a click on Cancel waits no longer
MOST_PERSONS = 12  # to choose from, the most seen ones
NO_FILE = "Choose a video or audio file first."
NO_LINK = "Paste a link first, one that begins with http:// or https://."
SOUND_ONLY = "Only the sound was analysed; for faces, choose another fusion and press Analyze again."
PAUSED = " · shorter recordings of others have their turn"
ANYONE = ("whoever is seen most", -1)  # the words and the value of no choice


@dataclass(frozen=True, eq=False)
class Analysis:
    """A recording and what is known of it so far; ``checkpoint`` is the name of what observed it.

    ``settings`` say what of it is observed; ``stored`` tells that it was all known from an earlier analysis; ``facts``
    say where a link's recording is from, and ``sound_only`` that its pictures were not fetched.
    """

    path: str = ""
    link: str = ""
    checkpoint: str = ""
    observations: Features | None = None
    running: bool = False
    seconds: float = 0.0
    stored: bool = False
    problem: str = ""
    facts: dict = field(default_factory=dict)
    sound_only: bool = False
    settings: Settings = WHOLE

    @property
    def without_pictures(self):
        """Whether there may be pictures that were not looked at."""
        kind = mimetypes.guess_type(self.path)[0] or ""
        return self.sound_only or not (self.settings.faces or kind.startswith("audio/"))

    @property
    def name(self):
        """What its files are called."""
        return Path(self.path).stem or "emorec"


def upload_folder():
    """Where Gradio keeps uploads, and may serve files from."""
    return Path(get_upload_folder())


def watch(run, analysis):
    """Yield (Analysis, words about it as HTML) while a run goes on, None while there is no news.

    Closing it ends the run soon and keeps what was observed.
    """
    began = reported = time.monotonic()
    first, ahead = None, 0
    try:
        while True:
            going = run.running
            run.wait(LOOK)
            now, seen = time.monotonic(), run.observations
            if run.path != analysis.path:
                analysis = replace(analysis, path=str(run.path), facts=run.facts)
            if seen is None:
                yield analysis, waiting(run)
            elif run.ahead != ahead:  # others have their turn in between
                ahead = run.ahead
                words, share = pace(seen, first or (now, seen.until), now)
                yield analysis, fragments.progress(words + (PAUSED if ahead else ""), share)
            elif seen is not analysis.observations and (first is None or now - reported >= REFRESH or seen.complete):
                first, reported = first or (now, seen.until), now
                analysis = replace(analysis, observations=seen, seconds=now - began, stored=run.stored)
                yield analysis, fragments.progress(*pace(seen, first, now))
            else:
                yield None
            if not going:
                break
        analysis = replace(analysis, observations=run.observations, seconds=time.monotonic() - began)
        yield replace(analysis, problem=run.problem), fragments.progress("Done …", 1.0)
    finally:
        run.stop()


def waiting(run):
    """What a run does before its first observations, as HTML."""
    if run.link_ahead:
        others = "one link" if run.link_ahead == 1 else f"{run.link_ahead} links"
        return fragments.progress(f"Waiting to fetch the link, place {run.link_ahead + 1}: {others} before yours …")
    if run.ahead:
        others = "one analysis" if run.ahead == 1 else f"{run.ahead} analyses"
        return fragments.progress(f"In the queue, place {run.ahead + 1}: {others} before yours …")
    if run.fetched is not None:
        return fragments.progress("Fetching the link", run.fetched)
    return fragments.progress("Looking and listening …" if run.path else "Following the link …")


def pace(observations, first, now):
    """Words and share done of a run; ``first`` is when its first observations came (s) and how far they went."""
    done, total = observations.until, max(observations.duration, observations.until)
    began, before = first
    words = f"{fragments.clock(done)} of {fragments.clock(total)}"
    if now > began and done > before:
        speed = (done - before) / (now - began)
        words += f" · {speed:.1f}× real time · {fragments.clock((total - done) / speed)} left"
    return words, done / total if total else 0.0


def outcome(analysis):
    """How a run ended, as HTML."""
    seen = analysis.observations
    if analysis.problem:
        told = fragments.callout(analysis.problem)
    elif seen is None:
        told = "Stopped before anything was analysed."
    elif not seen.complete:
        told = (
            f"Stopped at {fragments.clock(seen.until)} of {fragments.clock(seen.duration)}. "
            "What was analysed until then is kept, and Analyze goes on from there."
        )
    elif analysis.stored:
        told = f"Analysed before: {fragments.clock(seen.duration)} found in store, nothing was decoded again."
    else:
        told = f"Analysed {fragments.clock(seen.duration)} in {analysis.seconds:.1f} s."
    notes = "".join(fragments.callout(note) for note in seen.notes) if seen else ""
    if seen and analysis.without_pictures:
        notes += fragments.callout(SOUND_ONLY)
    return f'<div class="told" role="status">{told}</div>{notes}'


def persons(observations):
    """Choices of a person, the most seen first, after ANYONE: (words, number)."""
    arrays = observations.arrays
    frames = max(len(arrays["frame_time"]), 1)
    found = observations.persons[:MOST_PERSONS]
    shares = {number: (arrays["face_person"] == number).sum() / frames for number in found}
    return [ANYONE, *((f"person {number}, in {share:.0%}", number) for number, share in shares.items())]


def fetcher(url, folder, sound_only=False):
    """A function for Run that follows a link into ``folder``; it reports the share that has arrived, and gives the
    file and what results say of where it is from."""

    def fetch(arrived):
        def report(progress):
            arrived(min(progress.done / progress.total, 1.0) if progress.total else None)

        fetched = download.fetch(url, folder, progress=report, sound_only=sound_only)
        return str(fetched.path), fetched.facts

    return fetch


def draw(analyzer, observations, style="stacked", facts=None, **choices):
    """A timeline by the choices, and its chart as the page shows it; ``facts`` say where the recording is from.

    Raises EmorecError for choices out of range.
    """
    timeline = analyzer.infer(observations, **choices)
    timeline = replace(timeline, media=timeline.media | (facts or {}))
    return timeline, charts.timeline_chart(timeline, legend=False, style=style)
