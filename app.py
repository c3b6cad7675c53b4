"""The page: give a recording, watch its timeline grow, change what is decided, take the result away. ``python app.py``

Analyze only observes, and keeps what it has in the session. Whatever changes, the progress or a choice, draws the
timeline anew from that; so a choice counts at once, while a recording is observed as well as afterwards.
"""

import html
import logging
import os
import sys
import threading
import time
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

import emorec
from emorec import charts, exports
from emorec.errors import EmorecError
from emorec.observations import Observations
from emorec.timeline import DEFAULT_STEP, STEP_RANGE
from ui import parts, style

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
        yield analysis, parts.progress("Looking and listening …")
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
                yield analysis, parts.progress(*pace(observations, first, now))
        except EmorecError as error:
            gr.Warning(html.escape(str(error)))
            yield replace(analysis, problem=str(error)), parts.progress("Stopping …")
        except Exception:
            logging.exception("The analysis failed")
            gr.Warning(UNEXPECTED)
            yield replace(analysis, problem=UNEXPECTED), parts.progress("Stopping …")
        finally:
            # A cancelled run is closed on the server's event loop, which must not wait for the decoders to stop.
            threading.Thread(target=growing.close).start()

    def draw(analysis, fusion, step):
        late = (gr.update(interactive=False),) * 2  # downloads that are not of this timeline
        if analysis.observations is None:
            return None, gr.update(visible=False), None, "", *late
        timeline = engine.decide(analysis.observations, fusion=fusion, step=step)
        chart = charts.timeline_chart(timeline, legend=False)
        return timeline, gr.update(visible=True), chart, parts.summary(timeline), *late

    with gr.Blocks(title="emorec", analytics_enabled=False, delete_cache=(SWEEP, KEEP_FILES)) as page:
        analysis, shown = gr.State(Analysis()), gr.State()
        markup(parts.HEADER)
        for notice in engine.notices:
            markup(parts.callout(notice))
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
                player = markup(parts.player_of(None), elem_id="player")
        status = markup(elem_id="status")
        with gr.Column(visible=False, elem_id="results") as results:
            chart = gr.Plot(show_label=False, container=False, elem_id="timeline")
            markup(parts.LEGEND)
            figures = markup(elem_id="summary")
            with gr.Row():
                csv = gr.DownloadButton("Download CSV", size="md", interactive=False, elem_id="csv")
                json = gr.DownloadButton("Download JSON", size="md", interactive=False, elem_id="json")
            with gr.Accordion("Every row", open=False):
                table = gr.Dataframe(
                    headers=list(exports.COLUMNS), interactive=False, show_label=False, max_height=420, elem_id="rows"
                )
        markup(parts.FOOTER)

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
    return parts.player_of(file), Analysis(), ""


def begin(file):
    """The page while a run waits for its turn."""
    if not file:
        raise gr.Error(NO_FILE, print_exception=False)
    return Analysis(running=True), parts.progress("Waiting for a turn …"), *switched(running=True)


def stopping():
    """The page between a click on Cancel and the end of the run."""
    return parts.progress("Stopping …"), gr.update(interactive=False)


def settle(analysis):
    """The page after a run, however it ended."""
    seen = analysis.observations
    if analysis.problem:
        told = parts.callout(analysis.problem)
    elif seen is None:
        told = "Stopped before anything was analysed."
    elif not seen.complete:
        told = (
            f"Stopped at {parts.clock(seen.until)} of {parts.clock(seen.duration)}. "
            "What was analysed until then is kept, and Analyze goes on from there."
        )
    else:
        told = f"Analysed {parts.clock(seen.duration)} in {analysis.seconds:.1f} s."
    notes = "".join(parts.callout(note) for note in seen.notes) if seen else ""
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
    words = f"{parts.clock(done)} of {parts.clock(total)}"
    if now > began and done > before:
        speed = (done - before) / (now - began)
        words += f" · {speed:.1f}× real time · {parts.clock((total - done) / speed)} left"
    return words, done / total if total else 0.0


def main():
    """Load the weights, serve the page until it is stopped, return the exit code."""
    port = int(os.environ.get("GRADIO_SERVER_PORT", DEFAULT_PORT))
    try:
        engine = emorec.load()
    except EmorecError as error:
        print(f"emorec: {error}", file=sys.stderr)
        return USER_ERROR
    try:
        page = build(engine)
        _, address, _ = page.launch(
            server_port=port, theme=style.THEME, css=style.CSS, max_file_size=MAX_UPLOAD, quiet=True, share=False,
            ssr_mode=False, run_history=False, footer_links=[], prevent_thread_lock=True,
        )  # fmt: skip
    except OSError:
        print(f"emorec: The port {port} is taken; set GRADIO_SERVER_PORT to another one.", file=sys.stderr)
        return USER_ERROR
    print(f"emorec {emorec.__version__} with the weights in {engine.model.folder}")
    print(f"Open {address} in a browser; Ctrl-C stops.", flush=True)
    page.block_thread()
    return 0


if __name__ == "__main__":
    sys.exit(main())
