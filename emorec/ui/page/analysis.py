"""The analysis that the page shows: its state, its persons, its timeline, and the rows of its table."""

import hashlib
import itertools
import json
import math
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from gradio.components.plot import PlotData

from emorec.analyzer import Analyzer
from emorec.extraction.features import Features
from emorec.extraction.options import WHOLE, Settings
from emorec.extraction.people import VOICE_NAMES
from emorec.extraction.persons import seconds_shown
from emorec.extraction.spoken import PERSON as VOICE_PERSON
from emorec.inference.people import ALL, SPEAKER
from emorec.inference.timeline import Timeline
from emorec.models.checkpoint import Checkpoint
from emorec.output import tables
from emorec.ui.file_fragments import is_sound
from emorec.ui.overview import parse_part

MAX_PERSONS = 12  # in the list of persons: those who are seen longest
PAGE_ROWS = 500  # of the table of all rows; thousands make a browser slow
TABLE_DIGITS = 2
FIRST = ("start", "dominant", "confidence")  # first columns of that table; a click on a row goes to its start
OF_PERSONS = ("person", "name")
TIMES = ("start", "end")
HOUR = 3600
TAG = 8  # characters of the name of a recording in the address of the page
VEGA_LITE = "https://vega.github.io/schema/vega-lite/v5.json"
ANYONE = ("whoever is visible", -1)  # text and value of the choice of no person
EVERYBODY = ("all persons", ALL)
WHO_SPEAKS = ("the person who speaks", SPEAKER)
BUSY = "An analysis is running; wait until it is done, or cancel it first."

_revisions = itertools.count(1)


def new_revision() -> int:
    """A new number for the ``revision`` of the page, which draws the timeline again when it changes."""
    return next(_revisions)


@dataclass(frozen=True, eq=False, kw_only=True)
class Analysis:
    """A recording, and what its analysis has found so far.

    ``path`` or ``link``: the recording; ``facts``: the source of a recording from a link, and ``sound_only``: whether
    only its sound was downloaded. ``checkpoint``: the name of the checkpoint that extracted ``features``; ``settings``:
    those of the extraction; ``stored``: whether all features were found in the cache; ``running``: whether the job
    still runs; ``seconds``: how long it took; ``problem``: a sentence if it failed; ``title``: the name of a recording
    that is no file; ``rows``: a stored timeline without features; ``source``: the component in which the file was
    chosen; ``id``: a random name of this analysis, new for each recording that is chosen or opened.
    """

    path: str = ""
    link: str = ""
    checkpoint: str = ""
    features: Features | None = None
    running: bool = False
    seconds: float = 0.0
    stored: bool = False
    problem: str = ""
    facts: dict = field(default_factory=dict)
    sound_only: bool = False
    settings: Settings = WHOLE
    title: str = ""
    rows: Timeline | None = None
    source: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    @property
    def pictures_ignored(self) -> bool:
        """Whether the recording may have pictures, but only its sound was analysed."""
        return self.sound_only or not (self.settings.faces or is_sound(self.path or self.title))

    @property
    def name(self) -> str:
        """The name for downloads, without a suffix."""
        return Path(self.path).stem or self.title or "emorec"

    @property
    def key(self) -> str | None:
        """The key under which the features are stored; None if nothing is stored, as of a live session."""
        return (self.features.key or None) if self.features else None

    @property
    def tag(self) -> str:
        """A short name of the recording for the address of the page, from which the file name cannot be read.

        It is the same in every visit for the same content, analysed with the same choices before Analyze.
        """
        result = self.features or self.rows
        return tag(self.key or f"{self.name} {result.duration if result else 0:.3f}")


def tag(identity: str) -> str:
    """The short name of a recording from the key of its features, or from what else identifies it."""
    return hashlib.sha256(identity.encode()).hexdigest()[:TAG]


def person_choices(features: Features) -> list[tuple[str, int | str]]:
    """The choices of a person, as (text, value): ANYONE, EVERYBODY if there are several persons, WHO_SPEAKS if it is
    known who speaks, and then the persons who are seen longest."""
    arrays, seconds = features.arrays, max(features.until - features.start, 1e-9)
    found, shown = features.persons[:MAX_PERSONS], seconds_shown(arrays, features.until)
    shares = {number: float(shown[arrays["face_person"] == number].sum()) / seconds for number in found}
    seen = {number: f"seen {share:.0%} of the time" for number, share in shares.items()}
    words = {number: "only heard" if number in VOICE_NAMES else told for number, told in seen.items()}
    more = [EVERYBODY] if len(found) > 1 else []
    more += [WHO_SPEAKS] if found and VOICE_PERSON in arrays else []
    names = features.names
    return [ANYONE, *more, *((f"{names[number]}, {words[number]}", number) for number in found)]


def infer(analyzer: Analyzer, features: Features, facts: dict | None = None, **choices: Any) -> Timeline:
    """The timeline of features; ``facts`` is the source of the recording.

    ``choices`` are those of ``Analyzer.infer``. Raises EmorecError.
    """
    timeline = analyzer.infer(features, **choices)
    return replace(timeline, media=timeline.media | (facts or {}))


def made_by(timeline: Timeline, model: Checkpoint) -> Checkpoint | None:
    """``model`` if it made a stored timeline, else None, because its accuracy says nothing about other weights."""
    return model if timeline.choices.get("fingerprint") == model.fingerprint else None


def table_columns(timeline: Timeline | None) -> list[str]:
    """The columns of the table of all rows, without those about persons if there are none.

    The most important columns come first, because a phone shows only these.
    """
    nobody = timeline is not None and not timeline.people and not (timeline.person >= 0).any()
    return [*FIRST, *(name for name in tables.COLUMNS if name not in FIRST and not (nobody and name in OF_PERSONS))]


def table_rows(timeline: Timeline, page: int) -> tuple[list[list[Any]], int]:
    """The rows of a page (from 1 on) of the table of all rows, with ``table_columns``, and the number of pages.

    Times are texts of equal length, so that they can be sorted as text: "00:13.0", or "0:00:13.0" in a recording of an
    hour or more. They have two decimals if not all rows begin at a tenth of a second, because a click on a row goes to
    the time that the row shows.
    """
    steps = max(1, PAGE_ROWS // len(timeline.each))
    pages = max(1, -(-len(timeline) // steps))
    first = steps * (min(max(int(page), 1), pages) - 1)
    last = min(first + steps, len(timeline)) - 1
    if last < first:
        return [], pages
    middle = (timeline.start + timeline.end) / 2
    cut = timeline.between(float(middle[first]), float(middle[last]))
    until = float(timeline.end[-1])
    digits = 1 if np.allclose(timeline.start, timeline.start.round(1), rtol=0, atol=1e-6) else 2
    names = table_columns(timeline)
    return [[_shown(name, row[name], until, digits) for name in names] for row in tables.table(cut)], pages


def _shown(name: str, value: Any, until: float, digits: int) -> Any:
    if name in TIMES:
        return _padded(value, until, digits)
    return round(value, TABLE_DIGITS) if isinstance(value, float) else value


def _padded(seconds: float, until: float, digits: int) -> str:
    # Rounded up, because an earlier time would be in the row before.
    shown = round(seconds, 1) if digits == 1 else math.ceil(seconds * 100 - 1e-6) / 100
    minutes, rest = divmod(shown, 60)
    words = f"{rest:0{digits + 3}.{digits}f}"
    if until < HOUR:
        return f"{minutes:02.0f}:{words}"
    return f"{minutes // 60:.0f}:{minutes % 60:02.0f}:{words}"


def plot_data(spec: dict[str, Any]) -> PlotData:
    """A specification of Vega-Lite for ``gr.Plot``, under the version of Vega-Lite that Gradio's own script draws.

    Otherwise the browser's console warns at every drawing. The chart uses nothing that this version lacks.
    """
    return PlotData(type="altair", plot=json.dumps(spec | {"$schema": VEGA_LITE}))


def cut_to_part(timeline: Timeline, part: str, only: bool) -> Timeline:
    """The timeline for summary, table and downloads: with ``only`` the ``part`` that the chart shows, else all."""
    found = parse_part(part, timeline) if only else None
    return timeline.between(*found) if found else timeline
