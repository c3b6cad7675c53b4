"""What is made of a recording of the list of several: its figures, its files, and the choices behind them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from emorec.extraction.features import Features
from emorec.extraction.options import Settings
from emorec.media.integrity import is_damage
from emorec.output import formats
from emorec.output.chart_data import has_pictures
from emorec.output.markers import with_markers
from emorec.output.summary import Summary, all_choices_in_words, summary
from emorec.ui.page.analysis import infer
from emorec.ui.service import Service
from emorec.ui.sessions.batch import Item
from emorec.ui.sessions.memory import NOTHING, Said


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What all recordings of a list are analysed with: ``inference`` are arguments of ``Analyzer.infer``."""

    checkpoint: str
    settings: Settings
    inference: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What is known of a recording that is done: its length (s), the number of persons, its summary, the name of its
    entry among the recent analyses, the ``files`` of its results by format, ``how`` it was analysed (in words),
    whether its faces were analysed too, what is missing because of ``damage`` (in words, "" if nothing is), and what
    the visitor has ``said`` of it.

    ``remake`` makes the figures anew from the features and what the visitor says of the recording.
    """

    duration: float
    persons: int
    summary: Summary
    recent: str
    files: dict[str, Path]
    how: str
    has_faces: bool
    damage: str = ""
    said: Said = NOTHING
    remake: Callable[[Features, Said], Figures] | None = None

    @property
    def dominant(self) -> str:
        """The emotion with the largest share of the time, "" without evidence."""
        return next((name for name, share in self.summary.shares.items() if share > 0), "")


def figures(
    service: Service,
    item: Item,
    facts: dict,
    choices: Choices,
    recent: str,
    folder: Path,
    features: Features,
    said: Said = NOTHING,
) -> Figures:
    """The figures of a recording from its complete features, with what the visitor has said of it; its results are
    written into a folder. ``facts`` is the source of the recording. Raises EmorecError."""
    # Of the same content under two names, the features may be those of the other.
    name = Path(item.path or item.name).name
    features = replace(features.with_people(said.people), media=features.media | {"name": name})
    analyzer = service.analyzer_for(features, choices.checkpoint)
    timeline = infer(analyzer, features, facts, **choices.inference)
    if said.markers:
        timeline = with_markers(timeline, said.markers, shared=True)
    folder.mkdir(exist_ok=True)  # without its parents: those that are deleted stay so
    results = {kind: folder / f"{item.id}.{kind}" for kind in ("csv", "json")}
    for kind, file in results.items():
        formats.FORMATS[kind].write(timeline, file)
    return Figures(
        duration=timeline.duration,
        persons=len(features.persons),
        summary=summary(timeline),
        recent=recent,
        files=results,
        how=all_choices_in_words(timeline),
        has_faces=has_pictures(timeline),
        damage=" ".join(filter(is_damage, features.notes)),
        said=said,
        remake=functools.partial(figures, service, item, facts, choices, recent, folder),
    )
