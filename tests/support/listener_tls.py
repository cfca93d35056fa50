"""Holdfast with TLS on its listeners, and clients that trust it."""

import contextlib
import pathlib
import socket
import ssl

from support import configs


def config_for(fake, pair: dict, **tls) -> dict:
    """`chat` through `fake`, TLS on both listeners; `tls` only for the applications'."""
    files = {"certificate": pair["cert"], "key": pair["key"]}
    return configs.through(fake) | {"server": {"tls": files | tls}, "admin": {"tls": files}}


def client(authority, pair: dict | None = None) -> ssl.SSLContext:
    """A client that trusts `authority` and shows `pair`."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if pair:
        context.load_cert_chain(pair["cert"], pair["key"])
    return context


def replace(pair: dict, new: dict) -> None:
    """Puts other files in the place of a pair, each at once."""
    for kind in ("cert", "key"):
        beside = pathlib.Path(pair[kind] + ".new")
        beside.touch(mode=0o600)
        beside.write_bytes(pathlib.Path(new[kind]).read_bytes())
        beside.rename(pair[kind])


@contextlib.contextmanager
def connect(port: int, context: ssl.SSLContext):
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as stream,
    ):
        yield stream


def shown(port: int, context: ssl.SSLContext) -> str:
    """The serial number of the certificate that the listener shows."""
    with connect(port, context) as stream:
        return stream.getpeercert()["serialNumber"]


def handshakes(instance, reason: str | None = None, listener="applications") -> float:
    """Handshakes that were done; with a reason, those that failed for it."""
    labels = f'listener="{listener}"'
    if reason is None:
        return instance.metrics()[f"holdfast_tls_handshakes_total{{{labels}}}"]
    name = "holdfast_tls_handshake_failures_total"
    return instance.metrics()[f'{name}{{{labels},reason="{reason}"}}']
