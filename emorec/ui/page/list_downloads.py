"""The downloads of a list of recordings: the table, all rows with a column for the recording, and a ZIP of all."""

import csv
import itertools
from collections.abc import Sequence
from pathlib import Path

from emorec import files
from emorec.output import names, spreadsheets, tables
from emorec.output.zips import DatedZipFile
from emorec.ui.page.recordings import COLUMNS, HOW, values
from emorec.ui.sessions.batch import DONE, Item

NAMES = {"table": "recordings.csv", "rows": "recordings.rows.csv", "zip": "recordings.zip"}


def write(kind: str, items: Sequence[Item], folder: Path) -> Path:
    """Write one of NAMES into a new folder; returns the file's path. Raises OSError if it cannot be written."""
    file, done = folder / NAMES[kind], [item for item in items if item.state == DONE]
    if kind == "zip":
        _write_zip(items, done, file)
    elif kind == "rows":
        _write_rows(done, file)
    else:
        files.write(file, table(items).encode())
    return file


def table(items: Sequence[Item]) -> str:
    """The CSV text of a table with a row for each recording, also for those that failed."""
    return tables.delimited(COLUMNS, (values(item).values() for item in items))


def _write_rows(done: Sequence[Item], file: Path) -> None:
    """The rows of all recordings in one tidy table, from the column of the recording to that of its choices."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("recording", *tables.COLUMNS, HOW))
        for item in done:
            name = spreadsheets.cell(item.name)
            with item.result.files["csv"].open(encoding="utf-8", newline="") as own:
                for row in itertools.islice(csv.reader(own), 1, None):
                    writer.writerow((name, *row, item.result.how))


def _write_zip(items: Sequence[Item], done: Sequence[Item], file: Path) -> None:
    """The table, all rows, and CSV and JSON of each recording that is done."""
    everything = file.with_name(NAMES["rows"])
    _write_rows(done, everything)
    taken: set[str] = {"recordings", "recordings.rows"}
    with DatedZipFile(file) as archive:
        archive.writestr(NAMES["table"], table(items))
        archive.write(everything, everything.name)
        for item in done:
            stem = names.name_part(str(Path(item.name).with_suffix(""))) or "recording"
            stem = unique(names.file_stem(stem), taken)
            for kind, own in item.result.files.items():
                archive.write(own, f"{stem}.{kind}")
    files.when_free(everything.unlink)


def unique(stem: str, taken: set[str]) -> str:
    """A name that is not in ``taken``, ignoring case; it is added there."""
    number, name = 1, stem
    while name.lower() in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(name.lower())
    return name
