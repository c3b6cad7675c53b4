"""Recognises a link in a text, as people copy it from a sentence, a mail or a chat."""

from __future__ import annotations

import mimetypes
import os
import re

SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
NEVER_FOLLOWED = re.compile(r"data:|javascript:", re.IGNORECASE)
HOST = re.compile(r"(?P<host>[^\W_][\w-]*(\.[\w-]+)+)(:\d{1,5})?(?P<rest>[/?#].*)?")

# Top-level domains under which videos are found, besides those of countries, which have two letters.
SUFFIXES = {
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "int",
    "mil",
    "info",
    "biz",
    "name",
    "pro",
    "mobi",
    "app",
    "dev",
    "page",
    "site",
    "online",
    "web",
    "blog",
    "news",
    "live",
    "video",
    "tube",
    "film",
    "movie",
    "media",
    "audio",
    "radio",
    "music",
    "show",
    "stream",
    "studio",
    "club",
    "social",
    "space",
    "tech",
    "cloud",
    "world",
    "today",
    "link",
    "xyz",
    "art",
    "academy",
    "education",
    "school",
    "university",
    "science",
    "health",
    "digital",
    "global",
    "museum",
}
FILE_ENDINGS = {"ra", "rm", "ts", "wv"}  # two letters that end names of media files, and are no country's domain

QUOTES = "\"'`<>\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u00ab\u00bb\u2039\u203a"
BRACKETS = {"(": ")", "[": "]", "{": "}", "\uff08": "\uff09", "\u300c": "\u300d", "\u3010": "\u3011"}
PUNCTUATION = ".,;:!?\u2026\u3001\u3002\uff0c"
MAX_LAYERS = 10  # of brackets, quotes and punctuation around a link
INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"  # which chats and mails put around links


def is_link(text: object, base: str | os.PathLike[str] = "") -> bool:
    """Whether ``text`` is a link rather than the name of a file, which starts from the folder ``base``.

    A text with a scheme (``https://``) is a link. A host and a path alone (``youtu.be/...``) are one unless there is a
    file or a folder of the host's name.
    """
    text = str(text)
    link = strip_punctuation(text)
    if SCHEME.match(link):
        return True
    if NEVER_FOLLOWED.match(link):
        return not os.path.exists(os.path.join(base, text))
    # Only its first part is looked up: the whole may be a pattern, or a file that is missing in a folder such as Dr.Li.
    return names_host(link) and not os.path.lexists(os.path.join(base, re.split(r"[/\\]", text)[0]))


def strip_punctuation(text: object) -> str:
    """The link in a text without surrounding blanks, quotes, brackets and punctuation."""
    link = str(text)
    for _ in range(MAX_LAYERS):
        before = link
        link = link.strip().strip(INVISIBLE + QUOTES).rstrip(PUNCTUATION)
        if link[:1] in BRACKETS:
            link = link[1:]
        # A closing bracket may be part of a link, as in .../wiki/Mercury_(planet).
        for opening, closing in BRACKETS.items():
            if link.endswith(closing) and link.count(closing) > link.count(opening):
                link = link[:-1]
        if link == before:
            break
    return link


def with_scheme(link: str) -> str:
    """The link, with ``https://`` before it if it begins with a host."""
    return f"https://{link}" if names_host(link) else link


def names_host(text: str) -> bool:
    """Whether a text without a scheme begins as the address of a web page does: ``www.`` or a host with a path."""
    named = HOST.fullmatch(text)
    if not named:
        return False
    host = named["host"].lower()
    suffix = _suffix(host)
    known = suffix in SUFFIXES or (len(suffix) == 2 and suffix.isalpha() and suffix not in FILE_ENDINGS)
    if named["rest"]:
        return known or host.startswith("www.")
    return host.startswith("www.") and (known or not _is_media(host))


def _is_media(name: str) -> bool:
    return _suffix(name) in FILE_ENDINGS or (mimetypes.guess_type(name)[0] or "").startswith(("audio/", "video/"))


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
