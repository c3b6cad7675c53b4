"""Training metadata of a fine-tuned checkpoint: persons, data, licences and limits of each of its parts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any

from emorec.emotions import EMOTIONS, emotion_of
from emorec.models.provenance import UNKNOWN, UNTRAINED
from train.data.corpora import Corpus

PARTS = ("face", "voice", "fusion")
LIMITS = {
    "one": "The {part} network was trained on one data set ({dataset}, {items} items): how it does on other people and "
    "recordings is unknown.",
    "tuned": "The {part} network was fine-tuned on one data set ({dataset}, {items} items): how it does on other "
    "people and recordings is unknown.",
    "start": "The {part} network started from the weights in {start}; who and what they were trained on, and under "
    "which licence, is not stated.",
    "missing": "Emotions that its training data lack ({missing}) are hardly ever recognised by the {part} network.",
    "unknown": UNKNOWN,
    "late": "Of the fusion only the calibration and the weights of face and voice were fitted, to the validation items "
    "of one data set ({dataset}): how it does on other people and recordings is unknown.",
    "untrained": UNTRAINED,
    "relative": "The voice network has no layer for voices relative to their speaker's usual voice, which fine-tuning "
    "leaves out: the baseline `speaker` changes nothing.",
}
# What limits say that are about one part alone, those of the bundled weights included.
ABOUT = {
    "face": ("face network", "in its face data", "Faces:"),
    "voice": ("voice network", "in its voice data", "Voices:", "Voices of a language"),
    "fusion": ("fusion network", "in its fusion data", "Of the fusion", LIMITS["untrained"]),
}

UNKNOWN_PEOPLE = tuple(LIMITS["unknown"].format(part=part) for part in PARTS)


def training_of_run(
    part: str,
    corpus: Corpus,
    dataset: str,
    items: int,
    base: dict[str, Any],
    init_from_base: bool,
    late: bool = False,
    start: str | None = None,
) -> dict[str, Any]:
    """The metadata of a checkpoint whose ``part`` was trained on a Corpus; ``base`` is the base model's.

    ``late`` says that the part is the fusion, and that no network was trained; ``start`` is the name of a file of
    weights that the part started from.
    """
    parts = {name: people_of(base, name) for name in PARTS}
    parts[part] = unique([*corpus.people, *(parts[part] if init_from_base else ())])
    validated = {name: validated_by(base, name) for name in PARTS}
    validated[part] = unique([*corpus.held_out, *(validated[part] if init_from_base else ())])
    inherited = {name for name in PARTS if name != part} | ({part} if init_from_base else set())
    if part != "fusion":
        parts["fusion"] = validated["fusion"] = []
        inherited.discard("fusion")
    else:  # which also fits the calibration of both modalities
        validated |= {name: unique([*corpus.held_out, *validated[name]]) for name in ("face", "voice")}
    kind = "late" if late else "tuned" if init_from_base else "one"
    limits = [LIMITS[kind].format(part=part, dataset=dataset, items=items)]
    if start:
        limits.append(LIMITS["start"].format(part=part, start=start))
    limits += _limits_of_corpus(part, corpus)
    if part == "voice":
        limits.append(LIMITS["relative"])
    inherited_limits = [limit for limit in base.get("limits", ()) if part_of(limit) in (None, *inherited)]
    if part != "fusion":
        limits.append(LIMITS["untrained"])
    elif late:
        limits += [limit for limit in base.get("limits", ()) if limit == LIMITS["untrained"]]
    else:
        inherited_limits = [limit for limit in inherited_limits if limit != LIMITS["untrained"]]
    source = {"name": dataset, "use": part, "items": f"{items} items", "licence": "as its owner says"}
    # The run fits the calibration again, to its own items.
    kept = [one for one in _sources(base, inherited) if not one["use"].startswith(f"calibration of {part}")]
    return {
        "held_out_fold": None,
        "parts": parts,
        "validated": validated,
        **_people_lists(parts, validated),
        "sources": [source, *kept],
        "limits": unique([*limits, *inherited_limits]),
        "licence": base.get("licence", "other") if kept else "other",
        "finished": time.strftime("%Y-%m-%d"),
    }


def _limits_of_corpus(part: str, corpus: Corpus) -> list[str]:
    """What the labels and the persons of a Corpus limit."""
    limits = []
    if missing := sorted(set(EMOTIONS) - {emotion_of(label) for label in corpus.labels}):
        limits.append(LIMITS["missing"].format(part=part, missing=", ".join(missing)))
    if not corpus.known_people:
        limits.append(LIMITS["unknown"].format(part=part))
    return limits


def join_runs(runs: dict[str, dict[str, Any]], base: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a checkpoint of encoders that separate runs trained, by part, with the rest from ``base``."""
    parts = {name: people_of(base, name) for name in PARTS} | {"fusion": []}
    parts |= {name: people_of(run, name) for name, run in runs.items()}
    validated = {name: validated_by(runs.get(name, base), name) for name in ("face", "voice")} | {"fusion": []}
    inherited = _sources(base, {name for name in ("face", "voice") if name not in runs})
    own = [source for name, run in runs.items() for source in run["sources"] if name in source["use"]]
    sources = unique([*own, *inherited])
    from_base = any(source in base.get("sources", ()) for source in sources)
    return next(iter(runs.values())) | {
        "parts": parts,
        "validated": validated,
        **_people_lists(parts, validated),
        "sources": sources,
        "limits": unique(
            limit
            for name, run in runs.items()
            for limit in run["limits"]
            if part_of(limit) == name or part_of(limit) not in runs
        ),
        "licence": base.get("licence", "other") if from_base else "other",
    }


def people_of(training: dict[str, Any], part: str) -> list[str]:
    """The persons that one part of a checkpoint was trained on; if that is not known, all persons of its training."""
    return training.get("parts", {}).get(part, training.get("persons", []))


def validated_by(training: dict[str, Any], part: str) -> list[str]:
    """The persons that chose and calibrated one part of a checkpoint; if that is not known, all that validated any.

    Those of a whole fold that is held out, as for the bundled weights, were not validated on.
    """
    anyone = training.get("held_out", []) if training.get("held_out_fold") is None else []
    return training.get("validated", {}).get(part, anyone)


def part_of(limit: str) -> str | None:
    """The part that a limit is about; None if it is about all of them."""
    return next((part for part, words in ABOUT.items() if any(word in limit for word in words)), None)


def _people_lists(parts: dict[str, list[str]], validated: dict[str, list[str]]) -> dict[str, list[str]]:
    """All ``persons`` of training, and those ``held_out`` of it who validated it, sorted."""
    persons = {person for people in parts.values() for person in people}
    return {
        "persons": sorted(persons),
        "held_out": sorted({person for people in validated.values() for person in people} - persons),
    }


def people_trained_on(training: dict[str, Any], parts: Sequence[str], corpus: Corpus) -> list[str]:
    """The validation persons of a Corpus that one of the parts of a checkpoint was trained on, sorted."""
    return sorted({person for part in parts for person in people_of(training, part)} & set(corpus.held_out))


def _sources(training: dict[str, Any], inherited: set[str]) -> list[dict[str, str]]:
    """The sources of the parts that are kept."""
    return [source for source in training.get("sources", ()) if any(part in source["use"] for part in inherited)]


def unique(values: Iterable[Any]) -> list[Any]:
    """Values in order, each once."""
    out: list[Any] = []
    for value in values:
        if value not in out:
            out.append(value)
    return out
