"""Draw a confusion matrix as a picture for the model card. Imports nothing of emorec."""

from collections.abc import Sequence

import vl_convert

CELL = 46  # pixels
SCALE = 2  # for sharp text on dense screens
PALE = 0.5  # cells with at most this share of their row have a dark number on a pale ground


def png(labels: Sequence[str], confusion: Sequence[Sequence[int]], title: str) -> bytes:
    """PNG bytes: rows are the truth, columns the predictions, shaded by the share of the row, with the counts."""
    cells = [
        {"truth": truth, "predicted": predicted, "count": count, "share": count / max(sum(row), 1)}
        for truth, row in zip(labels, confusion, strict=True)
        for predicted, count in zip(labels, row, strict=True)
    ]
    axes = {
        "x": {"field": "predicted", "type": "nominal", "sort": labels, "axis": {"orient": "top", "labelAngle": -40}},
        "y": {"field": "truth", "type": "nominal", "sort": labels},
    }
    axes["x"]["axis"]["title"], axes["y"]["axis"] = "predicted", {"title": "truth"}
    shade = {"field": "share", "type": "quantitative", "scale": {"scheme": "blues", "domain": [0, 1]}, "legend": None}
    ink = {"condition": {"test": f"datum.share > {PALE}", "value": "white"}, "value": "#333"}
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "background": "white",
        "width": {"step": CELL},
        "height": {"step": CELL},
        "data": {"values": cells},
        "encoding": axes,
        "layer": [
            {"mark": "rect", "encoding": {"color": shade}},
            {"mark": "text", "encoding": {"text": {"field": "count", "type": "quantitative"}, "color": ink}},
        ],
    }
    return vl_convert.vegalite_to_png(chart, vl_version="5.21", scale=SCALE)
