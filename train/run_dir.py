"""A run's folder: what it was asked (config.json), how it went (log.csv, TensorBoard events, curves.png) and where it
stands (last/, best/). The only room that knows TensorBoard."""

import csv
import io
import json
from contextlib import contextmanager
from pathlib import Path

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
WEIGHTS_FILE = "weights.safetensors"


class Record:
    """The files of one run. Without ``speaks`` (every process but one) nothing is ever written."""

    def __init__(self, folder, settings, resume, speaks=True, device="cpu"):
        """``device`` is what it runs on, as torch names it.

        Raises EmorecError where another run lies in the folder, or where its settings differ from these."""
        self.folder, self.speaks = Path(folder), speaks
        self.settings = json.loads(json.dumps(settings))
        self.rows, self._events, self._device = [], None, device
        check_free(self.folder, resume)
        if resume:
            self._check_same()

    def begin(self, epoch):
        """Write the config and cut the log back to the first ``epoch`` epochs, which a resumed run stands behind."""
        if not self.speaks:
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
            purge = {"purge_step": epoch + 1} if epoch else {}
            self._events = SummaryWriter(str(self.folder / EVENTS), **purge)

    def log(self, row):
        """Add a row (numbers by name, with "epoch") to the log and to TensorBoard's events."""
        if not self.speaks:
            return
        with writing(self.folder):
            self.rows.append(row)
            self._write_log()
            for name, value in row.items():
                if name != "epoch":
                    self._events.add_scalar(name, value, row["epoch"])
            self._events.flush()

    def end(self):
        """Draw the curves, close the events."""
        if not self.speaks:
            return
        with writing(self.folder):
            if self.rows:
                files.write(self.folder / CURVES_FILE, curves.png(self.rows))
            if self._events:
                self._events.close()

    def save_state(self, content):
        """Keep the bytes from which the run can go on."""
        if self.speaks:
            with writing(self.folder):
                files.write(self.folder / STATE_FILE, content)

    def load_state(self):
        """What ``save_state`` kept, read, or None where the run has none yet."""
        file = self.folder / STATE_FILE
        return read_state(file) if file.exists() else None

    def _check_same(self):
        file = self.folder / CONFIG_FILE
        if not file.exists():
            return
        try:
            before = json.loads(file.read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError, TypeError):
            raise EmorecError(
                f"{file} cannot be read, so the run cannot go on; choose another folder by --out."
            ) from None
        if found := difference(before, self.settings):
            name, old, new = found
            raise EmorecError(
                f"The run in {self.folder} was started with {name} {_short(old)}, not {_short(new)}; "
                "give the same options to go on with it, or another folder by --out."
            )

    def _write_log(self):
        text = io.StringIO(newline="")
        if self.rows:
            writer = csv.DictWriter(text, fieldnames=list(self.rows[0]), extrasaction="ignore")
            writer.writeheader()
            writer.writerows(self.rows)
        files.write(self.folder / LOG_FILE, text.getvalue().encode())


def check_free(folder, resume):
    """Raise EmorecError where a run that is not to be gone on with lies in the folder: nothing is overwritten."""
    if not resume and (Path(folder) / STATE_FILE).exists():
        raise EmorecError(
            f"{folder} already holds a run; go on with it by --resume, or choose another folder by --out."
        )


def keep_weights(net, folder):
    """Write a network's weights alone into a folder, as safetensors."""
    tensors = {name: tensor.contiguous().cpu() for name, tensor in net.state_dict().items()}
    files.write(Path(folder) / WEIGHTS_FILE, safetensors.torch.save(tensors))


def keep_run(folder, net, settings):
    """Write a run that is only kept for its weights, and the settings that say whom it heard."""
    with writing(folder):
        keep_weights(net, Path(folder) / "last")
        files.write(Path(folder) / CONFIG_FILE, json.dumps({"settings": settings}, indent=2).encode())


def read_log(folder):
    """The rows of a run's log: dicts of numbers."""
    file = Path(folder) / LOG_FILE
    if not file.exists():
        return []
    with open(file, newline="", encoding="utf-8") as rows:
        return [{name: _number(value) for name, value in row.items()} for row in csv.DictReader(rows)]


def settings_of(folder):
    """The settings that a run's config.json tells, {} where there is none."""
    file = Path(folder) / CONFIG_FILE
    return json.loads(file.read_text(encoding="utf-8"))["settings"] if file.exists() else {}


def compute(runs):
    """What trainings took, from their logs: a list of {"part", "hours", "device"} for ``runs``, folders by part.

    Where a run's log is gone, its part stands there without the other two.
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


def device_name(device):
    """What a training ran on, for people: a GPU's name, or how many threads of a CPU."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} CPU thread{'s' if threads > 1 else ''}"


def read_state(file):
    """The dict in a state file. Raises EmorecError where it is damaged."""
    try:
        return torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises whatever a broken archive leads it to
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise EmorecError(f"{file} cannot be read ({reason}); start the run again in another folder.") from None


@contextmanager
def writing(folder):
    """Turns the errors of a full or forbidden disk into an EmorecError."""
    try:
        yield
    except OSError as error:
        raise EmorecError(
            f"{folder} cannot be written ({error.strerror or error}); "
            "make room or choose another folder by --out, and go on with --resume."
        ) from None


def difference(before, after):
    """The first setting, by name, that differs: (name, before, after), or None."""
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            return name, before.get(name), after.get(name)
    return None


def _short(value):
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _number(text):
    return int(text) if text.lstrip("-").isdigit() else float(text)
