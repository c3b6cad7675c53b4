"""Training on a user's own data: what its three recipes (own_face, own_voice, own_fusion) share.

A run's ``last/`` and ``best/`` are whole checkpoints: what the run does not train comes from the model that it starts
from. ``best`` is what did best on the validation people, who are also what its calibration is fitted on.
"""

import csv
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of, fold
from emorec.errors import EmorecError
from emorec.inference import prior as priors
from emorec.models import checkpoint as checkpoints
from emorec.models.calibration import HeadCalibration
from hub import card
from train import calibration as calibrate
from train import distributed, loop, metrics, run_dir
from train.finetune import provenance
from train.recipes import fusion as fusion_recipe

SKIPPED_FILE = "skipped.csv"
FEW = 50  # validation items below which calibration has no bias: it would fit noise


@dataclass(frozen=True)
class Choices:
    """How to train, beside the schedule.

    ``video_len``: frames of a video that one training window holds; ``audio_win``: log-mel frames of one; ``base``:
    the Checkpoint that gives what is not trained, and with ``warm`` also what the trained network starts from.
    """

    out: Path
    cache: Path
    base: checkpoints.Checkpoint
    warm: bool = False
    face_path: Path | None = None
    video_len: int = 15
    audio_win: int = 192
    fusion: str = "intermediate"
    modality_dropout: float = 0.15
    device: str = "cpu"
    resume: bool = False
    dataset: str = "folder"


def train(part, nets, batches, loss_of, opinions, truth, corpus, schedule, choices, items):
    """Train ``nets[part]`` and give the folder of the best checkpoint, calibrated and measured on validation items.

    ``nets`` are the networks of the checkpoint by name, without those that come from the base; opinions(net) are
    probabilities (N, labels) of the validation items, ``truth`` their labels' indices, ``items`` those trained on.
    """
    folder = choices.out / part
    labels = EMOTIONS if part == "fusion" else corpus.labels

    def evaluate(net):
        return metrics.shares(opinions(net).argmax(1), truth)

    def keep(net, where):
        checkpoints.save(_model(nets | {part: net}, part, corpus, choices, len(items)), where)

    settings = {
        "task": part,
        "dataset": choices.dataset,
        "labels": list(corpus.labels),
        "items": len(items),
        "validation_items": len(truth),
        "persons": corpus.people,
        "held_out": corpus.held_out,
        "starts_from": choices.base.fingerprint[:16] if choices.warm or part == "fusion" else None,
        "face_path": choices.face_path.name if choices.face_path and part == "face" else None,
        "video_len": choices.video_len,
        "audio_win": choices.audio_win,
        "modality_dropout": choices.modality_dropout if part == "fusion" else None,
    }
    net = nets[part]
    device, resume = choices.device, choices.resume
    loop.fit(net, batches, loss_of, schedule, folder, evaluate, device, resume, part, settings, keep)
    if distributed.rank() == 0:
        best = checkpoints.load(folder / "best")
        finish(best, folder / "best", part, opinions(getattr(best, part)), truth, labels, shares_of(items))
    distributed.barrier()
    return folder / "best"


def finish(model, folder, part, probabilities, truth, labels, shares=priors.EVEN):
    """Calibrate one part of a checkpoint on validation items and write that and what it reaches there.

    ``shares`` (7,) are those of the emotions in what it was trained on.
    """
    seven, emotions, rows = folded(probabilities, truth, labels)
    head = HeadCalibration()
    if len(seven):
        head = calibrate.fit_head(seven, emotions, shares=shares, biased=len(seven) >= FEW)
    model.calibration = replace(model.calibration, **heads_of(part, head))
    after = calibrate.calibrated(head, seven)
    model.evaluation = {
        f"validation-{part}": metrics.rounded(
            {
                "what": f"The validation items of the {part} network's training, which chose its weights",
                "metric": "accuracy",
                "items": len(truth),
                **metrics.accuracy({part: probabilities.argmax(1)}, truth),
                **metrics.confusion(probabilities.argmax(1), truth, labels),
                "calibration_error": metrics.calibration_errors(seven, after, emotions),
            }
        )
    }
    checkpoints.save_config(model, folder)


def heads_of(part, head):
    """The calibrations of a Calibration that belong to one network; a face network has that of still pictures too."""
    return dict.fromkeys(("face", "still") if part == "face" else (part,), head)


def shares_of(items):
    """Shares (7,) of the emotions among items; one that none shows counts as much as the others do on average."""
    emotions = [emotion_of(item.label) for item in items]
    counts = np.array([emotions.count(emotion) for emotion in EMOTIONS], float)
    counts[counts == 0] = counts[counts > 0].mean() if counts.any() else 1.0
    return tuple(counts / counts.sum())


def folded(probabilities, truth, labels):
    """Native probabilities and labels as seven-emotion ones, and the rows kept: those whose label has a place."""
    native = [emotion_of(label) for label in labels]
    rows = np.array([native[label] is not None for label in truth], bool)
    emotions = np.array([EMOTIONS.index(native[label]) for label in truth[rows]], int)
    return fold(probabilities[rows].astype(np.float64), labels), emotions, rows


def assemble(out, base):
    """The checkpoint of everything trained below ``out``, the rest from ``base``; written to ``out/checkpoint``."""
    model, trained = composed(out, base)
    if "fusion" in trained and trained["fusion"].fingerprint == model.fingerprint:
        model = trained["fusion"]
    spent = run_dir.compute({part: Path(out) / part for part in trained})
    model.training = model.training | ({"compute": spent} if spent else {})
    model.evaluation = {name: found for one in trained.values() for name, found in one.evaluation.items()}
    folder = Path(out) / "checkpoint"
    with run_dir.writing(folder):
        checkpoints.save(model, folder)
        card.write(model, folder)
    return folder


def composed(out, base):
    """The Checkpoint of the encoders trained below ``out``, the others from ``base``, and the trained ones by part."""
    trained = {part: checkpoints.load(Path(out) / part / "best") for part in provenance.PARTS if _exists(out, part)}
    nets = {part: getattr(trained[part], part) for part in ("face", "voice") if part in trained}
    if not nets:
        return replace(base, folder=None), trained
    calibration = replace(base.calibration, fusion=HeadCalibration())
    for part in nets:
        own = {name: getattr(trained[part].calibration, name) for name in heads_of(part, None)}
        calibration = replace(calibration, **own)
    training = provenance.joined({part: trained[part].training for part in nets}, base.training)
    both = _networks(nets, base)
    return checkpoints.Checkpoint(**both, front_end=base.front_end, calibration=calibration, training=training), trained


def _exists(out, part):
    return (Path(out) / part / "best" / checkpoints.CONFIG_FILE).exists()


def _networks(nets, base):
    """The three networks: those given, else the base's; beside a new encoder, a fusion that adds up both heads."""
    both = {part: nets.get(part) or getattr(base, part) for part in ("face", "voice")}
    fused = nets.get("fusion") or (fusion_recipe.new_net(both["face"], both["voice"]) if nets else base.fusion)
    return both | {"fusion": fused}


def _model(nets, part, corpus, choices, items):
    """The checkpoint that a run keeps: its networks, and the facts of their training."""
    base, calibration = choices.base, choices.base.calibration
    if part != "fusion":
        calibration = replace(calibration, fusion=HeadCalibration(), **heads_of(part, HeadCalibration()))
    training = provenance.of_run(part, corpus, choices.dataset, items, base.training, choices.warm)
    return checkpoints.Checkpoint(
        **_networks(nets, base), front_end=base.front_end, calibration=calibration, training=training
    )


def check_people(corpus, choices, used):
    """Raise EmorecError where one of the base's parts that the run builds on was trained on a validation person."""
    met = {person for part in used for person in provenance.people_of(choices.base.training, part)} & set(
        corpus.held_out
    )
    if met:
        raise EmorecError(
            f"The person {sorted(met)[0]!r} is in the validation data and was trained on by the model that this run "
            "starts from; validate on other people, or start from another model by --init."
        )


def usable(items, read, wrong, folder, what):
    """The items that could be read and what was read of them; the others are listed in the run's folder."""
    kept = [row for row, value in enumerate(read) if value is not None]
    if wrong:
        first, reason = wrong[0]
        if not kept:
            raise EmorecError(f"None of the {len(items)} {what} items can be used; the first: {reason}")
        if distributed.rank() == 0:
            text = io.StringIO(newline="")
            csv.writer(text).writerows([("path", "reason"), *((item.path, said) for item, said in wrong)])
            name = f"{what}-{SKIPPED_FILE}"
            with run_dir.writing(folder):
                files.write(folder / name, text.getvalue().encode())
            say(
                f"{len(wrong)} of {len(items)} {what} items cannot be used and are left out "
                f"({first.path.name}: {reason}); {folder / name} lists them"
            )
    return [items[row] for row in kept], [read[row] for row in kept]


def check_labels(items):
    """Raise EmorecError where the items that could be read show one label only."""
    if len(found := {item.label for item in items}) < 2:
        raise EmorecError(f"All usable training items have the label {next(iter(found))!r}; give at least two labels.")


def batch_size(schedule, items):
    """The schedule's batch size, or as many items as there are; always a whole number for each process."""
    size = min(schedule.batch_size, len(items) // distributed.count() * distributed.count())
    if schedule.batch_size % distributed.count() or not size:
        raise EmorecError(
            f"A batch of {min(schedule.batch_size, len(items))} cannot be shared evenly by {distributed.count()} "
            f"processes; choose a --batch_size that is a multiple of {distributed.count()}."
        )
    return size


def say(sentence):
    """Print from one process."""
    if distributed.rank() == 0:
        print(sentence, flush=True)
