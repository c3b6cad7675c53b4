"""Plot a run's log as a PNG: loss and metrics over the epochs."""

from __future__ import annotations

from typing import Any

import vl_convert

NOT_PLOTTED = ("epoch", "seconds")
PANEL = {"width": 420, "height": 200}  # px


def png(rows: list[dict[str, Any]]) -> bytes:
    """PNG bytes of log rows (dicts of numbers with an "epoch"): losses above, metrics (shares) below."""
    names = [name for name in rows[0] if name not in NOT_PLOTTED]
    panels = [[name for name in names if "loss" in name], [name for name in names if "loss" not in name]]
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": "white",
        "padding": 16,
        "vconcat": [_panel(rows, panel) for panel in panels if panel],
    }
    return vl_convert.vegalite_to_png(chart, scale=2)


def _panel(rows: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    points = [{"epoch": int(row["epoch"]), "name": name, "value": float(row[name])} for row in rows for name in names]
    return PANEL | {
        "data": {"values": points},
        "mark": {"type": "line", "point": True},
        "encoding": {
            "x": {"field": "epoch", "type": "quantitative", "axis": {"tickMinStep": 1, "format": "d"}},
            "y": {"field": "value", "type": "quantitative", "title": None, "scale": {"zero": False}},
            "color": {"field": "name", "type": "nominal", "title": None},
        },
    }
