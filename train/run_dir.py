"""The folder of a training run: its settings (config.json), its log (log.csv, TensorBoard events, curves.png) and its
state and weights (last/, best/). No other module uses TensorBoard."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from tensorboardX import SummaryWriter

import emorec
from emorec import files
from emorec.errors import EmorecError
from train import curves

CONFIG_FILE = "config.json"
LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
EVENTS = "events"
STATE_FILE = "last/state.pt"
RESULT_FILE = "best/config.json"  # of a run that writes whole checkpoints
OF_DATA = ("persons", "held_out", "items", "validation_items")
WHICH_ITEMS = "which_items"  # a hash of the data of a run; runs of earlier versions have none
OTHER_ITEMS = (
    "The run in {folder} was started with other files, or with other labels or persons of the same files; give the "
    "same data, or start again in another folder by --out."
)
OTHER_DATA = (
    "The run in {folder} was started with {name} {old}, not {new}: the data differ, or this version divides them in "
    "another way; give the same data, or start again in another folder by --out."
)
ADVICE = "free some space or choose another folder by --out, and continue with --resume."
WEIGHTS_FILE = "weights.safetensors"


class RunDir:
    """The files of one run. Only the main process (``is_main``) writes any."""

    def __init__(
        self, folder: str | Path, settings: dict[str, Any], resume: bool, is_main: bool = True, device: str = "cpu"
    ):
        """``settings`` are JSON values; ``device`` is what the run is trained on, as torch names it.

        Raises EmorecError if the folder holds another run, or the same run with other settings.
        """
        self.folder, self.is_main = Path(folder), is_main
        self.settings = json.loads(json.dumps(settings))
        self.rows: list[dict[str, Any]] = []
        self._events: SummaryWriter | None = None
        self._device = device
        check_free(self.folder, resume)
        if resume:
            self._check_same()

    def open(self, epoch: int) -> None:
        """Write the config, and cut the log of a resumed run back to its first ``epoch`` epochs."""
        if not self.is_main:
            return
        with writing(self.folder):
            made_with = {
                "emorec": emorec.__version__,
                "torch": torch.__version__,
                "device": device_name(self._device),
            }
            content = json.dumps({"settings": self.settings, "made_with": made_with}, indent=2, ensure_ascii=False)
            files.write(self.folder / CONFIG_FILE, (content + "\n").encode())
            self.rows = read_log(self.folder)[:epoch] if epoch else []
            self._write_log()
            self._events = SummaryWriter(str(self.folder / EVENTS), purge_step=epoch + 1 if epoch else None)

    def log(self, row: dict[str, Any]) -> None:
        """Add a row (numbers by name, with "epoch") to the log and to TensorBoard's events."""
        if not self.is_main:
            return
        with writing(self.folder):
            self.rows.append(row)
            self._write_log()
            if self._events:
                for name, value in row.items():
                    if name != "epoch":
                        self._events.add_scalar(name, value, row["epoch"])
                self._events.flush()

    def close(self) -> None:
        """Draw the curves and close the events."""
        if not self.is_main:
            return
        with writing(self.folder):
            if self.rows:
                files.write(self.folder / CURVES_FILE, curves.png(self.rows))
            if self._events:
                self._events.close()

    def save_state(self, content: bytes) -> None:
        """Write the state from which the run can be resumed."""
        if self.is_main:
            with writing(self.folder):
                files.write(self.folder / STATE_FILE, content)

    def load_state(self) -> dict[str, Any] | None:
        """The state that ``save_state`` wrote; None if there is none."""
        file = self.folder / STATE_FILE
        return read_state(file) if file.exists() else None

    def _check_same(self) -> None:
        file = self.folder / CONFIG_FILE
        if not file.exists():
            return
        try:
            before = json.loads(file.read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError, TypeError):
            raise EmorecError(
                f"{file} cannot be read, so the run cannot be resumed; choose another folder by --out."
            ) from None
        unknown = {WHICH_ITEMS} - before.keys()
        if found := first_difference(before, {k: v for k, v in self.settings.items() if k not in unknown}):
            name, old, new = found
            if name == WHICH_ITEMS:
                raise EmorecError(OTHER_ITEMS.format(folder=self.folder))
            if name in OF_DATA:
                raise EmorecError(OTHER_DATA.format(folder=self.folder, name=name, old=_short(old), new=_short(new)))
            raise EmorecError(
                f"The run in {self.folder} was started with {name} {_short(old)}, not {_short(new)}; "
                "give the same options to resume it, or another folder by --out."
            )

    def _write_log(self) -> None:
        text = io.StringIO(newline="")
        if self.rows:
            writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
        files.write(self.folder / LOG_FILE, text.getvalue().encode())


def check_free(folder: str | Path, resume: bool) -> None:
    """Raise EmorecError if the folder holds a run that is not to be resumed: nothing is overwritten."""
    if not resume and any((Path(folder) / file).exists() for file in (STATE_FILE, RESULT_FILE)):
        raise EmorecError(f"{folder} already holds a run; resume it by --resume, or choose another folder by --out.")


def save_weights(net: torch.nn.Module, folder: str | Path) -> None:
    """Write a network's weights alone into a folder, as safetensors."""
    tensors = {name: tensor.contiguous().cpu() for name, tensor in net.state_dict().items()}
    files.write(Path(folder) / WEIGHTS_FILE, safetensors.torch.save(tensors))


def save_run(folder: str | Path, net: torch.nn.Module, settings: dict[str, Any]) -> None:
    """Write the weights and settings (with the persons of training) of a run that cannot be resumed."""
    with writing(folder):
        save_weights(net, Path(folder) / "last")
        files.write(Path(folder) / CONFIG_FILE, json.dumps({"settings": settings}, indent=2).encode())


def read_log(folder: str | Path) -> list[dict[str, Any]]:
    """The rows of a run's log: dicts of numbers; [] if there is no log."""
    file = Path(folder) / LOG_FILE
    if not file.exists():
        return []
    with open(file, newline="", encoding="utf-8") as rows:
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(rows)]


def settings_of(folder: str | Path) -> dict[str, Any]:
    """The settings in a run's config.json; {} if there is none."""
    file = Path(folder) / CONFIG_FILE
    return json.loads(file.read_text(encoding="utf-8"))["settings"] if file.exists() else {}


def compute(runs: dict[str, Path]) -> list[dict[str, Any]]:
    """The time that runs took, from their logs: a list of {"part", "hours", "device"} for ``runs``, folders by part.

    If a run has no log, its entry has the part alone.
    """
    found = []
    for part, folder in runs.items():
        rows = read_log(folder)
        spent = {}
        if rows:
            made_with = json.loads((Path(folder) / CONFIG_FILE).read_text(encoding="utf-8"))["made_with"]
            hours = sum(row["seconds"] for row in rows) / 3600
            spent = {"hours": round(hours, 4), "device": made_with.get("device", "an unnamed device")}
        found.append({"part": part} | spent)
    return found


def device_name(device: str) -> str:
    """The device of a training, for people: a GPU's name, or the number of CPU threads."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads > 1 else ''}"


def read_state(file: str | Path) -> dict[str, Any]:
    """The dict in a state file. Raises EmorecError if it is damaged."""
    try:
        return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # the class depends on how the file is damaged
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise EmorecError(f"{file} cannot be read ({reason}); start the run again in another folder.") from None


@contextmanager
def writing(folder: str | Path, advice: str = ADVICE) -> Iterator[None]:
    """Within, errors of a full or write-protected disk become an EmorecError, which ends with the advice."""
    try:
        yield
    except OSError as error:
        raise EmorecError(f"{folder} cannot be written ({error.strerror or error}); {advice}") from None


def first_difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """The first setting, by name, that differs: (name, before, after), or None."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            return name, before.get(name), after.get(name)
    return None


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)
