"""Which addresses and programs a download may reach, held where every connection of a Python process passes.

The rule is applied to the very address that is dialled, not to a name that may mean another address a moment later:
redirects, playlists, odd spellings and names that change between two look-ups all end in a connection, and there the
interpreter asks (PEP 578, audit hooks). A hook cannot be taken out again, so this is for a process of its own.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable

from emorec.download.addresses import is_public

STARTS_PROGRAMS = {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "pty.spawn"}
DIALS = {"socket.connect", "socket.sendto", "socket.sendmsg"}


class Refused(OSError):
    """Something that this process must not reach."""


class Guard:
    """Holds this process, from ``install`` on, to public addresses, to hosts allowed by name and to a few programs.

    ``hosts`` are pairs (name, port or None for any); ``refused`` lists what was kept from being dialled.
    """

    def __init__(self, hosts: Iterable[tuple[str, int | None]] = (), programs: tuple[str, ...] = ()):
        self.refused: list[str] = []
        self._hosts = frozenset(hosts)
        self._programs = frozenset(programs)
        self._allowed: set[tuple[str, int]] = set()
        """Addresses that an allowed name stood for, with their ports."""
        self._resolve = socket.getaddrinfo

    def install(self) -> None:
        """From here on, for good."""
        socket.getaddrinfo = self._looked_up
        sys.addaudithook(self._audit)

    def _looked_up(self, host, port, *arguments, **options):
        """As ``socket.getaddrinfo``, but every address must be public unless the host is allowed by its name."""
        found = self._resolve(host, port, *arguments, **options)
        name = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        pairs = {(entry[4][0], entry[4][1]) for entry in found}
        if self._named(name.lower().rstrip("."), port):
            self._allowed |= pairs
        else:
            for address, _ in pairs:
                if not is_public(address):
                    self._refuse(address)
        return found

    def _named(self, name: str, port) -> bool:
        return bool({(name, None), (name, port)} & self._hosts)

    def _audit(self, event: str, arguments: tuple) -> None:
        if event in DIALS:
            self._check_address(arguments[1])
        elif event == "subprocess.Popen":
            self._check_program(arguments[0], arguments[1])
        elif event in STARTS_PROGRAMS:
            raise Refused(f"{event} is not for a download")

    def _check_address(self, address) -> None:
        if address is None:
            return  # a datagram on a connection that was checked when it was made
        if not isinstance(address, tuple) or not isinstance(address[0], str):
            self._refuse(str(address))
        # A name would be looked up once more, below what is seen here.
        if not is_public(address[0]) and (address[0], address[1]) not in self._allowed:
            self._refuse(address[0])

    def _check_program(self, executable, arguments) -> None:
        command = [str(executable), *map(str, arguments if isinstance(arguments, list | tuple) else [arguments])]
        if command[0] not in self._programs or any("://" in part for part in command):
            raise Refused("this program is not for a download")

    def _refuse(self, address: str):
        self.refused.append(address)
        raise Refused(f"{address} is not a public address")
