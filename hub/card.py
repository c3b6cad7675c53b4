"""The model card: a checkpoint's README.md, generated from what its config.json holds. Never edited by hand."""

from pathlib import Path

from emorec.checkpoint import CARD_FILE
from emorec.emotions import EMOTIONS

FRONT_MATTER = """---
library_name: emorec
pipeline_tag: video-classification
license: {licence}
tags:
- emotion-recognition
- facial-expression-recognition
- speech-emotion-recognition
---"""

LICENCE_NAMES = {"cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0"}


def write(model, folder):
    """Write the card of a checkpoint into its folder."""
    Path(folder, CARD_FILE).write_text(text(model), encoding="utf-8")


def text(model):
    """The card of a ``Checkpoint`` as Markdown."""
    parts = [
        FRONT_MATTER.format(licence=model.training["licence"]),
        _summary(model),
        _usage(),
        *(_protocol(name, found) for name, found in model.evaluation.items()),
        _training(model.training),
        _limits(model.training),
    ]
    return "\n\n".join(parts) + "\n"


def _summary(model):
    sizes = ", ".join(
        f"{name} {sum(p.numel() for p in getattr(model, name).parameters()) / 1e6:.2f} M parameters"
        for name in ("face", "voice", "fusion")
    )
    return (
        "# emorec default weights\n\n"
        f"Small convolutional networks ({sizes}) that read {', '.join(EMOTIONS[:-1])} and {EMOTIONS[-1]} "
        "from faces and voices in video and audio. What follows was measured by `train/evaluate.py` and written by it."
    )


def _usage():
    return "```python\nimport emorec\n\ntimeline = emorec.analyze('interview.mp4', fusion='late', step=1.0)\n```"


def _protocol(name, found):
    lines = [f"## {name}", "", f"{found['what']}: {found['metric']} on {found['items']:,} items.", ""]
    lines += ["| | " + found["metric"] + " | ± |", "|---|---|---|"]
    lines += [f"| {way} | {value:.1%} | {found['spread'][way]:.1%} |" for way, value in found["results"].items()]
    if "these_weights" in found:
        lines += ["", f"These very weights, on the people of their own held-out fold: {found['these_weights']:.1%}."]
    recalls = ", ".join(f"{label} {value:.0%}" for label, value in found["recall"].items())
    lines += ["", f"Recall by label: {recalls}."]
    errors = found["calibration_error"]
    said = ", ".join(f"{value:.1%} {when} calibration" for when, value in errors.items())
    lines += ["", f"Expected calibration error over the seven emotions: {said}.", ""]
    lines += ["Confusion (rows: truth):", "", "| | " + " | ".join(found["labels"]) + " |"]
    lines += ["|---" * (len(found["labels"]) + 1) + "|"]
    lines += [
        f"| {label} | " + " | ".join(str(count) for count in row) + " |"
        for label, row in zip(found["labels"], found["confusion"], strict=True)
    ]
    return "\n".join(lines)


def _training(training):
    lines = ["## Training data", "", "| data | used for | what of it | licence |", "|---|---|---|---|"]
    lines += [f"| {s['name']} | {s['use']} | {s['items']} | {s['licence']} |" for s in training["sources"]]
    held_out = ", ".join(training["held_out"])
    lines += [
        "",
        f"The face and voice networks never met {held_out}, so the weights can be tried on them. "
        "The RAVDESS voices among these made the fusion's pairs; the Javanese actors among them were used nowhere.",
    ]
    return "\n".join(lines)


def _limits(training):
    licence = LICENCE_NAMES.get(training["licence"], training["licence"])
    return "\n".join([
        "## Limits",
        "",
        *(f"- {limit}" for limit in training["limits"]),
        "",
        f"Licence of these weights: {licence}, as their training data demand. The code of emorec is MIT.",
    ])  # fmt: skip
