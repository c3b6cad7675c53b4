"""How the page looks, and what its own script does: theme, CSS and JavaScript."""

from pathlib import Path

import gradio as gr

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_lg,
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(
    body_text_color_subdued="*neutral_500",
    body_text_color_subdued_dark="*neutral_400",
    block_info_text_color="*neutral_500",
    block_info_text_color_dark="*neutral_400",
)
CSS = (Path(__file__).parent / "assets" / "page.css").read_text(encoding="utf-8")
JS = (Path(__file__).parent / "assets" / "page.js").read_text(encoding="utf-8")
