"""The routes: what clients ask and hear.

    app = make_app(pool, "my-blog", Allowed(hosts))

In: requests over HTTP. Out: answers in OpenAI's shape, whole or as a stream of events. No route reads or writes a file.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from penname.core.errors import InputError, PennameError
from penname.serve import openai
from penname.serve.guard import Allowed, Guarded, error, error_body
from penname.serve.pool import Job, Pool, QueueFullError, Told, TooLongError
from penname.write.generate import Piece

MOST_BYTES = 1 << 20
"""Of a request."""
_BODY_SECONDS = 10.0
"""In which a request must have come."""


class Server:
    """The answers of one model."""

    def __init__(self, pool: Pool, name: str) -> None:
        self.pool, self.name = pool, name
        self.created = int(time.time())
        self.answered: Counter[int] = Counter()

    async def models(self, _request: Request) -> Response:
        """The one model."""
        return self._count(JSONResponse({"object": "list", "data": [self._model()]}))

    async def model(self, request: Request) -> Response:
        """The model, by its name."""
        if request.path_params["name"] != self.name:
            return self._count(error(404, f"There is one model here: {self.name}.", "model_not_found", "model"))
        return self._count(JSONResponse(self._model()))

    def _model(self) -> dict[str, Any]:
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "penname"}

    async def health(self, _request: Request) -> Response:
        """Whether it answers."""
        return JSONResponse({"status": "ok", "model": self.name})

    async def metrics(self, _request: Request) -> Response:
        """Counters as Prometheus reads them."""
        pool, lines = self.pool, []
        for name, kind, value in (
            ("penname_tokens_total", "counter", pool.tokens),
            ("penname_forward_passes_total", "counter", pool.passes),
            ("penname_texts_running", "gauge", pool.running),
            ("penname_requests_waiting", "gauge", pool.waiting),
        ):
            lines += [f"# TYPE {name} {kind}", f"{name} {value}"]
        lines.append("# TYPE penname_requests_total counter")
        lines += [f'penname_requests_total{{status="{status}"}} {n}' for status, n in sorted(self.answered.items())]
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def completions(self, request: Request) -> Response:
        """Go on with a text."""
        return await self._answer(request, openai.completion)

    async def chat(self, request: Request) -> Response:
        """Go on with what was said."""
        return await self._answer(request, openai.chat)

    async def _answer(self, request: Request, read: Callable[[Mapping[str, Any], str], openai.Asked]) -> Response:
        try:
            asked = read(await _body(request), self.name)
            job, pieces = await self._submit(asked)
        except QueueFullError as full:
            return self._count(error(429, str(full), "queue_full", headers={"Retry-After": "1"}))
        except TooLongError as long:
            return self._count(error(400, str(long), "context_length_exceeded"))
        except openai.BadRequestError as bad:
            return self._count(error(bad.status, str(bad), bad.code, bad.param))
        except InputError as bad:
            return self._count(error(400, str(bad)))
        if asked.stream:
            return self._count(_Streamed(asked, job, pieces))
        return self._count(await _whole(request, asked, job, pieces))

    async def _submit(self, asked: openai.Asked) -> tuple[Job, "asyncio.Queue[Told]"]:
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[Told]()

        def tell(told: Told) -> None:
            # The loop is closed where the server stops in the middle of a text.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(pieces.put_nowait, told)

        settings = self.pool.writer.settings(asked.sampling)
        # Reading a long prompt must not hold up the others.
        job = await run_in_threadpool(self.pool.submit, asked.prompt, settings, asked.count, asked.stop, tell)
        return job, pieces

    def _count(self, response: Response) -> Response:
        self.answered[response.status_code] += 1
        return response


def make_app(pool: Pool, name: str, allowed: Allowed) -> Guarded:
    """The app that answers for `pool`; its model goes by `name`."""
    server = Server(pool, name)
    routes = [
        Route("/health", server.health),
        Route("/metrics", server.metrics),
        Route("/v1/models", server.models),
        Route("/v1/models/{name}", server.model),
        Route("/v1/completions", server.completions, methods=["POST"]),
        Route("/v1/chat/completions", server.chat, methods=["POST"]),
    ]
    return Guarded(Starlette(routes=routes, exception_handlers={HTTPException: _refused}), allowed)


async def _refused(_request: Request, refused: Exception) -> Response:
    assert isinstance(refused, HTTPException)
    sentence = {404: "There is no such address here: see /v1/models.", 405: "This address takes another method."}
    return error(refused.status_code, sentence.get(refused.status_code, refused.detail))


async def _body(request: Request) -> Mapping[str, Any]:
    # A page of another site can send text without asking first, but not JSON.
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise openai.BadRequestError("Send JSON (Content-Type: application/json).", status=415)
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MOST_BYTES:
                    raise openai.BadRequestError(f"A request has at most {MOST_BYTES:,} bytes.", status=413)
    except TimeoutError:
        raise openai.BadRequestError("The request did not come in time.", status=408) from None
    except ClientDisconnect:
        raise openai.BadRequestError("The client left.") from None
    try:
        found = json.loads(bytes(body))
    except (ValueError, RecursionError):
        raise openai.BadRequestError("The request is not JSON.") from None
    if not isinstance(found, dict):
        raise openai.BadRequestError("The request is a JSON object.")
    return found


async def _whole(request: Request, asked: openai.Asked, job: Job, pieces: "asyncio.Queue[Told]") -> Response:
    left = asyncio.ensure_future(_until_gone(request))
    texts = [""] * asked.count
    last: dict[int, Piece] = {}
    try:
        while len(last) < asked.count:
            told = await _next(pieces, left)
            if told is None:
                return error(499, "The client left.")
            if isinstance(told, PennameError):
                return error(500, str(told))
            texts[told.draft] += told.text
            if told.finish:
                last[told.draft] = told
    finally:
        job.leave()
        left.cancel()
    choices = [openai.choice(asked, number, text, last[number].finish) for number, text in enumerate(texts)]
    used = openai.usage(job.prompt_tokens, sum(piece.tokens for piece in last.values()))
    return JSONResponse({**_envelope(asked, False), "choices": choices, "usage": used})


async def _next(pieces: "asyncio.Queue[Told]", left: "asyncio.Future[None]") -> Told | None:
    """What comes next; None once the client has left."""
    if not pieces.empty():
        return pieces.get_nowait()
    coming = asyncio.ensure_future(pieces.get())
    either: set[asyncio.Future[Any]] = {coming, left}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if coming.done():
        return coming.result()
    coming.cancel()
    return None


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class _Streamed(StreamingResponse):
    """The words of a request as they come; however it ends, its place is free then."""

    def __init__(self, asked: openai.Asked, job: Job, pieces: "asyncio.Queue[Told]") -> None:
        super().__init__(_events(asked, job, pieces), media_type="text/event-stream")
        self.job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what comes, until the client leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.job.leave()


async def _events(asked: openai.Asked, job: Job, pieces: "asyncio.Queue[Told]") -> AsyncIterator[str]:
    around, begun = _envelope(asked, True), set[int]()
    last: dict[int, Piece] = {}
    while len(last) < asked.count:
        told = await pieces.get()
        if isinstance(told, PennameError):
            yield _event({"error": error_body(500, str(told))})
            return
        if told.finish:
            last[told.draft] = told
        if told.text or told.finish:
            part = openai.chunk(asked, told.draft, told.text, told.finish, told.draft not in begun)
            begun.add(told.draft)
            yield _event({**around, "choices": [part]})
    if asked.usage:
        used = openai.usage(job.prompt_tokens, sum(piece.tokens for piece in last.values()))
        yield _event({**around, "choices": [], "usage": used})
    yield "data: [DONE]\n\n"


def _envelope(asked: openai.Asked, part: bool) -> dict[str, Any]:
    return openai.envelope(asked, uuid.uuid4().hex, int(time.time()), part)


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value)}\n\n"
