"""How accurate a checkpoint was measured to be, as it says of itself, in a form that can be shown."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One measurement in words: its ``name``, of ``what``, by which ``metric``, on how many ``items`` ("": not said).

    ``results`` holds "62.5%", or "62.5% ± 1.0%" if the spread is known, for each way of measuring.
    """

    name: str
    what: str
    metric: str
    items: str
    results: dict[str, str]


def measured(evaluation: object) -> Iterator[Measured]:
    """Every usable measurement in a checkpoint's ``evaluation``; what others wrote there may lack anything."""
    for name, found in evaluation.items() if isinstance(evaluation, Mapping) else ():
        if not isinstance(found, Mapping) or not isinstance(found.get("results"), Mapping):
            continue
        spread = found["spread"] if isinstance(found.get("spread"), Mapping) else {}
        results = {
            str(way): f"{value:.1%}" + (f" ± {spread[way]:.1%}" if _is_number(spread.get(way)) else "")
            for way, value in found["results"].items()
            if _is_number(value)
        }
        if results:
            items = found.get("items")
            yield Measured(
                name=str(name),
                what=str(found.get("what", name)),
                metric=str(found.get("metric", "")),
                items=f"{items:,}" if _is_number(items) else "",
                results=results,
            )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
