"""What the head of the page has beside Gradio's own: tags from which other sites show a link to it, and scripts."""

import html
import re

TITLE = "emorec"
WORDS = "Turns a video or audio recording into a timeline of emotions, read from the faces and the voices in it."
# Other sites read the first tag of each name, so Gradio's are removed.
GRADIO = re.compile(rb"\s*<meta\s+(?:property=\"og:|name=\"twitter:)[^>]*>", re.ASCII)
TAGS = {
    ("property", "og:type"): "website",
    ("property", "og:title"): TITLE,
    ("property", "og:description"): WORDS,
    ("name", "twitter:card"): "summary",
    ("name", "twitter:title"): TITLE,
    ("name", "twitter:description"): WORDS,
    ("name", "description"): WORDS,
}
# Gradio counts the seconds of what is waited for in every frame, and never ends this for what is removed meanwhile: 60
# times a second as long as the page is open. Once a second is enough. This has to run before Gradio's own scripts.
FEWER_FRAMES = r"""<script>(() => {
const frame = window.requestAnimationFrame, COUNTS = /\(performance\.now\(\)-\w+\(\w+\)\)\/1e3/;
window.requestAnimationFrame = (callback) => COUNTS.test(callback)
  ? setTimeout(() => callback(performance.now()), 1000) : frame.call(window, callback);
})()</script>"""
# At the end of each event Gradio notes a status for every input of it, in case the input is a stream, and from then on
# the browser copies all properties of each of these components several times an event: a third of what an analysis
# costs it. What was not open as a stream needs no word that it is closed. Where Gradio names its parts otherwise,
# nothing is changed.
FEWER_STATUSES = r"""<script>(() => {
const MODULE = /\/statustracker-[^/?]*\.js$/;
const change = (module) => {
  const kind = Object.values(module).find((part) => part?.prototype?.resolve_args)?.prototype;
  if (!kind) return;
  const resolve = kind.resolve_args;
  kind.resolve_args = function (event) {
    const open = (id) => this.current?.[id]?.stream_state;
    const needless = event.stream_state === "closed" && !this.fn_inputs?.[event.fn_index]?.some(open);
    return resolve.call(this, needless ? { ...event, stream_state: null } : event);
  };
};
// Gradio's scripts have run by then: the module is the one that they use, and is not loaded before them.
addEventListener("DOMContentLoaded", () => {
  const observer = new PerformanceObserver((list) => {
    const found = list.getEntries().find((entry) => MODULE.test(entry.name));
    if (!found) return;
    observer.disconnect();
    import(found.name).then(change, () => {});
  });
  observer.observe({ type: "resource", buffered: true });
});
})()</script>"""


def with_own_head(page: bytes) -> bytes:
    """The HTML of the page with TAGS and the scripts at the end of its head, and without Gradio's tags.

    Gradio's link to the manifest would leave the path under which a proxy shows the page.
    """
    tags = "".join(f'<meta {kind}="{name}" content="{html.escape(text)}">' for (kind, name), text in TAGS.items())
    page = page.replace(b'href="/manifest.json"', b'href="manifest.json"')
    own = tags + FEWER_FRAMES + FEWER_STATUSES
    return GRADIO.sub(b"", page).replace(b"</head>", own.encode() + b"</head>", 1)
