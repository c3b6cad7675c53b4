"""What the head of the page has beside Gradio's own: tags from which other sites show a link to it, and a script."""

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


def with_own_head(page: bytes) -> bytes:
    """The HTML of the page with TAGS and FEWER_FRAMES at the end of its head, and without Gradio's tags.

    Gradio's link to the manifest would leave the path under which a proxy shows the page.
    """
    tags = "".join(f'<meta {kind}="{name}" content="{html.escape(text)}">' for (kind, name), text in TAGS.items())
    page = page.replace(b'href="/manifest.json"', b'href="manifest.json"')
    return GRADIO.sub(b"", page).replace(b"</head>", tags.encode() + FEWER_FRAMES.encode() + b"</head>", 1)
