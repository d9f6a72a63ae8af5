"""Close the network to every Python process of the test run; only this machine stays reachable.

Python imports a module of this name by itself when it starts, so processes that tests start are
closed too (the folder is put on PYTHONPATH by `tests/conftest.py`, which also imports it here). An
audit hook sees each connection before it is made, whichever library asks, and costs no import.
"""

import sys

LOCAL = ("localhost", "127.", "::1", "0.0.0.0", "::ffff:127.")


class NetworkClosed(RuntimeError):
    """A test reached for the network."""


def _is_local(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    return host is None or host == "" or str(host).startswith(LOCAL)


def _refuse_network(event: str, arguments: tuple) -> None:
    if not event.startswith("socket."):
        return
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    if not _is_local(host):
        raise NetworkClosed(
            f"{event} to {host!r}: tests reach only this machine; serve what is needed on localhost"
        )


sys.addaudithook(_refuse_network)
