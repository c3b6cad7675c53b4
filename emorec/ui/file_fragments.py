"""The HTML of recordings: the address, the name, the player and the source of a file. It does not import Gradio."""

import html
import mimetypes
import urllib.parse
from pathlib import Path

from emorec import files

OPEN = '<bdi translate="no">'
LONGEST_ENDING = 5  # characters of the ending of a file's name
SOUND = (
    *(".aac", ".ac3", ".aif", ".aiff", ".amr", ".au", ".caf", ".eac3", ".flac", ".m4a", ".mka", ".mp3", ".oga", ".ogg"),
    *(".opus", ".tta", ".w64", ".wav", ".weba", ".wv"),
)


def file_url(file: Path | str) -> str:
    """The relative URL of a file that the server may serve."""
    return html.escape("gradio_api/file=" + urllib.parse.quote(str(file)))


def file_name(name: str) -> str:
    """The name of a file as HTML, in which a narrow column breaks the line before the ending rather than within it.

    A browser that translates the page leaves it as it is, and letters from right to left move nothing beside it.
    """
    stem, dot, ending = files.shown(name).rpartition(".")
    if not stem or not ending.isalnum() or len(ending) > LONGEST_ENDING:
        return isolated(name)
    return f'{OPEN}{html.escape(stem)}<wbr><span class="ending">{dot}{html.escape(ending)}</span></bdi>'


def isolated(name: str) -> str:
    """A name of a file or person as HTML, apart from the words around it, see ``file_name``."""
    return f"{OPEN}{html.escape(files.shown(name))}</bdi>"


def is_sound(name: str) -> bool:
    """Whether the name of a file is that of a sound file; the list of the system lacks some, such as FLAC."""
    return Path(name).suffix.lower() in SOUND or (mimetypes.guess_type(name)[0] or "").startswith("audio/")


def player(file: Path | str | None) -> str:
    """The player of a recording, with a text in case the browser cannot play it; without a file, a placeholder."""
    if not file:
        return '<div class="empty">Your recording appears here.</div>'
    name = Path(file).name
    tag = "audio" if is_sound(name) else "video"
    return (
        f'<{tag} controls playsinline preload="metadata" src="{file_url(file)}" aria-label="{html.escape(name)}" '
        'onerror="this.hidden = true; this.nextElementSibling.hidden = false"></' + tag + ">"
        '<div class="empty" hidden><p>This browser cannot play the file.'
        '<span class="before-analysis"> Analyze may still be able to read it.</span></p></div>'
    )


def provenance(media: dict) -> str:
    """Title and link of a recording that came from a link; nothing for a file."""
    link = media.get("source", "")
    if not link.startswith(("http://", "https://")):
        return ""
    shown = f'<a href="{html.escape(link)}" target="_blank" rel="noopener noreferrer nofollow">{html.escape(link)}</a>'
    return f'<p class="caption provenance">{html.escape(media.get("title", ""))} · {shown}</p>'
