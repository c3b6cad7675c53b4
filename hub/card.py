"""The model card: a checkpoint's README.md and its pictures, generated from its config.json, never edited by hand.

A protocol must have `what`, `metric`, `items` and `results`; missing optional parts are left out of the card.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emorec import files
from emorec.emotions import EMOTIONS, emotion_of
from emorec.models import provenance
from emorec.models.checkpoint import CARD_FILE, Checkpoint
from hub import card_calibration, card_results, card_training

TAGS = ("emotion-recognition", "facial-expression-recognition", "speech-emotion-recognition")
METRIC_TYPES = {"unweighted average recall": "recall"}  # the Hub's names of metrics that differ from ours
# The Hub's task by the modalities of a protocol.
TASKS: dict[tuple[str, ...], str] = {("face",): "image-classification", ("voice",): "audio-classification"}
OTHER_TASK = "video-classification"

OWN_FOLDER = "FOLDER/OF/THIS/FILE"
DEFAULT_NAME, OTHER_NAME = "emorec default weights", "emorec weights trained on own data"


def write(model: Checkpoint, folder: str | Path, name: str | None = None) -> list[Path]:
    """Write the card of a checkpoint and its pictures into a folder; returns the files. ``name`` is as in ``text``."""
    from hub import confusion, reliability  # imported late, because the drawing library takes long to load

    written = [Path(folder, CARD_FILE)]
    files.write(written[0], text(model, name).encode())
    for protocol, found in model.evaluation.items():
        if "confusion" in found:
            written.append(Path(folder, picture_of(protocol)))
            files.write(written[-1], confusion.png(list(found["labels"]), found["confusion"], protocol))
        if found.get("reliability"):
            written.append(Path(folder, diagram_of(protocol)))
            # Heads out of domain come first; the sort is stable.
            heads = sorted(
                found["reliability"].items(), key=lambda head: provenance.in_domain(found, head[0]) is not False
            )
            files.write(written[-1], reliability.png(dict(heads), protocol))
    return written


def text(model: Checkpoint, name: str | None = None) -> str:
    """The card of a ``Checkpoint`` as Markdown; ``name`` is its ``org/name`` or ``org/name@tag`` on the Hub."""
    parts = [
        f"---\n{front_matter(model, name)}\n---",
        _summary(model, name),
        _usage(name, provenance.is_own(model.evaluation)),
        _inputs(model),
        card_results.text(model.evaluation),
        "## Each protocol" if model.evaluation else None,
        *(_protocol(protocol, found) for protocol, found in card_results.order_protocols(model.evaluation).items()),
        card_calibration.text(model),
        _cost(model.evaluation),
        card_training.text(model.training),
        card_training.limits(model.training),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def picture_of(protocol: str) -> str:
    """File name of a protocol's confusion matrix."""
    return f"confusion-{protocol}.png"


def diagram_of(protocol: str) -> str:
    """File name of a protocol's reliability diagrams."""
    return f"reliability-{protocol}.png"


def front_matter(model: Checkpoint, name: str | None = None) -> str:
    """The card's metadata as YAML, with every measured number as ``model-index``."""
    from huggingface_hub import EvalResult, ModelCardData  # imported late, because evaluation does not need it

    measured = [
        EvalResult(
            task_type=TASKS.get(_modalities(found), OTHER_TASK),
            dataset_type=found.name,
            dataset_name=found.what,
            metric_type=METRIC_TYPES.get(found.metric, found.metric),
            metric_name=f"{found.metric} ({result.way})",
            metric_value=result.value,
        )
        for found in provenance.protocols(model.evaluation)
        for result in found.results
    ]
    data = ModelCardData(
        library_name="emorec",
        pipeline_tag="video-classification",
        license=provenance.licence(model.training) or "other",
        tags=list(TAGS),
        model_name=_title(model, name),
        eval_results=measured or None,
    )
    return data.to_yaml()


def _modalities(found: provenance.Protocol) -> tuple[str, ...]:
    """What a protocol's results begin with: ("face",) for "face" and "face, everyday prior"."""
    return tuple(dict.fromkeys(result.way.split(",")[0] for result in found.results))


def _title(model: Checkpoint, name: str | None) -> str:
    if name:
        return name.partition("@")[0]
    return OTHER_NAME if provenance.is_own(model.evaluation) else DEFAULT_NAME


def _summary(model: Checkpoint, name: str | None) -> str:
    sizes = ", ".join(
        f"{part} {sum(p.numel() for p in getattr(model, part).parameters()) / 1e6:.2f} M parameters"
        for part in ("face", "voice", "fusion")
    )
    return (
        f"# {_title(model, name)}\n\n"
        f"Small convolutional networks ({sizes}) that read {', '.join(EMOTIONS[:-1])} and {EMOTIONS[-1]} "
        f"from faces and voices in video and audio. {_measured_by(model.evaluation)}This card is written from the "
        "checkpoint's configuration."
    )


def _measured_by(evaluation: dict[str, Any]) -> str:
    """A sentence about what measured the results, with a space at its end; "" if there are none."""
    own = [name for name in evaluation if name.startswith(provenance.VALIDATION)]
    if len(own) < len(evaluation):
        others = (
            f", except those of {', '.join(f'`{name}`' for name in own)}, which its training measured" if own else ""
        )
        return f"`train/evaluate.py` measured the results below{others}. "
    return "Its training measured the results below, on the items that chose the weights. " if own else ""


def _usage(name: str | None, own: bool) -> str:
    place = name or (OWN_FOLDER if own else None)  # weights that are neither on the Hub nor bundled have no name
    chosen = f", model_path='{place}'" if place else ""
    lines = ["## Use", "", "```python", "import emorec", ""]
    lines += [f"timeline = emorec.analyze('interview.mp4', fusion='late', step=1.0{chosen})", "```"]
    if name:
        lines += ["", f"or `EMOREC_MODEL={name} make app`, or `python -m emorec analyze FILE --model_path {name}`."]
    return "\n".join(lines)


def _inputs(model: Checkpoint) -> str:
    front = model.front_end
    lines = [
        "## Inputs and labels",
        "",
        f"- Faces: grey crops of {model.face.config.size} by {model.face.config.size} pixels, aligned by eyes, nose "
        "and mouth.",
        f"- Voices: {front.n_mels} log-mel bands of mono sound at {front.rate / 1000:g} kHz, a vector every "
        f"{model.voice.FRAMES_PER_HOP * front.frame / front.rate:.3g} s.",
        "",
        "| head | its labels, and what each counts as |",
        "|---|---|",
        f"| face | {_label_list(model.face.config.labels)} |",
    ]
    lines += [f"| voice, {head} | {_label_list(labels)} |" for head, labels in model.voice.config.heads.items()]
    lines += [f"| fusion | {_label_list(model.fusion.config.labels)} |"]
    return "\n".join(lines)


def _label_list(labels: Any) -> str:
    counted = ((label, emotion_of(label)) for label in labels)
    return ", ".join(
        label if label == emotion else f"{label} → {emotion or 'left out, the rest renormalised'}"
        for label, emotion in counted
    )


def _protocol(protocol: str, found: dict[str, Any]) -> str:
    windows = f" in {found['windows']:,} windows, each of which counts" if "windows" in found else ""
    of = found.get("confusion_of")
    lines = [f"### {protocol}", "", f"{found['what']}: {found['metric']} on {found['items']:,} items{windows}.", ""]
    if "domain" in found:
        lines += [found["domain"], ""]
    if "these_weights" in found:
        lines += [f"The shipped weights alone, on people they were not trained on: {found['these_weights']:.1%}.", ""]
    if "unweighted_average_recall" in found:
        recalls = ", ".join(f"{way} {value:.1%}" for way, value in found["unweighted_average_recall"].items())
        lines += [f"Unweighted average recall: {recalls}.", ""]
    if "recall" in found:
        recalls = ", ".join(f"{label} {value:.0%}" for label, value in found["recall"].items())
        lines += [f"Recall by label{f' ({of})' if of else ''}: {recalls}.", ""]
    if "confusion" in found:
        lines += [f"![Confusion matrix of {protocol}]({picture_of(protocol)})", ""]
        lines += [f"<details><summary>The same as a table ({f'{of}; ' if of else ''}rows: truth)</summary>", ""]
        lines += ["| | " + " | ".join(found["labels"]) + " |", "|---" * (len(found["labels"]) + 1) + "|"]
        lines += [
            f"| {label} | " + " | ".join(str(count) for count in row) + " |"
            for label, row in zip(found["labels"], found["confusion"], strict=True)
        ]
        lines += ["", "</details>"]
    if found.get("reliability"):
        lines += ["", f"![Reliability diagrams of {protocol}]({diagram_of(protocol)})"]
    return "\n".join(lines).rstrip()


def _cost(evaluation: dict[str, Any]) -> str | None:
    """From the ``cost`` of the last protocol that has one: {network: {"parameters", "multiply_adds", "ms"}}."""
    costs = [found["cost"] for found in evaluation.values() if "cost" in found]
    if not costs:
        return None
    lines = ["## Cost", "", "| network | parameters | multiply-adds | ms an item, one thread |", "|---|---|---|---|"]
    lines += [
        f"| {name} | {spent['parameters']:,} | {spent['multiply_adds'] / 1e6:,.1f} M | {spent['ms']:.2f} |"
        for name, spent in costs[-1].items()
    ]
    return "\n".join(lines)
