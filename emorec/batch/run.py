"""A batch from its inputs to its folder of results: what is due is run, recorded at once, and summed up."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from emorec import download, files
from emorec.batch import choices, items, local_engine, manifest, model, temporary
from emorec.batch.choices import Choices
from emorec.batch.engine import DONE, Engine, Outcome, Task
from emorec.batch.inputs import Source, listing
from emorec.batch.progress import Progress
from emorec.batch.state import NO_FOLDER, State
from emorec.errors import EmorecError, require
from emorec.extraction import people_file

EXTRA = "batch"  # the extra that installs what the manifest needs
HELD = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES, errno.EDEADLK)  # of a lock that another process has
MEMORY = "memory://"  # objects that only this process has

NOTHING = "There is no recording in what was given; check the names."
BUSY = "Another batch is running in {folder}; wait until it has ended, or use another folder."
SAME_NAME = "{names} would have the same folder of results; rename one, or give them to batches with other folders."
NO_LOCKS = "{folder} is on a disk without locks ({reason}), so take care that no other batch works in it."
OPEN = (
    "{names} could not be brought up to date; another program may be using it. No result is lost. Close that "
    "program and run the same command again."
)
ELSEWHERE = "{address} exists only in the process that made it; analyze it without workers (workers=0)."


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a batch came to: the ``folder``, how many items of the inputs are ``done``, how many were ``analyzed`` in
    this run, the sentence about each that ``failed``, by its source, and ``notes`` about what was left out or kept.
    ``listed`` says whether the manifest could be brought up to date."""

    folder: Path
    done: int
    analyzed: int
    failed: Mapping[str, str]
    notes: tuple[str, ...] = ()
    listed: bool = True

    @property
    def manifest(self) -> Path:
        """The Parquet file with a row an item."""
        return self.folder / manifest.PARQUET


def called(
    given: str | PathLike[str] | Iterable[str | PathLike[str]],
    out: str | PathLike[str],
    inferring: Mapping[str, Any],
    extracting: Mapping[str, Any],
    formats: str,
    model_path: str | PathLike[str] | None,
    device: str,
    workers: int,
    retry: bool,
    progress: Callable[[Progress], object] | None,
    written: Mapping[str, Any],
) -> Result:
    """A batch as ``emorec.analyze_batch`` asks for it; ``written`` are the other keywords of Choices."""
    named = None if model_path is None else fspath(model_path)
    made, left_out = choices.checked(inferring, extracting, formats, model=named, device=device, **written)
    engine, made = local_engine.local(workers, made)
    inputs = [given] if isinstance(given, str | PathLike) else given
    result = run([fspath(name) for name in inputs], Path(out), made, engine, retry=retry, progress=progress)
    return replace(result, notes=(left_out, *result.notes)) if left_out else result


def run(
    given: Iterable[str],
    folder: Path,
    chosen: Choices,
    engine: Engine,
    *,
    retry: bool = False,
    progress: Callable[[Progress], object] | None = None,
    notice: Callable[[str], object] | None = None,
) -> Result:
    """Analyze what the inputs name, and write results and a manifest to a folder.

    Items that are done with the same choices and the same source are left out, and those that failed unless ``retry``.
    ``progress`` is called at the beginning and after every item, ``notice`` with sentences for the user before that
    and after it.

    Raises EmorecError if the inputs, the choices or the folder cannot be used, or if the disk is full; what was done
    until then is kept.
    """
    require(EXTRA, "pyarrow")
    manifest.check(folder)
    notes: list[str] = []

    def tell(sentence: str) -> None:
        notes.append(sentence)
        if notice:
            notice(sentence)

    with _locked(folder, tell):
        temporary.remove_leftovers()
        records = items.Records(folder)
        records.remove_leftovers()
        manifest.remove_leftovers(folder)
        chosen, fingerprint, notices = model.pinned(chosen)
        # Only the items' own folders: recordings may lie beside them.
        listed = listing(given, leave_out=[folder / record.outcome.item for record in records])
        for sentence in (*notices, *listed.notes):
            tell(sentence)
        if not listed.sources:
            raise EmorecError(NOTHING)
        sources = {items.name_of(source.address): _reachable(source, engine) for source in listed.sources}
        if len(sources) < len(listed.sources):
            raise EmorecError(SAME_NAME.format(names=_of_one_name(listed.sources)))
        if people := chosen.inferring.get("people"):
            names = [Path(source.address).name for source in listed.sources if not download.is_link(source.address)]
            if sentence := people_file.wrong_recording_note(people_file.resolve(people), names):
                tell(sentence)
        _forget_expanded(records, listed.expanded)
        state = State(
            folder=folder, choices=chosen, settings=chosen.digest(fingerprint), records=records, sources=sources
        )
        shown = _run(state, engine, retry, progress)
        for note in state.notes:
            tell(note)
        if state.held:
            tell(OPEN.format(names=" and ".join(str(folder / name) for name in state.held)))
        failed = {each.source: each.outcome.error for each in state.ended if each.outcome.status != DONE}
        return Result(
            folder=folder,
            done=len(state.ended) - len(failed),
            analyzed=shown.analyzed,
            failed=failed,
            notes=tuple(notes),
            listed=manifest.PARQUET not in state.held,
        )


def _run(state: State, engine: Engine, retry: bool, progress: Callable[[Progress], object] | None) -> Progress:
    due, refused = state.due(retry)
    done = sum(record.outcome.status == DONE for record in state.ended)
    sizes = {item: state.sources[item].size for item in due}
    shown = Progress(total=len(state.sources), done=done, failed=len(state.ended) - done - len(refused), sizes=sizes)
    try:
        state.write()
        if progress:
            progress(shown)
        for outcome in refused:
            shown.add(outcome)
            if progress:
                progress(shown)
        with contextlib.closing(_outcomes(engine, state.tasks(due))) as outcomes:
            for outcome in outcomes:
                state.keep(outcome)
                shown.add(outcome)
                if progress:
                    progress(shown)
                state.write(now=False)
    finally:
        state.stop()
    return shown


def _forget_expanded(records: items.Records, expanded: frozenset[str]) -> None:
    """Drop the failures of inputs that could not be listed before, now that they name recordings."""
    for record in list(records):
        if record.outcome.status != DONE and record.source in expanded:
            with contextlib.suppress(OSError):  # it only says too much
                records.drop(record.outcome.item)


def _of_one_name(sources: Iterable[Source]) -> str:
    """The first two addresses whose items have the same name."""
    taken: dict[str, str] = {}
    for source in sources:
        if (other := taken.setdefault(items.name_of(source.address), source.address)) != source.address:
            return f"{files.shown(other)} and {files.shown(source.address)}"
    return ""


def _outcomes(engine: Engine, tasks: Iterable[Task]) -> Generator[Outcome]:
    """The outcomes of an engine, as a generator that can be closed."""
    yield from engine.run(tasks)


def _reachable(source: Source, engine: Engine) -> Source:
    """The source, with a problem if other processes do not have it."""
    if source.address.lower().startswith(MEMORY) and not isinstance(engine, local_engine.InlineEngine):
        return replace(source, problem=ELSEWHERE.format(address=source.address))
    return source


@contextlib.contextmanager
def _locked(folder: Path, notice: Callable[[str], object] | None) -> Iterator[None]:
    """A context in which no other batch works in a folder. Raises EmorecError if one does, or if it cannot be made."""
    path = folder / items.FOLDER / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("ab")
    except OSError as error:
        raise EmorecError(NO_FOLDER.format(folder=folder, reason=error.strerror or error)) from None
    with lock:
        try:
            files.lock(lock.fileno())
        except OSError as error:
            if error.errno in HELD:
                raise EmorecError(BUSY.format(folder=folder)) from None
            if notice:  # shared folders of some systems have no locks
                notice(NO_LOCKS.format(folder=folder, reason=error.strerror or error))
        yield
