"""Assemble a checkpoint from separately trained parts; what was not trained comes from a base model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models.calibration import HeadCalibration
from emorec.models.provenance import VALIDATION
from hub import card
from train import distributed, run_dir
from train.finetune import provenance
from train.recipes import fusion as fusion_recipe

OTHER_ENCODERS = (
    "The fusion in {folder} was trained on other face and voice networks than these, so it is left out; remove that "
    "folder and train it again by --task fusion."
)
OTHER_RESULTS = "The results {names} in {folder} are those of other weights, so they are left out; measure these again."
STOPPED = "The {part} run in {folder} was stopped before its end, so it is left out; --resume finishes it."
# The fields of a Calibration of each encoder.
CALIBRATIONS = {"face": ("face", "still"), "voice": ("voice", "relative")}


def assemble(out: Path, base: checkpoints.Checkpoint) -> Path:
    """Write ``out/checkpoint``: everything trained in ``out``, the rest from ``base``. Returns its folder."""
    model, trained = compose(out, base)
    if "fusion" in trained:
        if trained["fusion"].fingerprint == model.fingerprint:
            model = trained["fusion"]
        else:
            del trained["fusion"]
            print(OTHER_ENCODERS.format(folder=Path(out) / "fusion"), flush=True)
    spent = run_dir.compute({part: Path(out) / part for part in trained})
    model.training = model.training | ({"compute": spent} if spent else {})
    model.evaluation = {name: found for one in trained.values() for name, found in one.evaluation.items()}
    folder = Path(out) / "checkpoint"
    before = _load_previous(folder)
    # What train/evaluate.py measured, after the results of the training.
    measured = (
        {name: found for name, found in before.evaluation.items() if name not in model.evaluation} if before else {}
    )
    if before and _answer_alike(before, model):
        model.fusion = before.fusion
        model.evaluation |= measured
        measured = {}
    elif again := [name for name in measured if not name.startswith(VALIDATION)]:  # a training makes the others
        print(OTHER_RESULTS.format(names=", ".join(again), folder=folder), flush=True)
    with run_dir.writing(folder):
        checkpoints.save(model, folder)
        card.write(model, folder)
        for name in measured:
            for picture in (card.picture_of(name), card.diagram_of(name)):
                (folder / picture).unlink(missing_ok=True)
    return folder


def _load_previous(folder: Path) -> checkpoints.Checkpoint | None:
    """The checkpoint that is replaced; None if there is none that can be read."""
    try:
        return checkpoints.load(folder) if (folder / checkpoints.CONFIG_FILE).exists() else None
    except EmorecError:
        return None


def _answer_alike(one: checkpoints.Checkpoint, other: checkpoints.Checkpoint) -> bool:
    """Whether two checkpoints answer alike: their networks and their calibration are the same.

    A fusion that nobody trained is new each time, so it does not matter.
    """
    trained = [f"{VALIDATION}fusion" in model.evaluation for model in (one, other)]
    ours, theirs = one.fusion.state_dict(), other.fusion.state_dict()
    return (
        one.fingerprint == other.fingerprint
        and one.calibration == other.calibration
        and trained[0] == trained[1]
        and ours.keys() == theirs.keys()
        and (not trained[0] or all(torch.equal(ours[name], theirs[name]) for name in ours))
    )


def compose(
    out: Path, base: checkpoints.Checkpoint
) -> tuple[checkpoints.Checkpoint, dict[str, checkpoints.Checkpoint]]:
    """The Checkpoint of the encoders trained in ``out``, the others from ``base``; and all trained parts by name.

    Runs that were stopped are reported and left out.
    """
    trained = _load_finished(Path(out))
    nets = {part: getattr(trained[part], part) for part in CALIBRATIONS if part in trained}
    if not nets:
        return replace(base, folder=None), trained
    calibration = replace(base.calibration, fusion=HeadCalibration())
    for part in nets:
        own = {name: getattr(trained[part].calibration, name) for name in CALIBRATIONS[part]}
        calibration = replace(calibration, **own)
    training = provenance.join_runs({part: trained[part].training for part in nets}, base.training)
    composed = checkpoints.Checkpoint(
        **networks(nets, base), front_end=base.front_end, calibration=calibration, training=training
    )
    return composed, trained


def networks(nets: dict[str, Any], base: checkpoints.Checkpoint) -> dict[str, Any]:
    """The three networks: those given, else the base's. A new encoder needs a new fusion, which adds up both heads."""
    both = {part: nets.get(part) or getattr(base, part) for part in ("face", "voice")}
    fused = nets.get("fusion") or (fusion_recipe.new_net(both["face"], both["voice"]) if nets else base.fusion)
    return both | {"fusion": fused}


def _load_finished(out: Path) -> dict[str, checkpoints.Checkpoint]:
    """The best checkpoints of the runs in ``out``, by part. One that was stopped is left out: it is not calibrated."""
    found = {}
    for part in provenance.PARTS:
        folder = out / part / "best"
        if not (folder / checkpoints.CONFIG_FILE).exists():
            continue
        model = checkpoints.load(folder)
        if f"validation-{part}" in model.evaluation:  # what a run writes last
            found[part] = model
        elif distributed.rank() == 0:
            print(STOPPED.format(part=part, folder=out / part), flush=True)
    return found
