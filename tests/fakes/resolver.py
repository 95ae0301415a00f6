"""A resolver that knows what a test tells it, and asks no name server."""

from __future__ import annotations

import socket


def resolver(names):
    """A look-up that knows these names only: each has addresses in one text, or a list with those of each look-up."""

    def look_up(host, port):
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        found = names[host].pop(0) if isinstance(names[host], list) else names[host]
        return [info for each in found.split() for info in socket.getaddrinfo(each, port, type=socket.SOCK_STREAM)]

    return look_up
