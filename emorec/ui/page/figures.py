"""The result of one recording of the list: its figures, its files, and the choices that it was made with."""

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
from emorec.ui.sessions.memory import NO_EDITS, Edits


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices with which a list of recordings is analysed; ``inference`` are arguments of ``Analyzer.infer``."""

    checkpoint: str
    settings: Settings
    inference: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The result of a recording: its ``duration`` (s), the number of ``persons``, and its ``summary``.

    ``recent`` is the id of its entry among the recent analyses, ``files`` are its result files by format, ``how`` are
    the choices it was made with (in words), ``has_faces`` is whether its pictures were analysed, and ``damage`` says
    what is missing because the file is damaged ("" if nothing is). ``edits`` are those of the visitor. ``remake`` makes
    the figures again from the features and other edits.
    """

    duration: float
    persons: int
    summary: Summary
    recent: str
    files: dict[str, Path]
    how: str
    has_faces: bool
    damage: str = ""
    edits: Edits = NO_EDITS
    remake: Callable[[Features, Edits], Figures] | None = None

    @property
    def dominant(self) -> str:
        """The emotion with the largest share of the time, "" without evidence."""
        return next((name for name, share in self.summary.shares.items() if share > 0), "")


def make_figures(
    service: Service,
    item: Item,
    facts: dict,
    choices: Choices,
    recent: str,
    folder: Path,
    features: Features,
    edits: Edits = NO_EDITS,
) -> Figures:
    """The figures of a recording from its complete features and the visitor's edits; its results are written.

    ``facts`` is the source of the recording, ``folder`` that of the results. Raises EmorecError.
    """
    # If the same content has two names, the features may have the other name.
    name = Path(item.path or item.name).name
    features = replace(features.with_people(edits.people), media=features.media | {"name": name})
    analyzer = service.analyzer_for(features, choices.checkpoint)
    timeline = infer(analyzer, features, facts, **choices.inference)
    if edits.markers:
        timeline = with_markers(timeline, edits.markers, shared=True)
    folder.mkdir(exist_ok=True)  # without its parents, which must not come back after a deletion
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
        edits=edits,
        remake=functools.partial(make_figures, service, item, facts, choices, recent, folder),
    )
