"""The folder of a batch while a process works in it: what is due, what is kept, and the manifest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from emorec.batch import items, manifest
from emorec.batch.choices import Choices
from emorec.batch.engine import DONE, RUNNING, WAITING, Outcome, Task, failure, is_full
from emorec.batch.inputs import Source
from emorec.errors import EmorecError
from emorec.extraction import people_changes, people_file

WRITE_EVERY = 10.0  # seconds at least between two writings of the manifest
TRIES, PAUSE = 5, 0.5  # at the end, how often, and after how many seconds, an unwritten manifest is tried again
SHARE = 0.02  # of the time, at most, that is spent on writing the manifest

NO_FOLDER = "{folder} cannot be written ({reason}); choose another place."
DISK_FULL = (
    "The disk is full ({reason}); {done} of {total} recordings are done, nothing of them is lost, and the same command "
    "continues when there is space."
)


@dataclass(kw_only=True)
class State:
    """The state of every item of the inputs (``sources``, by item) and of the ``folder``.

    ``settings`` and ``digest`` are those of a Record. ``pending`` are items that are waiting or running.
    ``unwritten`` are the files of the manifest that could not be written, because another program has them open.
    ``notes`` are those of the outcomes of this run. Every method that writes raises EmorecError, in one sentence, if
    the folder cannot be written or the disk is full.
    """

    folder: Path
    choices: Choices
    settings: str
    digest: str
    records: items.Records
    sources: dict[str, Source]
    pending: dict[str, str] = field(default_factory=dict[str, str])
    unwritten: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list[str])
    _written: float = 0.0
    _pause: float = WRITE_EVERY

    @property
    def ended(self) -> list[items.Record]:
        """The records of the items of the inputs that are neither waiting nor running."""
        found = [self.records.get(item) for item in self.sources if item not in self.pending]
        return [record for record in found if record is not None]

    def count_outdated(self) -> int:
        """How many recordings of the inputs are done, but with other choices or another model."""
        known = [self.records.get(item) for item, source in self.sources.items() if not source.problem]
        done = [record for record in known if record is not None and record.outcome.status == DONE]
        return sum(not record.is_of(self.settings, self.digest) for record in done)

    def select_due(self, retry: bool) -> tuple[list[str], list[Outcome]]:
        """Select the items that have to be analyzed, which are then waiting.

        Those without a usable source fail at once: their outcomes are stored, and returned as well.
        """
        due: list[str] = []
        refused: list[Outcome] = []
        for item, source in self.sources.items():
            record = self.records.get(item)
            if not items.is_due(record, source, self.settings, self.digest, self.folder / item, retry):
                if record and not record.digest:  # of an earlier version: known again when the model is measured anew
                    with self._errors():
                        self.records.put(replace(record, digest=self.digest))
                continue
            if source.problem:
                refused.append(failure(item, source.problem))
                self.store(refused[-1])
                continue
            self.pending[item] = WAITING
            due.append(item)
        return due, refused

    def tasks(self, due: Iterable[str]) -> Iterator[Task]:
        """The tasks of items, which count as running when an engine takes them."""
        for item in due:
            self.pending[item] = RUNNING
            yield Task(item=item, source=self.sources[item].address, folder=self.folder / item, choices=self.choices)

    def store(self, outcome: Outcome) -> None:
        """Store the record of an outcome, and remove the files of an earlier result that the new one does not have.

        A names file that the user changed or gave is not removed.
        """
        if outcome.disk_full:
            raise self.disk_full(outcome.error)
        item, source = outcome.item, self.sources[outcome.item]
        before = self.records.get(item)
        earlier = before.outcome.files if before else ()
        if outcome.status != DONE:  # the files of the earlier result are still there
            outcome = replace(outcome, files=tuple(dict.fromkeys((*earlier, *outcome.files))))
        with self._errors():
            for name in {*earlier} - {*outcome.files}:
                path = self.folder / item / name
                if Path(name).name == name and not self._is_of_the_user(path):
                    path.unlink(missing_ok=True)
            values = {"source": source.address, "version": source.version, "settings": self.settings}
            self.records.put(items.Record(**values, digest=self.digest, outcome=outcome))
        self.notes += [f"{item}: {note}" for note in outcome.notes]
        self.pending.pop(item, None)

    def _is_of_the_user(self, path: Path) -> bool:
        return path.name.endswith(people_file.SUFFIX) and (
            people_changes.is_given(path, self.choices.people_file) or people_changes.is_changed(path, named=True)
        )

    def write(self, now: bool = True) -> None:
        """Write the manifest; unless ``now``, only if the last time is long enough ago."""
        if not now and time.monotonic() - self._written < self._pause:
            return
        begin = time.monotonic()
        with self._errors():
            self.unwritten = manifest.write(self.folder, self._rows())
        self._written = time.monotonic()
        self._pause = max(WRITE_EVERY, (self._written - begin) / SHARE)

    def stop(self) -> None:
        """End this run: what is pending waits for the next run. Writes the manifest."""
        self.pending = dict.fromkeys(self.pending, WAITING)
        self.write()
        for _ in range(TRIES):
            if self.unwritten:
                time.sleep(PAUSE)
                self.write()

    def disk_full(self, reason: str) -> EmorecError:
        """The error for a disk that is full."""
        done = sum(record.outcome.status == DONE for record in self.ended)
        return EmorecError(DISK_FULL.format(reason=reason.rstrip("."), done=done, total=len(self.sources)))

    def _rows(self) -> Iterator[dict[str, Any]]:
        """The rows of the manifest: all items of the folder, those of other inputs included."""
        known = {record.outcome.item: record for record in self.records}
        for item in sorted({*known, *self.pending}):
            if item in self.pending:
                yield {"item": item, "source": self.sources[item].address, "status": self.pending[item]}
            else:
                yield {"source": known[item].source, **asdict(known[item].outcome)}

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """A context that turns an OSError into an EmorecError."""
        try:
            yield
        except OSError as error:
            reason = str(error.strerror or error)
            if is_full(error):
                raise self.disk_full(reason) from None
            raise EmorecError(NO_FOLDER.format(folder=self.folder, reason=reason)) from None
