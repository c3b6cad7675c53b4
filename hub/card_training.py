"""What the card says of the training of a checkpoint, and of the use that it allows."""

from __future__ import annotations

from typing import Any

from emorec.models import provenance

LICENCE_NAMES = {"cc-by-nc-sa-4.0": "CC BY-NC-SA 4.0"}
MISUSE = (
    "Showing roughly which expressions appear when in a recording is what it is for; a person looks at the rest.",
    "It must not decide, or help to decide, about a person: not in hiring, schools, policing, borders, insurance or "
    "diagnosis. Reading emotions at workplaces and schools is forbidden in the European Union (AI Act, article 5).",
    "Nobody should be analysed who has not agreed to it.",
    "Expressions differ between people and cultures, and between acting and life; a label is a guess about what was "
    "shown, never a fact about what was felt.",
)

# What the people who are held out were used for, if a whole fold is held out and if they validated the training.
HELD_OUT = {
    "fold": "The networks that read emotions never met {people}, so what they make of these people's faces and voices "
    "alone can be tried on them. The RAVDESS voices among these were used to build the face-voice pairs of the fusion; "
    "the network that finds out who speaks was trained on the Javanese actors, also on those among these.",
    "validation": "The weights were not trained on {people}, but these people validated the training: they chose the "
    "weights that were kept, and the calibration was fitted to them. Measure the weights on other people.",
}


def text(training: dict[str, Any]) -> str:
    """The sections about training data and training time."""
    lines = ["## Training data", ""]
    if sources := provenance.sources(training):
        lines += ["| data | used for | what of it | licence |", "|---|---|---|---|"]
        lines += [f"| {source.name} | {source.use} | {source.items} | {source.licence} |" for source in sources]
        lines += [""]
    if training.get("held_out"):
        kind = "validation" if training.get("held_out_fold") is None else "fold"
        lines += [HELD_OUT[kind].format(people=", ".join(training["held_out"])), ""]
    return "\n".join([*lines, "## Training time", "", _time(training)])


def limits(training: dict[str, Any]) -> str:
    """The section about limits, misuse and the licence."""
    named = provenance.licence(training) or "not stated"
    licence = LICENCE_NAMES.get(named, named)
    return "\n".join(
        [
            "## Limits and misuse",
            "",
            *(f"- {limit}" for limit in (*provenance.limits(training), *MISUSE)),
            "",
            f"Licence of these weights: {licence}, as their training data demand. The code of emorec is MIT.",
        ]
    )


def _time(training: dict[str, Any]) -> str:
    """From ``training["compute"]``: a list of {"part"} and, as far as known, "hours", "device" and "kwh"."""
    compute = training.get("compute") or []
    finished = f" Finished on {training['finished']}." if training.get("finished") else ""
    if not any("hours" in entry for entry in compute):
        return f"How long training took, and how much energy it used, was not recorded.{finished}"
    parts = "; ".join(f"{entry['part']}: {_spent(entry)}" for entry in compute)
    energy = sum(entry.get("kwh", 0.0) for entry in compute)
    drawn = f", about {energy:.1f} kWh" if energy else "; how much energy it used was not measured"
    return f"{parts}{drawn}.{finished}"


def _spent(entry: dict[str, Any]) -> str:
    if "hours" not in entry:
        return "not recorded"
    hours = entry["hours"]
    device = f" on {entry['device']}" if "device" in entry else ""
    if hours < 1 / 60:
        return f"less than 1 min{device}"
    return (f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min") + device
