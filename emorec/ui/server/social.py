"""The tags from which other sites show a link to the page: our name and words in place of Gradio's."""

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


def with_own_tags(page: bytes) -> bytes:
    """The HTML of the page with TAGS at the end of its head, and without those of Gradio.

    Gradio's link to the manifest would leave the path under which a proxy shows the page.
    """
    tags = "".join(f'<meta {kind}="{name}" content="{html.escape(text)}">' for (kind, name), text in TAGS.items())
    page = page.replace(b'href="/manifest.json"', b'href="manifest.json"')
    return GRADIO.sub(b"", page).replace(b"</head>", tags.encode() + b"</head>", 1)
