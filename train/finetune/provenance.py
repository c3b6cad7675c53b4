"""What a checkpoint tells of its training: on whom and on what each of its parts learned, and what that limits."""

import time

from emorec.emotions import EMOTIONS, emotion_of

PARTS = ("face", "voice", "fusion")
LIMITS = {
    "one": "The {part} network was trained on one data set ({dataset}, {items} items): how it does on other people and "
    "recordings is unknown.",
    "missing": "Emotions that its training data lack ({missing}) are hardly ever recognised by the {part} network.",
    "unknown": "Whom its {part} data show is not known, so validation may have met the people of training.",
    "untrained": "Intermediate fusion was not trained: it adds up what face and voice say.",
}


def of_run(part, corpus, dataset, items, base, warm):
    """The facts of a checkpoint whose ``part`` a run trained on a Corpus; ``base`` are those of the model under it."""
    parts = {name: people_of(base, name) for name in PARTS}
    parts[part] = unique([*corpus.people, *(parts[part] if warm else ())])
    kept = {name for name in PARTS if name != part} | ({part} if warm else set())
    if part != "fusion":
        parts["fusion"] = []
        kept.discard("fusion")
    limits = [LIMITS["one"].format(part=part, dataset=dataset, items=items)]
    if missing := sorted(set(EMOTIONS) - {emotion_of(label) for label in corpus.labels}):
        limits.append(LIMITS["missing"].format(part=part, missing=", ".join(missing)))
    if not corpus.known_people:
        limits.append(LIMITS["unknown"].format(part=part))
    if part != "fusion":
        limits.append(LIMITS["untrained"])
    source = {"name": dataset, "use": part, "items": f"{items} items", "licence": "as its owner says"}
    return {
        "held_out_fold": None,
        "parts": parts,
        "persons": sorted({person for people in parts.values() for person in people}),
        "held_out": sorted(set(corpus.held_out) - {person for people in parts.values() for person in people}),
        "sources": [source, *_sources(base, kept)],
        "limits": unique([*limits, *base.get("limits", ())]),
        "licence": base.get("licence", "other") if _sources(base, kept) else "other",
        "finished": time.strftime("%Y-%m-%d"),
    }


def joined(runs, base):
    """The facts of a checkpoint made of encoders that separate runs trained, by part, the rest from ``base``."""
    parts = {name: people_of(base, name) for name in PARTS} | {"fusion": []}
    parts |= {name: people_of(run, name) for name, run in runs.items()}
    persons = {person for people in parts.values() for person in people}
    kept = _sources(base, {name for name in ("face", "voice") if name not in runs})
    own = [source for name, run in runs.items() for source in run["sources"] if source["use"] == name]
    licences = {run["licence"] for run in runs.values()}
    return next(iter(runs.values())) | {
        "parts": parts,
        "persons": sorted(persons),
        "held_out": sorted({person for run in runs.values() for person in run["held_out"]} - persons),
        "sources": unique([*own, *kept]),
        "limits": unique(limit for run in runs.values() for limit in run["limits"]),
        "licence": base.get("licence", "other") if kept else min(licences) if len(runs) == 1 else "other",
    }


def people_of(training, part):
    """The persons that one part of a checkpoint learned from; where that is not told, everybody it names."""
    return training.get("parts", {}).get(part, training.get("persons", []))


def _sources(training, kept):
    """The sources of the parts that are kept."""
    return [source for source in training.get("sources", ()) if any(part in source["use"] for part in kept)]


def unique(values):
    """Values in order, each once."""
    out = []
    for value in values:
        if value not in out:
            out.append(value)
    return out
