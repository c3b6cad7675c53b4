"""Measure a checkpoint on held-out people and pictures, and write the results into its config and card.

python train/evaluate.py CHECKPOINT --data DATA --runs RUNS [--protocol ferplus,ravdess-voice,javanese-av]
python train/evaluate.py CHECKPOINT --data YOURS --dataset folder
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch

from emorec.errors import EmorecError
from emorec.models import checkpoint as checkpoints
from emorec.models import pretrained
from emorec.models.provenance import OWN
from hub import card
from train import metrics, run_dir
from train.data import layouts
from train.evaluation import corpus_out, corruptions, cost, cross_voice, own_data, protocols, speakers, voice_protocols
from train.evaluation.predictions import Setting
from train.recipes import voice_head

# In the order of the card: those that measure out of domain first.
PROTOCOLS = {
    "everyday": voice_protocols.everyday,
    "corpus-out": corpus_out.corpus_out,
    "cross-voice": cross_voice.cross_voice,
    "speakers": speakers.speakers,
    "web-faces": protocols.web_faces,
    "ferplus": protocols.ferplus,
    "ravdess-voice": voice_protocols.ravdess_voice,
    "ravdess-late": voice_protocols.ravdess_late,
    "javanese-av": protocols.javanese_av,
    "robust": corruptions.robust,
}
ERRORS = {"before": "before calibration", "after": "after it", "perfect": "if it were perfect, for as many items"}
REPLACED = (
    "The results of {name} before ({what}) are replaced; to keep results of several data sets, measure each in a copy "
    "of the checkpoint folder."
)
NO_FOLDER = (
    "{checkpoint} is not a folder, and the copy of a repository is not written into; give --no-write, or the folder of "
    "a checkpoint."
)
NOT_WRITTEN = "the results above are not kept; make it writable, or copy the checkpoint and measure the copy."
STOPPED = "stopped; the results of finished protocols are kept, and none of the one that was running\n"
# The protocols that train no encoder.
DEFAULT = ("everyday", "speakers", "web-faces", "ferplus", "ravdess-voice", "ravdess-late", "javanese-av", "robust")


def evaluate(folder: Path, setting: Setting, names: Sequence[str], write: bool = True) -> dict[str, Any]:
    """Run protocols on a checkpoint folder, write the results into its config.json and card, and return them.

    With ``setting.dataset`` the only protocol is the user's data set. Raises EmorecError.
    """
    model = checkpoints.load(folder)
    # Layers that are fitted for a protocol get the same recordings as those of the checkpoint.
    setting = replace(setting, augmented=model.training.get(voice_head.AUGMENTED_ROWS, 0))
    costs = cost.measure(model)
    for name in names:
        protocol = own_data.own_data if setting.dataset else PROTOCOLS[name]
        found = metrics.round_floats(protocol(model, setting)) | {"cost": costs}
        # A user's data may be others than those of the results before.
        old = model.evaluation.get(name)
        told = ("what", "results")
        if write and setting.dataset and old and any(old[key] != found[key] for key in told):
            print(REPLACED.format(name=name, what=old["what"]))
        before = None if setting.dataset else _previous(old, found)
        if before:
            found["previous"] = before
        model.evaluation = in_order(model.evaluation | {name: found})
        print(table(name, found), flush=True)
        if write:
            with run_dir.writing(folder, NOT_WRITTEN):
                checkpoints.save_config(model, folder)
                card.write(model, folder)
    return model.evaluation


def in_order(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The protocols in the order of PROTOCOLS, then the others."""
    places = {name: place for place, name in enumerate(PROTOCOLS)}
    return dict(sorted(evaluation.items(), key=lambda item: places.get(item[0], len(places))))


def _previous(old: dict[str, Any] | None, found: dict[str, Any]) -> dict[str, float] | None:
    """The previous results of a protocol, if they differ from the new ones."""
    if not old:
        return None
    return old.get("previous") if old["results"] == found["results"] else old["results"]


def table(name: str, found: dict[str, Any]) -> str:
    """The results of a protocol as text."""
    lines = ["", f"{name}: {found['what']}", f"{found['metric']}, {found['items']:,} items"]
    width = max(len(way) for way in found["results"])
    for way, value in found["results"].items():
        between = found.get("intervals", {}).get(way)
        # Spreads of different protocols are of different things, and may contradict an interval beside them.
        rough = f"  (95 %: {between[0]:.1%} to {between[1]:.1%})" if between else f" ± {found['spread'][way]:.1%}"
        lines.append(f"  {way:<{width}}  {value:6.1%}{rough}")
    lines += [*_other_measures(found), *_confusion(found), *_calibration_and_cost(found)]
    return "\n".join(lines)


def _other_measures(found: dict[str, Any]) -> list[str]:
    """Lines about everything that is measured beside the metric."""
    lines: list[str] = []
    for name, called in found.get("called_neutral", {}).items():
        lines.append(f"  clear expressions called neutral, {name} prior: {called:.1%}")
    if recalls := found.get("unweighted_average_recall"):
        lines.append(
            "  unweighted average recall: " + ", ".join(f"{way} {value:.1%}" for way, value in recalls.items())
        )
    if "recall_even_prior" in found:
        lines.append(f"  unweighted average recall over seven, even prior: {found['recall_even_prior']:.1%}")
    for prior, corpora in found.get("priors", {}).items():
        for corpus, values in corpora.items():
            lines.append(
                f"  {corpus}, {prior} prior: neutral {values['neutral']:.1%}, surely negative "
                f"{values['surely_negative']:.1%}, mean confidence {values['confidence']:.2f}"
            )
    for corpus, recall in found.get("zero_shot", {}).items():
        lines.append(f"  acted emotions of {corpus}, left out of training, among its own: {recall:.1%}")
    if "these_weights" in found:
        lines.append(f"  these weights, on the people held out of their training: {found['these_weights']:.1%}")
    return lines


def _confusion(found: dict[str, Any]) -> list[str]:
    """Lines of the confusion matrix, with the recall of each label."""
    longest = max(len(label) for label in found["labels"])
    of = f" of {found['confusion_of']}" if "confusion_of" in found else ""
    lines = ["", f"  {'':<{longest}}  recall  confusion{of} (rows: truth; columns in the same order)"]
    for label, row in zip(found["labels"], found["confusion"], strict=True):
        counts = " ".join(f"{count:5d}" for count in row)
        recall = f"{found['recall'][label]:.1%}" if label in found["recall"] else "-"  # of a label without items
        lines.append(f"  {label:<{longest}}  {recall:>6} {counts}")
    return lines


def _calibration_and_cost(found: dict[str, Any]) -> list[str]:
    """Lines about the calibration error of each head, and the cost of each network."""
    lines: list[str] = []
    whole = {"": found["calibration_error"]} if "calibration_error" in found else {}
    errors = found.get("calibration_errors", whole)
    for head, error in errors.items():
        values = ", ".join(f"{value:.3f} {ERRORS[when]}" for when, value in error.items())
        lines.append(f"  expected calibration error{' of ' + head if head else ''}: {values}")
    for network, spent in found["cost"].items():
        lines.append(
            f"  {network}: {spent['parameters']:,} parameters, {spent['multiply_adds'] / 1e6:,.1f} M multiply-adds, "
            f"{spent['ms']:.2f} ms an item (one thread, batch {cost.BATCH})"
        )
    return lines


def options() -> argparse.ArgumentParser:
    """The ArgumentParser."""
    parser = argparse.ArgumentParser(description="Measure a checkpoint on held-out people and pictures.")
    parser.add_argument(
        "checkpoint",
        help="folder of a checkpoint, whose config and card get the results; or org/name on the Hub, with --no-write",
    )
    parser.add_argument("--data", type=Path, help="folder that holds FERPlus, RAVDESS, JavaneseAV, ...")
    parser.add_argument(
        "--predictions",
        type=Path,
        help=("folder of the networks' predictions for held-out people; without --data they are read from there"),
    )
    parser.add_argument("--runs", type=Path, help="folder of the training runs of the other folds")
    parser.add_argument("--protocol", help=f"comma-separated: {', '.join(PROTOCOLS)} (default {','.join(DEFAULT)})")
    parser.add_argument("--dataset", choices=sorted(layouts.READERS), help="layout of --data, if it is your own")
    parser.add_argument("--labels", type=Path, help="JSON file that maps your labels to emotions")
    parser.add_argument("--epochs", type=int, help="epochs of each training of cross-voice")
    parser.add_argument("--cache", type=Path, help="folder of packed data (default RUNS/cache)")
    parser.add_argument("--no-write", "--no_write", action="store_true", help="only print the results")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    parser = options()
    given = parser.parse_args(arguments)
    names = (given.protocol or ",".join(DEFAULT)).split(",")
    if given.dataset:
        if given.protocol:
            parser.error("give --protocol for the public data, or --dataset for your own")
        names = [f"{OWN}{given.dataset}"]
    elif unknown := [name for name in names if name not in PROTOCOLS]:
        parser.error(f"unknown protocol {unknown[0]}; there are {', '.join(PROTOCOLS)}")
    if not given.data and not given.predictions:
        parser.error("give the folder of the data by --data, or one of stored predictions by --predictions")
    cache = given.cache or (given.runs or Path("runs")) / "cache"
    torch.manual_seed(0)
    try:
        origin = pretrained.resolve(given.checkpoint)
        if not given.no_write and origin.folder != Path(given.checkpoint).expanduser():
            raise EmorecError(NO_FOLDER.format(checkpoint=given.checkpoint))
        for notice in origin.notices:
            print(notice)
        setting = Setting(
            data=given.data,
            runs=given.runs,
            cache=cache,
            dataset=given.dataset,
            labels=given.labels,
            epochs=given.epochs,
            predictions=given.predictions,
        )
        evaluate(origin.folder, setting, names, not given.no_write)
    except EmorecError as error:
        parser.exit(2, f"{error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "stopped\n" if given.no_write else STOPPED)


if __name__ == "__main__":
    main()
