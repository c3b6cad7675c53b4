"""A run's log drawn: loss and measures over its epochs, as a PNG."""

import vl_convert

INSTEAD_OF_CURVES = ("epoch", "seconds")
PANEL = {"width": 420, "height": 200}  # px


def png(rows):
    """PNG bytes of log rows (dicts of numbers with an "epoch"): losses above, measures (shares) below."""
    names = [name for name in rows[0] if name not in INSTEAD_OF_CURVES]
    panels = [[name for name in names if "loss" in name], [name for name in names if "loss" not in name]]
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": "white",
        "padding": 16,
        "vconcat": [_panel(rows, panel) for panel in panels if panel],
    }
    return vl_convert.vegalite_to_png(chart, scale=2)


def _panel(rows, names):
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
