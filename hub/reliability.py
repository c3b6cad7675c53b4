"""Draw reliability diagrams as a picture for the model card. Imports nothing of emorec."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import vl_convert
from PIL import Image

BINS = 15  # equal bins of confidence, as in the expected calibration error
SIDE = 200  # pixels of a diagram
COLUMNS = 3
SCALE = 1.5  # for sharp text on dense screens
COLOURS = 32  # of the stored picture, which makes it a tenth as large
BAR, LINE, INK = "#9ecae1", "#888", "#333"

Bin = Mapping[str, float]


def error(bins: Sequence[Bin]) -> float:
    """The expected calibration error of the bins of a head: the mean gap between confidence and share right."""
    return sum(one["share"] * abs(one["confidence"] - one["right"]) for one in bins)


def png(heads: Mapping[str, Sequence[Bin]], title: str) -> bytes:
    """PNG bytes: a diagram for each head of the share that is right against confidence, with the items of each bin."""
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": title,
        "background": "white",
        "columns": COLUMNS,
        "concat": [_diagram(head, bins) for head, bins in heads.items()],
    }
    drawn = Image.open(io.BytesIO(vl_convert.vegalite_to_png(chart, vl_version="5.21", scale=SCALE)))
    stored = io.BytesIO()
    drawn.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(stored, "PNG", optimize=True)
    return stored.getvalue()


def _diagram(head: str, bins: Sequence[Bin]) -> dict[str, Any]:
    values = [dict(one) | {"low": one["bin"] / BINS, "high": (one["bin"] + 1) / BINS} for one in bins]
    shares = {"type": "quantitative", "scale": {"domain": [0, 1]}}
    axis = {"format": "%", "values": [0, 0.2, 0.4, 0.6, 0.8, 1]}
    right = shares | {"field": "right", "axis": axis | {"title": "share that is right"}}
    x = {"axis": axis | {"title": "confidence"}}
    return {
        "title": {"text": f"{head}: ECE {error(bins):.1%}", "fontSize": 11},
        "width": SIDE,
        "height": SIDE,
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rect", "color": BAR, "stroke": "white"},
                "encoding": {
                    "x": shares | x | {"field": "low"},
                    "x2": {"field": "high"},
                    "y": right,
                    "y2": {"datum": 0},
                },
            },
            {
                "data": {"values": [{"confidence": 0, "right": 0}, {"confidence": 1, "right": 1}]},
                "mark": {"type": "line", "color": LINE, "strokeDash": [4, 3]},
                "encoding": {"x": shares | x | {"field": "confidence"}, "y": right},
            },
            {
                "mark": {"type": "point", "color": INK, "filled": True, "size": 18},
                "encoding": {"x": shares | x | {"field": "confidence"}, "y": right},
            },
            {
                "transform": [{"calculate": "(datum.low + datum.high) / 2", "as": "middle"}],
                "mark": {"type": "text", "angle": 270, "align": "left", "dx": 5, "fontSize": 9, "color": INK},
                "encoding": {
                    "x": shares | x | {"field": "middle"},
                    "y": {"value": SIDE},
                    "text": {"field": "items", "type": "quantitative"},
                },
            },
        ],
    }
