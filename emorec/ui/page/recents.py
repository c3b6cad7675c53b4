"""The components and the HTML of the list of recent analyses, and the scripts about other pages of the browser."""

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr

from emorec import files
from emorec.ui import file_fragments, fragments
from emorec.ui.page.analysis import tag
from emorec.ui.sessions.recents import Recent

MAX_LISTED = 100  # more make the page slow
MORE = "The latest {listed} of {count} are listed; Delete all deletes the others too."
KEPT = (
    "Kept for this browser alone, with names and markers, for an hour after it was last used here, or until the "
    "program is started again. Delete takes one away, with its recording and all that was read from it."
)
# Returns the token of the browser when the page is loaded, and makes it at the first visit. Without local storage,
# which browsers refuse to some framed pages, it is empty, and nothing survives a reload.
TOKEN = """() => {
  try {
    const hex = (byte) => byte.toString(16).padStart(2, "0");
    const random = () => [...crypto.getRandomValues(new Uint8Array(32))].map(hex).join("");
    const token = localStorage.getItem("emorec-browser") || random();
    localStorage.setItem("emorec-browser", token);
    return [token];
  } catch { return [""]; }
}"""
# Asks the other pages of the browser whether they are open, once the server knows which are in doubt; see
# assets/closing.js.
ASK = """() => {
  try {
    const others = new BroadcastChannel("emorec-pages");
    others.postMessage("open?");
    others.close();
  } catch {}
}"""

# Tells the other pages of the browser that show what was deleted, so that they are emptied; the answer names them. See
# assets/recordings.js.
EMPTIED = """(answer) => {
  const [, emptied] = /data-emptied="([^"]*)"/.exec(answer) ?? [];
  if (!emptied) return;
  try {
    const others = new BroadcastChannel("emorec-pages");
    others.postMessage(`emptied ${emptied}`);
    others.close();
  } catch {}
}"""

# Tells the other pages of the browser about a deletion, so that they reload: what they show is deleted too.
DELETED = """() => {
  try {
    const others = new BroadcastChannel("emorec-pages");
    others.postMessage(`deleted by ${document.querySelector("#ack [data-session]")?.dataset.session}`);
    others.close();
  } catch {}
}"""


@dataclass(frozen=True, kw_only=True)
class Lists:
    """The lists of recordings and of recent analyses.

    ``show`` returns the new values of their ``components``, and so does ``after_job`` after the job of the page has
    ended. ``resumed`` is the event that shows an analysis which was found again after a reload.
    """

    show: Callable[..., tuple]
    after_job: Callable[..., tuple]
    components: list[Any]
    resumed: Any


def panel() -> SimpleNamespace:
    """The components of the list; a script writes ``token`` and ``command``, and ``ack`` answers a command."""
    token = gr.Textbox(visible=False)
    command = gr.Textbox(show_label=False, container=False, max_lines=1, elem_id="command")
    ack = gr.HTML(apply_default_css=False, elem_id="ack")
    listed = gr.HTML(apply_default_css=False, elem_id="recents")
    return SimpleNamespace(token=token, command=command, ack=ack, listed=listed)


def answer(number: str, session: str, full: bool = False, emptied: Sequence[str] = ()) -> str:
    """The HTML from which the scripts read the number of the answered request, the session of the page, whether the
    list of recordings is full, and the sessions of other pages that show what was deleted."""
    given = f'data-ack="{html.escape(number)}" data-session="{html.escape(session)}"'
    given += f' data-emptied="{html.escape(" ".join(emptied))}"' if emptied else ""
    return f"<i hidden {given}{' data-full' if full else ''}></i>"


def list_html(found: Sequence[Recent]) -> str:
    """The HTML of the list, the latest first, at most MAX_LISTED analyses; "" if there are none."""
    if not found:
        return ""
    lines = "".join(_line(each) for each in found[:MAX_LISTED])
    more = f" {MORE.format(listed=MAX_LISTED, count=len(found))}" if len(found) > MAX_LISTED else ""
    return (
        f'<section class="recents"><h2>Recent analyses</h2>'
        f'<p class="caption">{KEPT}{more}</p><ol>{lines}</ol>'
        '<button type="button" data-do="forget-all" data-sure="Press again to delete all for good">'
        "Delete all</button></section>"
    )


def _line(each: Recent) -> str:
    name, written = html.escape(files.shown(each.name)), file_fragments.file_name(each.name)
    length = fragments.clock(each.until)
    if each.until < each.duration - 0.5:
        length += f" of {fragments.clock(each.duration)}"
    when = datetime.fromtimestamp(each.at, UTC)
    return (
        f'<li data-recent="{each.id}" data-recording="{tag(each.key)}">'
        f'<button type="button" class="name" data-do="open {each.id}">{written}</button>'
        f'<time class="caption" datetime="{when:%Y-%m-%dT%H:%M:%SZ}">{when:%H:%M} UTC</time>'
        f'<span class="caption">{length}</span>'
        f'<button type="button" data-do="forget {each.id}" data-sure="Press again" aria-label="Delete {name}">'
        "Delete</button></li>"
    )
