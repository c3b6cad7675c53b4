"""A protocol's confusion matrix as a picture for the model card. Knows no emorec."""

import vl_convert

CELL = 46  # pixels
SCALE = 2  # for sharp text on dense screens
PALE = 0.5  # share of a row under which the number in its cell is written dark on pale


def png(labels, confusion, title):
    """PNG bytes: rows the truth, columns what was said, shaded by the share of the row, with the counts."""
    cells = [
        {"truth": truth, "said": said, "count": count, "share": count / max(sum(row), 1)}
        for truth, row in zip(labels, confusion, strict=True)
        for said, count in zip(labels, row, strict=True)
    ]
    axes = {
        "x": {"field": "said", "type": "nominal", "sort": labels, "axis": {"orient": "top", "labelAngle": -40}},
        "y": {"field": "truth", "type": "nominal", "sort": labels},
    }
    axes["x"]["axis"]["title"], axes["y"]["axis"] = "said", {"title": "truth"}
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
