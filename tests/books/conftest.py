"""A mirror on 127.0.0.1 that can misbehave: cut connections, be busy, lie about checksums."""

import contextlib
import hashlib
import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Site:
    """What the server serves and how; `asked` lists each request as path and Range header."""

    files: dict[str, bytes]
    cut: dict[str, int] = field(default_factory=dict)
    """Paths whose next answer ends after so many bytes."""
    busy: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    """Paths that first answer with these statuses and Retry-After headers."""
    redirects: dict[str, str] = field(default_factory=dict)
    md5: dict[str, str] = field(default_factory=dict)
    """Paths that come with this Content-MD5."""
    etags: bool = True
    encoding: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    agents: set[str] = field(default_factory=set)
    url: str = ""

    def paths(self) -> list[str]:
        """The paths asked for, in order."""
        return [path for path, _ in self.asked]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5
    wbufsize = -1
    site: Site

    def do_GET(self) -> None:
        site, path = self.site, self.path.lstrip("/")
        site.asked.append((path, self.headers.get("Range", "")))
        site.connections.add(self.client_address[1])
        site.agents.add(self.headers.get("User-Agent", ""))
        if site.busy.get(path):
            status, wait = site.busy[path].pop(0)
            self._answer(status, b"busy", {"Retry-After": wait} if wait else {})
        elif path in site.redirects:
            self._answer(302, b"", {"Location": site.redirects[path]})
        elif path not in site.files:
            self._answer(404, b"not here", {})
        else:
            self._file(path, site.files[path])

    def _file(self, path: str, data: bytes) -> None:
        etag = f'"{hashlib.md5(data).hexdigest()}"'
        headers = {"ETag": etag} if self.site.etags else {}
        if self.headers.get("If-None-Match") == etag:
            self._answer(304, b"", headers)
            return
        if path in self.site.md5:
            headers["Content-MD5"] = self.site.md5[path]
        if path in self.site.encoding:
            headers["Content-Encoding"] = self.site.encoding[path]
        span = self.headers.get("Range", "")
        if span and self.headers.get("If-Range") == etag:
            start = int(span.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self._answer(206, data[start:], headers, path)
        else:
            self._answer(200, data, headers, path)

    def _answer(self, status: int, body: bytes, headers: dict[str, str], path: str = "") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        stop = self.site.cut.pop(path, None)
        if stop is not None:
            self.wfile.write(body[:stop])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@contextlib.contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve until the block ends; `site.url` says where."""
    handler = type("Handler", (_Handler,), {"site": site})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_address[1]}/"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve() -> Iterator[Callable[..., Site]]:
    """Start a mirror that serves these files, and stop it after the test."""
    with contextlib.ExitStack() as stack:

        def start(files: dict[str, bytes], **how: Any) -> Site:
            return stack.enter_context(serving(Site(files, **how)))

        yield start
