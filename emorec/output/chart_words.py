"""The texts of a chart: its title, and a description for people who do not see it."""

from __future__ import annotations

from pathlib import Path

from emorec import files
from emorec.affect import SOURCE
from emorec.inference.timeline import Timeline
from emorec.output import lane_data
from emorec.output.chart_data import clock
from emorec.output.summary import MIN_NAMED, choices_in_words, summary

KINDS = {
    "stacked": "Probabilities of seven emotions over time, stacked",
    "lines": "Probabilities of seven emotions over time, as lines",
    "valence_arousal": "Valence and arousal over time, as lines",
}
LOOKS = {"stacked": "hatched", "lines": "dotted", "valence_arousal": "dotted"}  # of unsure time


def titles(timeline: Timeline, style: str) -> tuple[str, list[str]]:
    """The title of a saved chart, and the lines below it."""
    unsure = f"{LOOKS[style]}: unsure (confidence below {timeline.unsure_below:.0%}, or no evidence of its own)"
    derived = f"Valence and arousal are derived from the probabilities of the emotions ({SOURCE})."
    lines = [
        summary(timeline).warning,
        derived if style == "valence_arousal" else "",
        files.shown(f"{choices_in_words(timeline)}; {unsure}, blank: no evidence"),
        lane_data.left_out(len(timeline.people)),
    ]
    return Path(str(timeline.media.get("name", ""))).name or "Emotions over time", [line for line in lines if line]


def description(timeline: Timeline, style: str, span: tuple[float, float]) -> str:
    """A chart of ``span`` (s) in a few sentences: what it shows, and how much of the time each emotion has."""
    figures = summary(timeline)
    shares = [f"{name} {share:.0%}" for name, share in figures.shares.items() if share >= MIN_NAMED]
    if figures.unsure >= MIN_NAMED:
        shares.append(f"unsure {figures.unsure:.0%}")
    persons = len(timeline.people)
    lanes = f", a lane for the mean and for each of {persons} persons" if persons else ""
    shown = f"{KINDS[style]}, from {clock(round(span[0], 1))} to {clock(round(span[1], 1))}{lanes}."
    if not shares:
        return f"{shown} There is no evidence."
    return (
        f"{shown} Share of the time with evidence: {', '.join(shares)}. Evidence for {figures.known:.0%} of the time."
    )
