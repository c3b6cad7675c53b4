"""How the page looks: theme and CSS."""

import gradio as gr

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.slate,
    radius_size=gr.themes.sizes.radius_lg,
    font=["system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "sans-serif"],
    font_mono=["ui-monospace", "Consolas", "monospace"],
).set(body_text_color_subdued="*neutral_500", block_info_text_color="*neutral_500")

CSS = """
.gradio-container { width: 100%; max-width: 1120px !important; margin: auto; }
.html-container { padding: 0 !important; }
.emoji { font-family: "Apple Color Emoji", "Segoe UI Emoji", "Noto Color Emoji", sans-serif; }
.caption, header p, .summary dt { color: var(--body-text-color-subdued); }
.caption, .summary dt { font-size: 0.85rem; }
header h1 { font-size: 1.9rem; font-weight: 650; letter-spacing: -0.02em; margin: 0.5rem 0 0.25rem; }
header p { max-width: 48rem; margin: 0; }
.callout { padding: 0.6rem 0.9rem; border-left: 4px solid #e69f00; background: var(--background-fill-secondary); }
div + .callout { margin-top: 0.5rem; }
#fusion .wrap { display: grid; grid-template-columns: 1fr 1fr; }
#csv, #json { flex: 0 1 12rem; }

#player :is(video, audio, .empty) { width: 100%; border-radius: var(--block-radius); }
#player :is(video, .empty) { aspect-ratio: 16 / 9; max-height: 60vh; }
#player video { display: block; background: #000; }
#player .empty { display: grid; place-items: center; padding: 1rem; text-align: center;
  border: 1px dashed var(--border-color-primary); color: var(--body-text-color-subdued); }
#player [hidden] { display: none; }
@media (min-width: 900px) { #player :is(video, .empty) { height: 440px; aspect-ratio: auto; max-height: none; } }

#status .bar { height: 6px; margin-top: 0.5rem; overflow: hidden; background: var(--border-color-primary); }
#status .bar i { display: block; height: 100%; background: var(--color-accent); transition: width 0.4s; }
#status .waiting i { width: 30%; animation: wait 1.6s ease-in-out infinite alternate; }
@keyframes wait { to { margin-left: 70%; } }
@media (prefers-reduced-motion: reduce) { #status .waiting i { animation: none; width: 100%; opacity: 0.5; } }

/* Vega takes its width from here. */
#timeline .altair > div { width: 100%; }
#timeline svg text { fill: var(--body-text-color-subdued); }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; margin: 0 0 0.5rem; padding: 0; list-style: none; }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; margin-right: 0.4em; }

.summary { display: flex; flex-wrap: wrap; gap: 1.25rem 3rem; font-variant-numeric: tabular-nums; }
.summary table { flex: 3 1 300px; border-collapse: collapse; }
.summary caption { text-align: left; font-weight: 600; padding-bottom: 0.4rem; }
.summary :is(th, td) { padding: 0.2rem 0 !important; }
.summary th { width: 7.5rem; text-align: left; font-weight: 400; white-space: nowrap; }
.summary td:last-child { width: 3.2rem; text-align: right; }
.summary td i { display: block; height: 10px; border-radius: 5px; }
.summary dl { flex: 2 1 260px; display: grid; grid-template-columns: 1fr 1fr; gap: 0.75rem; margin: 0; }
.summary dl { align-content: start; }
.summary dl div { padding: 0.7rem 0.9rem; border: 1px solid var(--border-color-primary); border-radius: 8px; }
.summary dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
"""
