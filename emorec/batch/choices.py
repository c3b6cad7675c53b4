"""What every recording of a batch is analyzed with, in values that can be sent to another process or machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from emorec.download import MAX_HEIGHT, check_height
from emorec.errors import EmorecError
from emorec.extraction import options as extraction
from emorec.extraction import people_file
from emorec.extraction.channels import SPLIT
from emorec.inference import baseline_choice, people, prior
from emorec.inference import options as inference
from emorec.output import formats as output_formats
from emorec.output import tables

DEFAULT_FORMATS = "csv,json"
# Left out of the digest: they say where a batch runs. The model's fingerprint is added, and what a names file contains.
PLACES = ("model", "device", "cache", "threads", "people_file")
BLUR_ALONE = "--blur hides faces in the report; give --report as well, or leave it out."


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices of a batch.

    ``inferring`` are keywords of ``Analyzer.infer``. ``formats`` are names of ``output.formats.FORMATS``. ``model`` and
    ``device`` are as in ``Analyzer.from_pretrained``. ``cache`` is the folder of stored features, None for the usual
    one. ``threads`` is how many threads torch may use in one process, 0 for its own choice. ``people_file`` is the file
    that the people in ``inferring`` are from, None without one.
    """

    inferring: Mapping[str, Any] = field(default_factory=dict[str, Any])
    extracting: extraction.Settings = extraction.WHOLE
    formats: tuple[str, ...] = ("csv", "json")
    locale: str = output_formats.DEFAULT_LOCALE
    plot: bool = False
    report: bool = False
    blur: bool = False
    max_height: int = MAX_HEIGHT
    model: str | None = None
    device: str = "auto"
    cache: Path | None = None
    threads: int = 0
    people_file: Path | None = None

    def digest(self, fingerprint: str) -> str:
        """A hash of everything that decides the results, with the ``fingerprint`` of the model."""
        values = dataclasses.asdict(self)
        for place in PLACES:
            del values[place]
        if not self.extracting.faces and self.extracting.channel != SPLIT:
            values["inferring"]["person"] = None  # nobody can be chosen there
        for person in (values["inferring"].get("people") or {}).get("persons", ()):
            for track in person["tracks"] or ():
                track.pop("end")  # earlier versions did not read it, and it changes hardly any result
        baseline = baseline_choice.resolve(self.inferring.get("baseline", baseline_choice.DEFAULT))
        if baseline.known is not None:  # a file counts by its content, whatever its name
            values["inferring"]["baseline"] = baseline.name, str(baseline.known)
        if people := values["inferring"].get("people"):
            for name in ("highest", "recording"):  # they decide the number of a divided person and a note, but no row
                people.pop(name, None)
        text = json.dumps([values, fingerprint], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def build(
    inferring: Mapping[str, Any],
    extracting: Mapping[str, Any],
    formats: str | Iterable[str] = DEFAULT_FORMATS,
    **others: Any,
) -> tuple[Choices, str]:
    """Build the Choices from what a user gave; also a notice about formats that are left out ("": none).

    ``inferring`` are keywords of ``Analyzer.infer``, ``extracting`` those of ``extraction.options.Settings`` apart from
    the modalities, ``others`` those of Choices. The files that they name are read here, so that every recording gets
    the same content. Raises EmorecError for a choice that cannot be used.
    """
    inferring = dict(inferring)
    person = people.checked_person(inferring.pop("person", None))
    given = inferring.get("people")
    named = Path(given).resolve() if isinstance(given, str | PathLike) else None
    inferring["people"] = people_file.resolve(given)
    inferring["prior"] = prior.resolve(inferring.get("prior", prior.DEFAULT))
    inference.check(**{name: value for name, value in inferring.items() if name != "people"})
    baseline = baseline_choice.resolve(inferring.get("baseline", baseline_choice.DEFAULT))
    if baseline.known is not None:
        inferring["baseline"] = baseline  # with the content of the file as it is now
    used = extraction.checked_modalities(extraction.MODALITIES, inferring.get("fusion", "late"))
    settings = extraction.Settings(faces="face" in used, voices="voice" in used, **extracting)
    extraction.check(settings)
    inferring["person"] = person
    names, notice = output_formats.parse_names(formats)
    choices = Choices(inferring=inferring, extracting=settings, formats=tuple(names), people_file=named, **others)
    tables.check_locale(choices.locale)
    check_height(choices.max_height)
    if choices.blur and not choices.report:
        raise EmorecError(BLUR_ALONE)
    return choices, notice
