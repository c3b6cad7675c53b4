"""Restricts which addresses and programs a download may reach, with an audit hook of the interpreter (PEP 578).

The hook checks the address of every connection. A name is not enough, as it may resolve to another address later:
redirects, playlists, unusual spellings and changing names all end in a connection. A hook cannot be removed, so this is
for a separate process.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Iterable
from typing import Any

from emorec.download.addresses import is_public

# What ``subprocess`` calls, the second with Python 3.13 and newer. Both have the program first, then its arguments.
# Windows has a further event, _winapi.CreateProcess, but what it says of the arguments is no text of theirs.
RUNS_PROGRAMS = {"subprocess.Popen", "os.posix_spawn"}
STARTS_PROGRAMS = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.spawn",
    "os.startfile",
    "os.startfile/2",
    "os.system",
    "pty.spawn",
}
CONNECTS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class Refused(OSError):
    """An address or program that this process must not use."""


class Guard:
    """Restricts this process, from ``install`` on, to public addresses, hosts allowed by name and a few programs.

    ``hosts`` are pairs (name, port or None for any); ``refused`` lists the addresses that were refused.
    """

    def __init__(self, hosts: Iterable[tuple[str, int | None]] = (), programs: tuple[str, ...] = ()):
        self.refused: list[str] = []
        self._hosts = frozenset(hosts)
        self._programs = frozenset(programs)
        self._allowed: set[tuple[str, int]] = set()  # addresses that an allowed name stood for, with their ports
        self._resolve = socket.getaddrinfo

    def install(self) -> None:
        """Start to restrict this process. This cannot be undone."""
        socket.getaddrinfo = self._getaddrinfo
        sys.addaudithook(self._audit)

    def _getaddrinfo(self, host, port, *arguments, **options):
        """As ``socket.getaddrinfo``, but every address must be public unless the host is allowed by its name."""
        found: Any = self._resolve(host, port, *arguments, **options)
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        pairs = {(entry[4][0], entry[4][1]) for entry in found}
        if self._is_allowed(name.lower().rstrip("."), port):
            self._allowed |= pairs
        else:
            for address, _ in pairs:
                if not is_public(address):
                    self._refuse(address)
        return found

    def _is_allowed(self, name: str, port) -> bool:
        return bool({(name, None), (name, port)} & self._hosts)

    def _audit(self, event: str, arguments: tuple) -> None:
        if event in CONNECTS:
            self._check_address(arguments[1])
        elif event in RUNS_PROGRAMS:
            self._check_program(arguments[0], arguments[1])
        elif event in STARTS_PROGRAMS:
            raise Refused(f"{event} is not allowed in a download")

    def _check_address(self, address) -> None:
        if address is None:
            return  # a datagram on a connection that was checked when it was made
        if not isinstance(address, tuple) or not isinstance(address[0], str):
            self._refuse(str(address))
        # A name would be resolved once more, where no hook sees it.
        if not is_public(address[0]) and (address[0], address[1]) not in self._allowed:
            self._refuse(address[0])

    def _check_program(self, executable, arguments) -> None:
        if executable is None and isinstance(arguments, str):
            executable = _first_of_command_line(arguments)
        given = arguments if isinstance(arguments, list | tuple) else [arguments]
        command = [os.fsdecode(part) if isinstance(part, bytes) else str(part) for part in (executable, *given)]
        if command[0] not in self._programs or any("://" in part for part in command):
            raise Refused("this program is not allowed in a download")

    def _refuse(self, address: str):
        self.refused.append(address)
        raise Refused(f"{address} is not a public address")


def _first_of_command_line(line: str) -> str:
    """The program in a command line of Windows, where ``subprocess`` gives no other name of it."""
    if line.startswith('"'):
        return line[1:].partition('"')[0]
    return re.split("[ \t]", line, maxsplit=1)[0]
