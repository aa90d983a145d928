"""Who may ask: the Host and Origin of every request, the token, and headers that every answer bears.

    app = Guarded(app, Allowed(hosts=frozenset({"127.0.0.1:8642"}), token=""))

In: any request. Out: the app's answer, or an error in OpenAI's shape. A page of another site cannot ask: its Origin is
another, and a name of its own that points at this machine is no Host of ours.
"""

import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class Allowed:
    """What a request must say of itself."""

    hosts: frozenset[str]
    """Hosts, with their port, that a request may name; none: any, where a token is asked for."""
    token: str = ""
    """What a request must bear; empty: nothing."""

    def refusal(self, headers: Headers) -> tuple[int, str, str] | None:
        """Status, code and sentence of what is refused."""
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or (self.hosts and hosts[0].lower() not in self.hosts):
            return 403, "host_not_allowed", "This server does not go by that name: ask it by its address."
        if origins and [origin.lower() for origin in origins] != [f"http://{hosts[0].lower()}"]:
            return 403, "origin_not_allowed", "Pages of other sites may not ask this server."
        if self.token and not self._bears(headers.get("authorization", "")):
            return 401, "invalid_api_key", "Give the server's token as the API key (Authorization: Bearer TOKEN)."
        return None

    def _bears(self, given: str) -> bool:
        kind, _, token = given.partition(" ")
        same = secrets.compare_digest(token.strip().encode(), self.token.encode())
        return kind.lower() == "bearer" and same


def error(
    status: int, message: str, code: str | None = None, param: str | None = None, headers: dict[str, str] | None = None
) -> JSONResponse:
    """An error as OpenAI's clients read it."""
    return JSONResponse({"error": error_body(status, message, code, param)}, status, headers)


def error_body(status: int, message: str, code: str | None = None, param: str | None = None) -> dict[str, str | None]:
    """What stands under `error`."""
    kind = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}.get(status)
    usual = "invalid_request_error" if status < 500 else "server_error"
    return {"message": message, "type": kind or usual, "param": param, "code": code}


class Guarded:
    """An app behind the checks."""

    def __init__(self, app: ASGIApp, allowed: Allowed) -> None:
        self.app, self.allowed = app, allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        refused = self.allowed.refusal(Headers(scope=scope))
        if refused:
            status, code, sentence = refused
            await error(status, sentence, code)(scope, receive, send_safe)
            return
        await self.app(scope, receive, send_safe)
