"""The progress of a job as the page shows it, and how it has ended."""

import time
from collections.abc import Iterator
from dataclasses import replace

from emorec.extraction.features import Features
from emorec.ui import fragments
from emorec.ui.jobs.job import Job
from emorec.ui.page.analysis import Analysis

REFRESH = 1.0  # seconds between two updates of the chart
POLL = 0.5  # seconds between two checks of a job; Cancel takes no longer than this
SOUND_ONLY = "Only the sound was analysed; for faces, choose another fusion and press Analyze again."
PAUSED = " · paused for a shorter recording of another visitor"


def watch(job: Job, analysis: Analysis, stops: bool = True) -> Iterator[tuple[Analysis, str] | None]:
    """Yield the Analysis and its progress as HTML while a job runs, and None if nothing has changed.

    Closing the generator stops the job if ``stops``; the features that it has extracted are kept.
    """
    began = job.began  # not now, because the job of a page that is reloaded has run for some time
    updated = time.monotonic()
    first: tuple[float, float] | None = None  # when the first features came (s), and how far they went (s)
    ahead = 0
    try:
        while True:
            running = job.running
            job.wait(POLL)
            now, features = time.monotonic(), job.features
            if job.path != analysis.path:
                analysis = replace(analysis, path=str(job.path), facts=job.facts)
            if features is None:
                yield analysis, waiting(job)
            elif job.jobs_ahead != ahead:  # paused, or continued
                ahead = job.jobs_ahead
                words, share = pace(features, first or (now, features.until), now)
                yield analysis, fragments.progress(words + (PAUSED if ahead else ""), share)
            elif features is not analysis.features and (first is None or now - updated >= REFRESH or features.complete):
                first, updated = first or (now, features.until), now
                analysis = replace(analysis, features=features, seconds=now - began, stored=job.stored)
                yield analysis, fragments.progress(*pace(features, first, now))
            else:
                yield None
            if not running:
                break
        analysis = replace(analysis, features=job.features, seconds=time.monotonic() - began)
        yield replace(analysis, problem=job.problem), fragments.progress("Done …", 1.0)
    finally:
        if stops:
            job.stop()


def waiting(job: Job) -> str:
    """What a job does before its first features, as HTML."""
    if job.links_ahead:
        others = "one link" if job.links_ahead == 1 else f"{job.links_ahead} links"
        return fragments.progress(f"Waiting to fetch the link, place {job.links_ahead + 1}: {others} before yours …")
    if job.jobs_ahead:
        others = "one analysis" if job.jobs_ahead == 1 else f"{job.jobs_ahead} analyses"
        return fragments.progress(f"In the queue, place {job.jobs_ahead + 1}: {others} before yours …")
    if job.fetched is not None:
        return fragments.progress("Fetching the link", job.fetched)
    return fragments.progress("Looking and listening …" if job.path else "Following the link …")


def pace(features: Features, first: tuple[float, float], now: float) -> tuple[str, float]:
    """The progress of a job as text, and the part done (0 to 1).

    ``first`` is when its first features came and how far they went (both s); ``now`` is the current time (s).
    """
    done, total = features.until, max(features.duration, features.until)
    began, before = first
    words = f"{fragments.clock(done)} of {fragments.clock(total)}"
    if now > began and done > before:
        speed = (done - before) / (now - began)
        words += f" · {speed:.1f}× real time · {fragments.clock((total - done) / speed)} left"
    return words, done / total if total else 0.0


def outcome(analysis: Analysis) -> str:
    """How a job ended, as HTML."""
    features = analysis.features
    if analysis.problem:
        words = ""
    elif features is None:
        words = "Stopped before anything was analysed."
    elif not features.complete:
        words = (
            f"Stopped at {fragments.clock(features.until)} of {fragments.clock(features.duration)}. "
            "What was analysed until then is kept, and Analyze goes on from there."
        )
    elif analysis.stored:
        length = fragments.clock(features.duration)
        words = f"Analysed before: {length} loaded from the store; nothing was decoded again."
    else:
        words = f"Analysed {fragments.clock(features.duration)} in {analysis.seconds:.1f} s."
    problem = fragments.callout(analysis.problem, "problem") if analysis.problem else ""
    warnings = "".join(fragments.callout(note) for note in features.notes) if features else ""
    if features and analysis.pictures_ignored:
        warnings += fragments.callout(SOUND_ONLY)
    status = f'<div class="words" role="status">{words}</div>' if words else ""
    return f"{status}{problem}{warnings}"
