"""Polite downloads over one connection: pauses, retries with back-off, resumed parts, checksums.

In: a base address that the user named, and paths below it. Out: whole files, each renamed into place once it is known
to be complete. Nothing is asked of any other host: a redirect elsewhere is an error that names it.

    with Downloader("http://127.0.0.1:8000/", pause=2.0) as downloader:
        got = downloader.fetch("cache/epub/11/pg11.txt", Path("pg11.txt"))
"""

import base64
import email.utils
import gzip
import hashlib
import http.client
import ssl
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from penname import __version__
from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.files import parse_json, read_text, write_json

USER_AGENT = f"penname/{__version__} (reads books for a language model; one connection)"
_PIECE = 2**16
_REDIRECTS = (301, 302, 303, 307, 308)
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_LONGEST_WAIT = 900.0
_SAME = 304


@dataclass(frozen=True)
class Fetched:
    """What came: `status` is 200, 304 (what is here is current), 404 and its kind, or 413 for too large."""

    status: int
    sha256: str = ""
    bytes: int = 0
    etag: str = ""
    modified: str = ""

    @property
    def ok(self) -> bool:
        """Whether the file is in place."""
        return self.status in (200, _SAME)


class _Broken(Exception):
    """The connection gave way or the file came damaged: worth another try."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class Downloader:
    """One connection to one host. `pause` and waits are in seconds, `largest` in bytes; `sleep` is for tests."""

    def __init__(
        self,
        base: str,
        pause: float = 2.0,
        retries: int = 5,
        largest: int = 64 << 20,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base = base if base.endswith("/") else base + "/"
        self._parts = urlsplit(self.base)
        if self._parts.scheme not in ("http", "https") or not self._parts.hostname:
            raise InputError(f"{base!r} is no address of a mirror: it should start with http:// or https://.")
        self.pause, self.retries, self.largest, self.timeout = pause, retries, largest, timeout
        self._sleep = sleep
        self._connection: http.client.HTTPConnection | None = None
        self._asked = 0

    def __enter__(self) -> "Downloader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None

    def fetch(self, path: str, target: Path, known: Fetched | None = None, md5: str = "") -> Fetched:
        """Bring `path` to `target`. With `known` the server is asked only whether it has changed since.

        Raises `PennameError` when the server keeps failing after all retries.
        """
        reason = ""
        for attempt in range(self.retries + 1):
            try:
                return self._once(path, target, known, md5)
            except _Broken as broken:
                reason, wait = str(broken), broken.wait
            except (OSError, http.client.HTTPException, ssl.SSLError) as error:
                reason, wait = f"{type(error).__name__}: {error}".rstrip(": "), None
            self.close()
            if attempt < self.retries:
                wait = min(_LONGEST_WAIT, max(self.pause, 2.0**attempt) if wait is None else wait)
                events.note(f"{path}: {reason}; trying again in {wait:.0f} s.")
                self._sleep(wait)
        raise PennameError(
            f"The mirror {self.base} failed {self.retries + 1} times on {path} ({reason}). Everything fetched so far "
            "is kept: run the same command again later, or name another mirror."
        )

    def _once(self, path: str, target: Path, known: Fetched | None, md5: str) -> Fetched:
        part = target.with_name(target.name + ".part")
        note = _read_note(part)
        headers = _conditions(part, note, known if target.exists() else None)
        response = self._ask(path, headers)
        if response.status == _SAME and known:
            self._drain(response)
            return Fetched(_SAME, known.sha256, known.bytes, known.etag, known.modified)
        if response.status == 416:
            self._drain(response)
            part.unlink(missing_ok=True)
            raise _Broken("the part that was here does not fit the file", wait=0.0)
        if response.status in _BUSY:
            self._drain(response)
            raise _Broken(f"the server is busy ({response.status})", _retry_after(response))
        if response.status not in (200, 206):
            self._drain(response)
            return Fetched(response.status)
        return self._receive(response, part, target, md5)

    def _receive(self, response: http.client.HTTPResponse, part: Path, target: Path, md5: str) -> Fetched:
        begin = _resumed_at(response, part)
        total = _total(response, begin)
        if total is not None and total > self.largest:
            self.close()
            return Fetched(413, bytes=total)
        part.parent.mkdir(parents=True, exist_ok=True)
        write_json(_note_path(part), {"etag": response.headers.get("ETag", ""), "total": total,
                                      "modified": response.headers.get("Last-Modified", "")})  # fmt: skip
        size = begin
        with part.open("r+b" if begin else "wb") as file:
            file.seek(begin)
            file.truncate()
            while piece := response.read(_PIECE):
                file.write(piece)
                size += len(piece)
                if size > self.largest:
                    break
        if size > self.largest:
            self.close()
            _forget(part)
            return Fetched(413, bytes=size)
        if total is not None and size < total:
            raise _Broken(f"the connection ended after {size} of {total} bytes")
        return self._accept(response, part, target, md5)

    def _accept(self, response: http.client.HTTPResponse, part: Path, target: Path, md5: str) -> Fetched:
        """Check the whole file, unpack what the server packed for the way, and put it in place."""
        sent = response.headers.get("Content-MD5", "")
        wanted = md5 or (base64.b64decode(sent).hex() if sent and response.status == 200 else "")
        if wanted and file_hash(part, "md5") != wanted.lower():
            _forget(part)
            raise _Broken("the file does not have the checksum that the server gave")
        if response.headers.get("Content-Encoding", "identity") in ("gzip", "x-gzip") and target.suffix != ".gz":
            try:
                part.write_bytes(gzip.decompress(part.read_bytes()))
            except (OSError, EOFError, zlib.error) as error:
                _forget(part)
                raise _Broken("what the server packed cannot be unpacked") from error
        sha256, size = file_hash(part), part.stat().st_size
        part.replace(target)
        _forget(part)
        headers = response.headers
        return Fetched(200, sha256, size, headers.get("ETag", ""), headers.get("Last-Modified", ""))

    def _ask(self, path: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """One request after the pause, redirects on the same host followed."""
        url = urljoin(self.base, path)
        for _ in range(6):
            if self._asked:
                self._sleep(self.pause)
            self._asked += 1
            response = self._request(url, headers)
            if response.status not in _REDIRECTS or not response.headers.get("Location"):
                return response
            self._drain(response)
            url = self._same_host(urljoin(url, response.headers["Location"]))
        raise _Broken("the server redirects in circles")

    def _drain(self, response: http.client.HTTPResponse) -> None:
        """Read the rest of an answer that is not wanted, so that the connection can be used again; not for long."""
        response.read(_PIECE)
        if not response.isclosed():
            self.close()

    def _request(self, url: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        """Over the open connection; once more over a new one when the server had closed it meanwhile."""
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        used = self._connection is not None
        try:
            return self._exchange(parts.scheme, parts.netloc, target, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if not used:
                raise
            return self._exchange(parts.scheme, parts.netloc, target, headers)

    def _exchange(self, scheme: str, place: str, target: str, headers: dict[str, str]) -> http.client.HTTPResponse:
        if self._connection is None:
            kind = http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection
            self._connection = kind(place, timeout=self.timeout)
        self._connection.request("GET", target, headers=headers | {"User-Agent": USER_AGENT})
        return self._connection.getresponse()

    def _same_host(self, url: str) -> str:
        parts = urlsplit(url)
        if parts.hostname != self._parts.hostname or parts.scheme not in ("http", "https"):
            raise InputError(
                f"The mirror {self.base} sends its readers on to {parts.scheme}://{parts.netloc}/: "
                "name that mirror instead if you want to fetch from there."
            )
        return url


def file_hash(path: Path, name: str = "sha256") -> str:
    """A file's checksum in hexadecimal, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(name, usedforsecurity=False)).hexdigest()


def _conditions(part: Path, note: dict[str, str], known: Fetched | None) -> dict[str, str]:
    """Headers that ask for the rest of a part, or whether a file has changed."""
    headers = {"Accept-Encoding": "identity"}
    etag = note.get("etag") or ""
    mark = etag if etag and not etag.startswith("W/") else note.get("modified") or ""
    if part.exists() and part.stat().st_size and mark:
        return headers | {"Range": f"bytes={part.stat().st_size}-", "If-Range": mark}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    elif known and known.modified:
        headers["If-Modified-Since"] = known.modified
    return headers


def _resumed_at(response: http.client.HTTPResponse, part: Path) -> int:
    """Where the body begins: past what is here for 206, else at 0."""
    if response.status != 206:
        return 0
    span = response.headers.get("Content-Range", "")
    begin = span.removeprefix("bytes ").split("-")[0]
    if not begin.isdecimal() or not part.exists() or int(begin) != part.stat().st_size:
        part.unlink(missing_ok=True)
        raise _Broken("the server sent another piece than the one asked for", wait=0.0)
    return int(begin)


def _total(response: http.client.HTTPResponse, begin: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return begin + int(length) if length.isdecimal() else None


def _retry_after(response: http.client.HTTPResponse) -> float | None:
    """Seconds from `Retry-After`, which is a number or a date (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _note_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _read_note(part: Path) -> dict[str, str]:
    try:
        note = parse_json(read_text(_note_path(part)))
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note_path(part).unlink(missing_ok=True)
