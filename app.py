"""The page: give a recording, watch its timeline grow, change what is decided, take the result away. ``python app.py``

Analyze only observes, and keeps what it has in the session. Whatever changes, the progress or a choice, draws the
timeline anew from that; so a choice counts at once, while a recording is observed as well as afterwards.
"""

import html
import logging
import mimetypes
import os
import sys
import threading
import time
import urllib.parse
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
import numpy as np
from gradio.utils import get_upload_folder

import emorec
from emorec import charts, exports
from emorec.emotions import COLOURS, EMOJI
from emorec.errors import EmorecError
from emorec.observations import Observations
from emorec.timeline import DEFAULT_STEP, STEP_RANGE

DEFAULT_PORT = 7860
USER_ERROR = 2  # exit code
MAX_UPLOAD = "8gb"
KEEP_FILES = 3600  # seconds that uploads and downloads are kept
SWEEP = 600  # seconds between two looks for older ones
REFRESH = 1.0  # seconds between two reports of progress
MAX_QUEUE = 20
MAX_TABLE_ROWS = 2000  # a browser shows no more without pain; the files hold all
TABLE_DIGITS = 2

FUSIONS = (("Late", "late"), ("Intermediate", "intermediate"), ("Face only", "face"), ("Voice only", "voice"))
NO_FILE = "Choose a video or audio file first."
UNEXPECTED = "Something went wrong that should not have; the log of the program says what. Try another file."


@dataclass(frozen=True, eq=False)
class Analysis:
    """What a session has of its recording: what was observed so far, in how many seconds, and what went wrong."""

    name: str = ""
    observations: Observations | None = None
    running: bool = False
    seconds: float = 0.0
    problem: str = ""


def build(engine):
    """The page as ``gr.Blocks``, over a loaded ``emorec.engine.Engine``."""

    def observe(file):
        began = reported = time.monotonic()
        analysis = Analysis(name=Path(file).stem, running=True)
        yield analysis, progress("Looking and listening …")
        growing = engine.observe(file)
        first = None
        try:
            for observations in growing:
                now = time.monotonic()
                analysis = replace(analysis, observations=observations, seconds=now - began)
                if first is None:
                    first = (now, observations.until)
                elif now - reported < REFRESH and not observations.complete:
                    continue
                reported = now
                yield analysis, progress(*pace(observations, first, now))
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            yield replace(analysis, problem=str(error)), progress("Stopping …")
        except Exception:
            logging.exception("The analysis failed")
            gr.Warning(UNEXPECTED)
            yield replace(analysis, problem=UNEXPECTED), progress("Stopping …")
        finally:
            # A cancelled run is closed on the server's event loop, which must not wait for the decoders to stop.
            threading.Thread(target=growing.close).start()

    def draw(analysis, fusion, step):
        late = (gr.update(interactive=False),) * 2  # downloads that are not of this timeline
        if analysis.observations is None:
            return None, gr.update(visible=False), None, "", *late
        timeline = engine.decide(analysis.observations, fusion=fusion, step=step)
        chart = charts.timeline_chart(timeline, legend=False)
        return timeline, gr.update(visible=True), chart, summary(timeline), *late

    with gr.Blocks(title="emorec", analytics_enabled=False, delete_cache=(SWEEP, KEEP_FILES)) as page:
        analysis, shown = gr.State(Analysis()), gr.State()
        markup(HEADER)
        for notice in engine.notices:
            markup(callout(notice))
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                file = gr.File(label="Video or audio file", height=150, elem_id="file")
                fusion = gr.Radio(
                    FUSIONS, value="late", label="Fusion", info="How face and voice are combined", elem_id="fusion"
                )
                step = gr.Slider(
                    *STEP_RANGE, value=DEFAULT_STEP, step=0.1, label="Step", info="Seconds per row", elem_id="step"
                )
                with gr.Row():
                    analyze = gr.Button("Analyze", variant="primary", min_width=120, elem_id="analyze")
                    cancel = gr.Button("Cancel", interactive=False, min_width=120, elem_id="cancel")
            with gr.Column(scale=3, min_width=300):
                player = markup(player_of(None), elem_id="player")
        status = markup(elem_id="status")
        with gr.Column(visible=False, elem_id="results") as results:
            chart = gr.Plot(show_label=False, container=False, elem_id="timeline")
            markup(LEGEND)
            figures = markup(elem_id="summary")
            with gr.Row():
                csv = gr.DownloadButton("Download CSV", size="md", interactive=False, elem_id="csv")
                json = gr.DownloadButton("Download JSON", size="md", interactive=False, elem_id="json")
            with gr.Accordion("Every row", open=False):
                table = gr.Dataframe(
                    headers=list(exports.COLUMNS), interactive=False, show_label=False, max_height=420, elem_id="rows"
                )
        markup(FOOTER)

        quiet = {"show_progress": "hidden", "api_visibility": "private"}
        file.change(chosen, file, [player, analysis, status], **quiet)
        ready = analyze.click(begin, file, [analysis, status, file, analyze, cancel], concurrency_limit=None, **quiet)
        run = ready.success(observe, file, [analysis, status], concurrency_limit=1, concurrency_id="model", **quiet)
        # Comes after a run that ended in any way, a cancelled one too.
        run.then(settle, analysis, [analysis, status, file, analyze, cancel], concurrency_limit=None, **quiet)
        cancel.click(stopping, None, [status, cancel], cancels=run, concurrency_limit=None, **quiet)
        gr.on(
            [status.change, fusion.change, step.change],
            draw,
            [analysis, fusion, step],
            [shown, results, chart, figures, csv, json],
            concurrency_limit=None,
            trigger_mode="always_last",
            **quiet,
        ).then(
            write, [analysis, shown], [table, csv, json], concurrency_limit=None, trigger_mode="always_last", **quiet
        )
    return page.queue(max_size=MAX_QUEUE)


def markup(value=None, **settings):
    """A ``gr.HTML`` that only this page's own style applies to."""
    return gr.HTML(value, apply_default_css=False, **settings)


def chosen(file):
    """Another file, or none: the player shows it, and what was known of the last one is forgotten."""
    return player_of(file), Analysis(), ""


def begin(file):
    """The page while a run waits for its turn."""
    if not file:
        raise gr.Error(NO_FILE, print_exception=False)
    return Analysis(running=True), progress("Waiting for a turn …"), *switched(running=True)


def stopping():
    """The page between a click on Cancel and the end of the run."""
    return progress("Stopping …"), gr.update(interactive=False)


def settle(analysis):
    """The page after a run, however it ended."""
    seen = analysis.observations
    if analysis.problem:
        told = callout(analysis.problem)
    elif seen is None:
        told = "Stopped before anything was analysed."
    elif not seen.complete:
        told = (
            f"Stopped at {clock(seen.until)} of {clock(seen.duration)}. What was analysed until then is kept, "
            "and Analyze goes on from there."
        )
    else:
        told = f"Analysed {clock(seen.duration)} in {analysis.seconds:.1f} s."
    notes = "".join(callout(note) for note in seen.notes) if seen else ""
    text = f'<div class="told" role="status">{told}</div>{notes}'
    return replace(analysis, running=False), text, *switched(running=False)


def switched(running):
    """Updates of file, Analyze and Cancel."""
    return gr.update(interactive=not running), gr.update(interactive=not running), gr.update(interactive=running)


def write(analysis, timeline):
    """Updates of table, CSV and JSON; while a recording is observed they wait."""
    if timeline is None or analysis.running:
        return (gr.skip(),) * 3
    # Within Gradio's own folder, where it may serve them from and where they are removed in time.
    folder = Path(get_upload_folder()) / f"emorec-{uuid.uuid4().hex}"
    files = [folder / f"{analysis.name}.{suffix}" for suffix in ("csv", "json")]
    exports.write_csv(timeline, files[0])
    exports.write_json(timeline, files[1])
    rows = [
        [round(value, TABLE_DIGITS) if isinstance(value, float) else value for value in row.values()]
        for row in exports.table(timeline)[:MAX_TABLE_ROWS]
    ]
    return rows, *(gr.update(value=str(file), interactive=True) for file in files)


def pace(observations, first, now):
    """Words and share done of a run; ``first`` is when its first observations came (s) and how far they went."""
    done, total = observations.until, max(observations.duration, observations.until)
    began, before = first
    words = f"{clock(done)} of {clock(total)}"
    if now > began and done > before:
        speed = (done - before) / (now - began)
        words += f" · {speed:.1f}× real time · {clock((total - done) / speed)} left"
    return words, done / total if total else 0.0


def progress(words, share=None):
    """A bar, moving to and fro while the share done is not known."""
    if share is None:
        return f'<div class="told" role="status">{words}</div><div class="bar waiting"><i></i></div>'
    percent = f"{share:.0%}"
    return (
        f'<div class="told">{percent} · {words}</div><div class="bar" role="progressbar" aria-label="Analysis" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}"><i style="width:{percent}"></i></div>'
    )


def clock(seconds):
    """Whole seconds as m:ss."""
    return charts.clock(round(seconds))


def callout(sentence):
    """A sentence that must be seen."""
    return f'<div class="callout" role="alert">{html.escape(sentence)}</div>'


def player_of(file):
    """The recording as the browser plays it, or says that it cannot."""
    if not file:
        return '<div class="empty">Your recording appears here.</div>'
    name = Path(file).name
    tag = "audio" if (mimetypes.guess_type(name)[0] or "").startswith("audio/") else "video"
    source = "gradio_api/file=" + urllib.parse.quote(str(file))
    return (
        f'<{tag} controls playsinline preload="metadata" src="{html.escape(source)}" aria-label="{html.escape(name)}" '
        'onerror="this.hidden = true; this.nextElementSibling.hidden = false"></' + tag + ">"
        '<div class="empty" hidden>This browser cannot play the file; Analyze may read it all the same.</div>'
    )


def summary(timeline):
    """Share of time of every emotion, and how much all of it rests on."""
    shares, known = timeline.shares()
    if not known:
        return callout("Neither a face nor speech was found, so there is nothing to read an emotion from.")
    rows = "".join(
        f'<tr><th scope="row"><span class="emoji" aria-hidden="true">{EMOJI[emotion]}</span> {emotion}</th>'
        f'<td><i style="width:{share:.1%};background:{COLOURS[emotion]}"></i></td><td>{share:.0%}</td></tr>'
        for emotion, share in shares.items()
    )
    lengths = timeline.end - timeline.start
    figures = {
        "Time with evidence": known,
        "Face seen": np.average(timeline.face_coverage, weights=lengths),
        "Speech heard": np.average(timeline.speech_coverage, weights=lengths),
        "Average confidence": np.average(timeline.confidence[timeline.known], weights=lengths[timeline.known]),
    }
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value:.0%}</dd></div>" for name, value in figures.items())
    table = f"<table><caption>Share of the time with evidence</caption>{rows}</table>"
    return f'<div class="summary">{table}<dl>{tiles}</dl></div>'


HEADER = """<header><h1>emorec</h1>
<p>A recording in, a timeline of emotions out, read from the faces it sees and the voices it hears.
The results are estimates of displayed expression, not of what anyone feels.</p></header>"""
LEGEND = (
    '<ul class="legend">'
    + "".join(f'<li><i style="background:{colour}"></i>{emotion}</li>' for emotion, colour in COLOURS.items())
    + f'</ul><p class="caption">Fainter where the likeliest emotion has less than {charts.CONFIDENT:.0%}, blank where '
    "there is neither a face nor speech. The strips show how much of each there was.</p>"
)
FOOTER = (
    '<p class="caption">Nothing leaves the machine that emorec runs on. Uploads are removed after about an hour.</p>'
)

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


def main():
    """Load the weights, serve the page until it is stopped, return the exit code."""
    try:
        engine = emorec.load()
        page = build(engine)
        port = int(os.environ.get("GRADIO_SERVER_PORT", DEFAULT_PORT))
        _, address, _ = page.launch(
            server_port=port, theme=THEME, css=CSS, max_file_size=MAX_UPLOAD, quiet=True, share=False, ssr_mode=False,
            run_history=False, footer_links=[], prevent_thread_lock=True,
        )  # fmt: skip
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError:
        print(f"emorec: The port {port} is taken; set GRADIO_SERVER_PORT to another one.", file=sys.stderr)
        return USER_ERROR
    print(f"emorec {emorec.__version__} with the weights in {engine.model.folder}")
    print(f"Open {address} in a browser; Ctrl-C stops.", flush=True)
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
