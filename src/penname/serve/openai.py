"""OpenAI's requests and answers as plain values.

    asked = completion(json_object, "my-blog")       # or chat(...)
    asked.prompt, asked.sampling, asked.count

In: a JSON object of a client. Out: an `Asked`, or a `BadRequestError` that names the parameter; and the objects that
answers are made of. The model goes on with a text: of a chat it reads what the user and it have said, as paragraphs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penname.core.errors import InputError

MOST_TOKENS = 4096
"""Tokens that a request may ask for."""
MOST_CHARACTERS = 100_000
_MOST_STOPS, _LONGEST_STOP = 4, 200
_OFF = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "echo": (False,),
    "best_of": (1,),
    "suffix": ("",),
    "tools": ([],),
    "functions": ([],),
    "response_format": ({"type": "text"},),
}
"""Parameters that are taken where they change nothing; anything else they ask for is not offered."""
_NUMBERS = ("temperature", "top_p", "min_p", "repetition_penalty")
_WHOLE = ("top_k", "seed")
_FINISH = {"end": "stop", "stop": "stop", "length": "length", "blocked": "content_filter"}


class BadRequestError(InputError):
    """A request that cannot be answered; `param` is what is wrong with it."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.param, self.code, self.status = param, code, status


@dataclass(frozen=True)
class Asked:
    """What a request asks for."""

    chat: bool
    model: str
    prompt: str
    count: int
    stop: tuple[str, ...]
    sampling: dict[str, float]
    stream: bool
    usage: bool
    """Whether the stream ends with the usage."""


def completion(body: Mapping[str, Any], model: str) -> Asked:
    """What a request to /v1/completions asks for."""
    prompt = body.get("prompt", "")
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise BadRequestError("prompt is one text; send a request for each of several.", "prompt")
    return _asked(body, model, prompt, False, body.get("max_tokens"))


def chat(body: Mapping[str, Any], model: str) -> Asked:
    """What a request to /v1/chat/completions asks for."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise BadRequestError("messages is a list of at least one message.", "messages")
    said = [(role, text) for role, text in map(_message, messages) if role in ("user", "assistant")]
    prompt = "\n\n".join(text.strip("\n") for _, text in said)
    if said and said[-1][0] == "user":
        prompt += "\n\n"
    most = body.get("max_completion_tokens")
    return _asked(body, model, prompt, True, body.get("max_tokens") if most is None else most)


def _message(message: Any) -> tuple[str, str]:
    role, content = (message.get("role"), message.get("content")) if isinstance(message, dict) else (None, None)
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        whole = len(texts) == len(content) and all(isinstance(text, str) for text in texts)
        content = "\n\n".join(map(str, texts)) if whole else None
    if role not in ("system", "developer", "user", "assistant") or not isinstance(content, str):
        raise BadRequestError("A message has a role (system, user or assistant) and a text as its content.", "messages")
    return role, content


def _asked(body: Mapping[str, Any], model: str, prompt: str, chat: bool, most: Any) -> Asked:
    if body.get("model") not in (None, model):
        raise BadRequestError(f"There is one model here: {model}.", "model", "model_not_found", 404)
    if len(prompt) > MOST_CHARACTERS:
        raise BadRequestError(
            f"The prompt has {len(prompt):,} characters, and {MOST_CHARACTERS:,} are read: shorten it.",
            "messages" if chat else "prompt",
            "context_length_exceeded",
        )
    for name, harmless in _OFF.items():
        value = body.get(name)
        if value is not None and value not in harmless:
            raise BadRequestError(f"{name} is not offered: leave it out.", name)
    options = body.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise BadRequestError("stream_options is an object.", "stream_options")
    return Asked(
        chat=chat,
        model=model,
        prompt=prompt,
        count=_whole(body, "n", 1, 1, 64),
        stop=_stop(body.get("stop")),
        sampling=_sampling(body, most),
        stream=_flag(body, "stream"),
        usage=_flag(options or {}, "include_usage"),
    )


def _sampling(body: Mapping[str, Any], most: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in _NUMBERS:
        value = body.get(name)
        if value is not None:
            if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
                raise BadRequestError(f"{name} is a number.", name)
            found[name] = value
    for name in _WHOLE:
        if body.get(name) is not None:
            found[name] = _whole(body, name, 0, 0, 2**63 - 1)
    if most is not None:
        found["max_tokens"] = _whole({"max_tokens": most}, "max_tokens", 1, 1, MOST_TOKENS)
    return found


def _whole(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadRequestError(f"{name} is a whole number from {least} to {most}.", name)
    return value


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequestError(f"{name} is true or false.", name)
    return bool(value)


def _stop(given: Any) -> tuple[str, ...]:
    texts = [] if given is None else [given] if isinstance(given, str) else given
    fits = isinstance(texts, list) and len(texts) <= _MOST_STOPS
    if not fits or any(not isinstance(text, str) or not 0 < len(text) <= _LONGEST_STOP for text in texts):
        raise BadRequestError(f"stop is up to {_MOST_STOPS} texts of 1 to {_LONGEST_STOP} characters.", "stop")
    return tuple(texts)


def envelope(asked: Asked, number: str, created: int, part: bool) -> dict[str, Any]:
    """What stands around the choices; `part` for a chunk of a stream."""
    kind = ("chat.completion.chunk" if part else "chat.completion") if asked.chat else "text_completion"
    return {"id": f"{'chatcmpl' if asked.chat else 'cmpl'}-{number}", "object": kind, "created": created,
            "model": asked.model}  # fmt: skip


def choice(asked: Asked, index: int, text: str, finish: str) -> dict[str, Any]:
    """A whole text."""
    said: dict[str, Any] = {"text": text}
    if asked.chat:
        said = {"message": {"role": "assistant", "content": text, "refusal": None}}
    return {"index": index, **said, "logprobs": None, "finish_reason": _FINISH[finish]}


def chunk(asked: Asked, index: int, text: str, finish: str, first: bool) -> dict[str, Any]:
    """The next words of a text."""
    said: dict[str, Any] = {"text": text}
    if asked.chat:
        said = {"delta": {**({"role": "assistant"} if first else {}), "content": text}}
    return {"index": index, **said, "logprobs": None, "finish_reason": _FINISH[finish] if finish else None}


def usage(prompt: int, written: int) -> dict[str, int]:
    """Tokens read and written."""
    return {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
