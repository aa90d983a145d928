"""What `penname serve` does: load the model, open the port, answer until Ctrl-C.

    serve(ServeOptions(port=8642), WriteOptions(workspace=folder))

In: the options of the command, and those of `penname write`. Out: a server on this machine. It is not reached from
elsewhere unless a host is named, and then only with a token.
"""

import ipaddress
import os
import socket
from dataclasses import dataclass

import uvicorn

from penname.core import events
from penname.core.errors import InputError
from penname.serve.app import make_app
from penname.serve.guard import Allowed
from penname.serve.pool import Pool
from penname.write.write import WriteOptions, open_writer

_CONNECTIONS = 64
_LEAST_TOKEN = 16


@dataclass(frozen=True)
class ServeOptions:
    """Where it listens."""

    host: str = "127.0.0.1"
    port: int = 8642
    token: str = ""

    def check(self) -> None:
        """Raise `InputError` for what cannot be."""
        if not 0 <= self.port <= 65535:
            raise InputError(f"--port is a number from 0 to 65535, not {self.port}.")
        if not self.token and not self.local:
            raise InputError(f"--host {self.host} is reached from elsewhere: give a --token that clients must send.")
        if self.token and (len(self.token) < _LEAST_TOKEN or not self.token.isascii() or " " in self.token):
            raise InputError(f"--token has at least {_LEAST_TOKEN} characters, plain ones without a space.")

    @property
    def local(self) -> bool:
        """Whether nobody but this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def allowed(self, port: int) -> Allowed:
        """What requests must say of themselves."""
        names = {"127.0.0.1", "localhost", "[::1]", f"[{self.host}]" if ":" in self.host else self.host.lower()}
        ours = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
        return Allowed(frozenset(ours if self.local else ()), self.token)


def serve(options: ServeOptions, write: WriteOptions) -> None:
    """Answer until the user stops it. Raises `InputError` for a port in use, a model that is not there."""
    options.check()
    write.check()
    with _listening(options) as listener:
        port = listener.getsockname()[1]
        writer = open_writer(write)
        pool = Pool(writer)
        name = writer.loaded.source.resolve().parent.stem if write.model is None else writer.loaded.source.stem
        server = uvicorn.Server(_config(make_app(pool, name, options.allowed(port))))
        place = f"[{options.host}]" if ":" in options.host else options.host
        events.note(f"{name} answers at http://{place}:{port}/v1 on {writer.device.name}. Stop it with Ctrl-C.")
        pool.start()
        try:
            server.run(sockets=[listener])
        finally:
            pool.close()


def _config(app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=3,
    )


def _listening(options: ServeOptions) -> socket.socket:
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        return socket.create_server((options.host, options.port), family=family, backlog=_CONNECTIONS)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else error
        raise InputError(
            f"Port {options.port} of {options.host} cannot be opened ({why}): give another --port."
        ) from error
