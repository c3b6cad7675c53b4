"""The part of a model card with the measured numbers, out of domain first, and the calibration error there.

A result is out of domain if its protocol names it in ``out_of_domain``; a protocol without that list states neither.
"""

from __future__ import annotations

from typing import Any

from emorec.models import provenance

TARGET = 0.08  # expected calibration error out of domain that the project aims at
DOMAINS = (
    "**Out of domain** means that the networks were not trained on any recording or picture of the same corpus: its "
    "people, its equipment and the way it was labelled are new to them, as yours are. **In domain** means that other "
    "people or pictures of the same corpus trained them, so these numbers are higher than you can expect of your own "
    "recordings."
)
PARTS = "A result that names a corpus, or a kind of recording, was measured on a part of the items of its protocol."
BRACKETS = "In brackets is the 95 % interval."
ITEMS = "Recordings are drawn if their speakers have no names, items if the people are unknown or too few to be drawn."
DRAWN, WILSON = ("people", "recordings", "items"), "wilson"  # how intervals are found: by drawing these, or by Wilson
HEADINGS = {False: "Out of domain", True: "In domain", None: "Not stated whether in or out of domain"}
Rows = list[tuple[provenance.Protocol, provenance.Result]]


def text(evaluation: dict[str, Any]) -> str:
    """The results of all protocols as Markdown: a table for each of HEADINGS, and the calibration out of domain."""
    if not evaluation:
        return "## Results\n\nNot measured yet."
    rows = [(found, result) for found in provenance.protocols(evaluation) for result in found.results]
    parts = ["## Results"]
    if any(result.interval for _, result in rows):
        parts.append(_intervals(evaluation))
    parts.append(PARTS)
    stated = [heading for heading in (False, True) if any(result.in_domain is heading for _, result in rows)]
    if not stated:
        return "\n\n".join([*parts, _table(rows, evaluation), *_explain_before(evaluation)])
    parts.append(DOMAINS)
    for domain, heading in HEADINGS.items():
        if chosen := [row for row in rows if row[1].in_domain is domain]:
            parts += [f"### {heading}", _table(chosen, evaluation)]
        if domain is False and (errors := _errors(evaluation)):
            parts.append(errors)
    return "\n\n".join([*parts, *_explain_before(evaluation)])


def order_protocols(evaluation: dict[str, Any]) -> dict[str, Any]:
    """The protocols with those that have a result out of domain first, else in their order."""
    return dict(sorted(evaluation.items(), key=lambda item: not _has_foreign(item[1])))


def _has_foreign(found: dict[str, Any]) -> bool:
    return any(provenance.in_domain(found, way) is False for way in found["results"])


def _intervals(evaluation: dict[str, Any]) -> str:
    """What the intervals in brackets are, and of which results."""
    names: dict[str, list[str]] = {kind: [] for kind in (*DRAWN, WILSON)}
    for name, found in evaluation.items():
        by = {
            way: found.get("interval_by", {}).get(way, found.get("resampled", WILSON))
            for way in found.get("intervals", {})
        }
        for kind in names:
            ways = [way for way, its in by.items() if its == kind]
            if ways:
                names[kind].append(f"`{name}`" if len(ways) == len(by) else f"`{name}` ({'; '.join(ways)})")
    drawn = [f"{kind} in {', '.join(names[kind])}" for kind in DRAWN if names[kind]]
    methods = [f"of a bootstrap with 1,000 draws of {' and of '.join(drawn)}. {ITEMS}"] if drawn else []
    methods += (
        [f"of Wilson's score, which holds for few items too, in {', '.join(names[WILSON])}."] if names[WILSON] else []
    )
    return (
        " It is that ".join(["In brackets is the 95 % interval " + methods[0], *methods[1:]]) if methods else BRACKETS
    )


def _table(rows: Rows, evaluation: dict[str, Any]) -> str:
    before = {(found.name, result.way): _before(evaluation, found, result) for found, result in rows}
    has_before = any(value is not None for value in before.values())
    lines = [
        "| protocol | measured | | items of the protocol |" + (" before |" if has_before else ""),
        "|---|---|---|---|" + ("---|" if has_before else ""),
    ]
    for found, result in rows:
        old = before[found.name, result.way]
        last = f" {'' if old is None else f'{old:.1%}'} |" if has_before else ""
        lines.append(f"| {found.name} | {found.metric}, {result.way} | {result.text()} | {found.items:,} |{last}")
    return "\n".join(lines)


def _before(evaluation: dict[str, Any], found: provenance.Protocol, result: provenance.Result) -> float | None:
    return evaluation[found.name].get("previous", {}).get(result.way)


def _explain_before(evaluation: dict[str, Any]) -> list[str]:
    has_before = any("previous" in found for found in evaluation.values())
    return ["*Before* are the results of the weights that these replace."] if has_before else []


def heads(found: dict[str, Any]) -> dict[str, dict[str, float]]:
    """The calibration errors of a protocol by head; a protocol with a single error has its head's name, or ""."""
    if found.get("calibration_errors"):
        return found["calibration_errors"]
    error = found.get("calibration_error")
    return {next(iter(found.get("reliability", {})), ""): error} if error else {}


def _errors(evaluation: dict[str, Any]) -> str | None:
    """The expected calibration errors of the heads that are out of domain, against TARGET."""
    errors = {
        (name, head): error
        for name, found in evaluation.items()
        for head, error in heads(found).items()
        if provenance.in_domain(found, head) is False and "after" in error
    }
    if not errors:
        return None
    reached = sum(error["after"] <= TARGET for error in errors.values())
    worst = max(errors, key=lambda key: errors[key]["after"])
    lines = [
        "Expected calibration error out of domain, under an even prior and with every emotion weighing alike unless "
        "the head names another prior; then emotions are as common as in the recordings. "
        f"The target is {TARGET:.1%} or less for every head. "
        f"{reached} of {len(errors)} reach it; the largest error is {errors[worst]['after']:.1%} "
        f"({', '.join(part for part in worst if part)}).",
        "",
        "| protocol | head | error | target reached | smallest possible for so few items |",
        "|---|---|---|---|---|",
    ]
    for (name, head), error in errors.items():
        perfect = f"{error['perfect']:.1%}" if "perfect" in error else ""
        met = "yes" if error["after"] <= TARGET else "no"
        lines.append(f"| {name} | {head} | {error['after']:.1%} | {met} | {perfect} |")
    return "\n".join(lines)
