"""The items of a batch: their names, and the records of how they ended, one small file each.

A record is written completely or not at all, and only for an item that has ended, so a killed batch loses only the
items that it is working on.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from emorec import files
from emorec.batch.engine import DONE, FAILED, Outcome
from emorec.batch.inputs import Source
from emorec.errors import EmorecError

FORMAT = 1  # increases with every change that an older version cannot read
FOLDER = Path(".emorec", "batch")  # in the folder of a batch
SUFFIX = ".json"
STEM_BYTES = 60  # of an item's name, from the name of its source
HASH_DIGITS = 10  # hexadecimal, of an item's name, from the whole address

OTHER_FORMAT = (
    "{folder} holds the records of a batch by another version of emorec ({found}, not {known}); use that version, or "
    "another folder."
)


@dataclass(frozen=True, kw_only=True)
class Record:
    """How an item ended: its ``source``, the ``version`` of the source that was read, and the ``outcome``.

    ``settings`` is a digest of the choices and the model, by which earlier versions know whether an item is due.
    ``digest`` is one without what was measured of the model, if no report says that; "" in records of earlier versions.
    """

    source: str
    version: str
    settings: str
    outcome: Outcome
    digest: str = ""

    def is_of(self, settings: str, digest: str) -> bool:
        """Whether the item was analyzed with these choices and this model."""
        return self.settings == settings or self.digest == digest


def item_name(address: str) -> str:
    """The name of an item and of its folder: readable, valid on every system, and different for every address."""
    scheme, mark, rest = address.partition("://")
    is_link = scheme.lower() in ("http", "https")  # in other addresses ? and # are ordinary characters
    place = re.split("[?#]", rest)[0] if is_link else rest if mark else address
    stem = Path(place.replace("\\", "/").rstrip("/")).stem
    if is_link:  # the last part of a link is often the same for many
        stem = "-".join(dict.fromkeys((place.partition("/")[0], stem)))
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in files.shown(stem))
    while len(kept.encode()) > STEM_BYTES:
        kept = kept[:-1]
    digest = hashlib.sha256(address.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{kept.strip('.-') or 'recording'}-{digest[:HASH_DIGITS]}"


class Records:
    """The records in the folder of a batch. Raises EmorecError for those of another version, before anything is
    written."""

    def __init__(self, folder: Path):
        self._folder = folder / FOLDER / "items"
        self._known = {record.outcome.item: record for record in self._read()}

    def __iter__(self) -> Iterator[Record]:
        return iter(self._known.values())

    def get(self, item: str) -> Record | None:
        """The record of an item, None if it never ended."""
        return self._known.get(item)

    def put(self, record: Record) -> None:
        """Store a record. Raises OSError."""
        values: dict[str, Any] = {"format": FORMAT, **asdict(record)}
        content = json.dumps(values, allow_nan=False).encode()
        files.write(self._folder / f"{record.outcome.item}{SUFFIX}", content)
        self._known[record.outcome.item] = record

    def remove_leftovers(self) -> None:
        """Remove the partial files of a killed process; no other process may work in the folder."""
        files.remove_partials(self._folder)

    def drop(self, item: str) -> None:
        """Remove the record of an item. Raises OSError."""
        (self._folder / f"{item}{SUFFIX}").unlink(missing_ok=True)
        self._known.pop(item, None)

    def _read(self) -> Iterator[Record]:
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                values = json.loads(path.read_bytes())
                found = values.pop("format")
            except (OSError, ValueError, AttributeError, KeyError, TypeError):
                continue  # an item without a readable record is analyzed again
            if found != FORMAT:
                raise EmorecError(OTHER_FORMAT.format(folder=self._folder, found=found, known=FORMAT))
            record = _parse_record(values)
            if record is not None and record.outcome.item == path.stem:
                yield record


def _parse_record(values: dict[str, Any]) -> Record | None:
    """The record of the values in a file, None if they lack something; keys of a later version are ignored."""
    try:
        outcome = values["outcome"]
        known = {field.name for field in fields(Outcome)}
        parsed = Outcome(**{name: value for name, value in outcome.items() if name in known})
        parsed = replace(parsed, files=tuple(parsed.files), notes=tuple(parsed.notes))
        texts = {name: values[name] for name in ("source", "version", "settings")}
        return Record(**texts, outcome=parsed, digest=values.get("digest", ""))
    except (KeyError, TypeError, AttributeError):
        return None


def is_due(record: Record | None, source: Source, settings: str, digest: str, folder: Path, retry: bool) -> bool:
    """Whether an item has to be analyzed.

    That is so if it never ended, if its source or the settings have changed since, if its results are gone, or if it
    failed and ``retry`` is set.
    """
    if record is None or not record.is_of(settings, digest):
        return True
    if source.version and source.version != record.version:
        return True
    if record.outcome.status == FAILED:
        return retry
    return record.outcome.status != DONE or not folder.is_dir()
