"""The formats in which a timeline can be written: docs/SCHEMA.md describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from emorec import files
from emorec.errors import EmorecError, install_command, require
from emorec.inference.timeline import Timeline
from emorec.output import eaf, emotionml, labels, parquet, subtitles, tables, textgrid, workbook

ALL = "all"  # stands for every format
DEFAULT_LOCALE = "en"
EXTRA = "exports"  # the extra that installs what the formats need
UNKNOWN = "The format {name!r} does not exist; choose from {known}, all."
NO_SUFFIX = "{file} does not end as a result of emorec does ({known}); use one of these endings, or give a format."
LEFT_OUT = "{formats} left out, for which packages are missing: run {command}."


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format: the ``suffix`` of its files, its name in ``words``, and the functions that make its content.

    ``content`` returns text or bytes, ``parts`` the same text part by part, for formats that may be very long. With
    ``localized`` both take a locale as second argument. ``needs`` is the package that the format needs, "" for none.
    """

    suffix: str
    words: str
    content: Callable[..., str | bytes]
    parts: Callable[..., Iterator[str]] | None = None
    localized: bool = False
    needs: str = ""

    @property
    def available(self) -> bool:
        """Whether the package that the format needs is installed."""
        return not self.needs or find_spec(self.needs) is not None

    def write(self, timeline: Timeline, path: Path, locale: str = DEFAULT_LOCALE) -> None:
        """Write a timeline to a file, completely or not at all.

        Raises EmorecError if the file cannot be written, the package is missing, or the locale does not exist.
        """
        arguments = (timeline, locale) if self.localized else (timeline,)
        if self.parts:
            files.write_result(path, (part.encode() for part in self.parts(*arguments)))
        else:
            content = self.content(*arguments)
            files.write_result(path, content.encode() if isinstance(content, str) else content)


FORMATS = {
    "csv": Format(suffix=".csv", words="CSV", content=tables.csv_text, parts=tables.csv_parts, localized=True),
    "tsv": Format(suffix=".tsv", words="TSV", content=tables.tsv_text, parts=tables.tsv_parts, localized=True),
    "json": Format(suffix=".json", words="JSON", content=tables.json_text, parts=tables.json_parts),
    "parquet": Format(suffix=".parquet", words="Parquet", content=parquet.parquet_bytes, needs="pyarrow"),
    "xlsx": Format(suffix=".xlsx", words="Excel", content=workbook.xlsx_bytes, needs="openpyxl"),
    "srt": Format(suffix=".srt", words="Subtitles (SRT)", content=subtitles.srt_text),
    "vtt": Format(suffix=".vtt", words="Subtitles (VTT)", content=subtitles.vtt_text),
    "eaf": Format(suffix=".eaf", words="ELAN", content=eaf.eaf_text),
    "textgrid": Format(suffix=".TextGrid", words="Praat TextGrid", content=textgrid.textgrid_text),
    "audacity": Format(suffix=".audacity.txt", words="Audacity labels", content=labels.audacity_text),
    "rttm": Format(suffix=".rttm", words="Speakers (RTTM)", content=labels.rttm_text),
    "emotionml": Format(suffix=".emotionml", words="EmotionML", content=emotionml.emotionml_text),
}


def parse_names(given: str | Iterable[str]) -> tuple[list[str], str]:
    """The formats in a list or in a text with commas, and a notice about those that "all" leaves out, or "".

    Raises EmorecError for an unknown format, and if the package of a format that is named is not installed.
    """
    given = given if isinstance(given, str) else ",".join(map(str, given))
    names = list(dict.fromkeys(name.strip().lower() for name in given.split(",") if name.strip()))
    for name in names or [given]:
        if name not in FORMATS and name != ALL:
            raise EmorecError(UNKNOWN.format(name=name, known=", ".join(FORMATS)))
        if name != ALL and FORMATS[name].needs:
            require(EXTRA, FORMATS[name].needs)
    if ALL not in names:
        return names, ""
    missing = [name for name, form in FORMATS.items() if not form.available]
    formats = f"{' and '.join(missing)} {'was' if len(missing) == 1 else 'were'}"
    notice = LEFT_OUT.format(formats=formats, command=install_command(EXTRA)) if missing else ""
    return [name for name in FORMATS if name not in missing], notice


def find_format(path: Path, given: str | None = None) -> Format:
    """The format with the name ``given``, by default that of the suffix of a path. Raises EmorecError if unknown."""
    if given is not None:
        if given.lower() not in FORMATS:
            raise EmorecError(UNKNOWN.format(name=given, known=", ".join(FORMATS)).replace(", all.", "."))
        return FORMATS[given.lower()]
    for form in FORMATS.values():
        if path.name.lower().endswith(form.suffix.lower()):
            return form
    raise EmorecError(NO_SUFFIX.format(file=path.name, known=", ".join(form.suffix for form in FORMATS.values())))
