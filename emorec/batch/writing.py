"""The files of one item's results, in the folder of the item."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emorec import files
from emorec.errors import EmorecError
from emorec.extraction import people_changes
from emorec.library.schema import GRID, NAMES, SUFFIX
from emorec.library.tables import write_tables
from emorec.output import formats, names, result_names, tables
from emorec.output.summary import summary

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer
    from emorec.batch.choices import Choices
    from emorec.extraction.features import Features
    from emorec.timeline import Timeline

PEOPLE, CHART = ".people.json", ".png"
APART = ".result"  # added to the name of a recording that is called like a table, such as windows.mp4


def write(
    folder: Path,
    choices: Choices,
    loaded: Analyzer,
    timeline: Timeline,
    features: Features,
    tell: Callable[[str], object] | None = None,
) -> tuple[tuple[str, ...], list[EmorecError]]:
    """Write the results of an item to its folder; return the names of the files, and why others cannot be written.

    Each file is written completely or not at all, under the names that ``emorec analyze --out`` gives. A names file
    that somebody changed is kept, and ``tell`` is called with a sentence about it; the one that was given is kept too.
    Raises OSError if the tables of the library cannot be written.
    """
    files.remove_partials(folder)  # an item has one process at a time
    name = _name(folder, choices, timeline)
    write_tables(folder, timeline, features, loaded.model)
    people = choices.inferring.get("people")
    writers: dict[str, Callable[[Path], object]] = {}  # by the ending of their files
    for form in (formats.FORMATS[chosen] for chosen in choices.formats):
        writers[form.suffix] = functools.partial(form.write, timeline, locale=choices.locale)
    if people or len(features.persons) > 1:
        writers[PEOPLE] = functools.partial(_write_people, loaded, features, choices, tell)
    if choices.plot:
        from emorec.output import charts

        writers[CHART] = functools.partial(charts.save, timeline)
    if choices.report:
        writers[names.REPORTS[choices.blur]] = functools.partial(
            loaded.save_report, timeline, features=features, people=people, blur=choices.blur
        )
    written, problems = [f"{table}{SUFFIX}" for table in NAMES], list[EmorecError]()
    for ending, writer in writers.items():
        try:
            writer(folder / f"{name}{ending}")
            written.append(f"{name}{ending}")
        except EmorecError as error:  # the other files are still written
            problems.append(error)
    return tuple(written), problems


def _write_people(
    loaded: Analyzer, features: Features, choices: Choices, tell: Callable[[str], object] | None, path: Path
) -> None:
    people = choices.inferring.get("people")
    if people_changes.is_given(path, choices.people_file):
        return
    if not people_changes.is_changed(path, named=not people):
        loaded.save_people(features, path, people=people)
    elif tell:
        tell(people_changes.KEPT.format(name=path.name))


def _name(folder: Path, choices: Choices, timeline: Timeline) -> str:
    """The name of the results, which is never that of one of the tables of the library."""
    name = result_names.file_name(Path(str(timeline.media.get("name") or folder.name)).stem, timeline, "")
    endings = {formats.FORMATS[chosen].suffix for chosen in choices.formats}
    return f"{name}{APART}" if SUFFIX in endings and name.lower() in (*NAMES, GRID) else name


def facts(timeline: Timeline, features: Features) -> dict[str, Any]:
    """What the manifest says of a result, as keywords of ``Outcome``."""
    figures = summary(timeline)
    return {
        "duration": round(timeline.duration, 3),
        "persons": len(features.persons),
        "face_share": round(figures.face, 6),
        "speech_share": round(figures.speech, 6),
        "model": features.fingerprint,
        "features": features.key,
        "choices": json.dumps(tables.choices(timeline), allow_nan=False),
    }
