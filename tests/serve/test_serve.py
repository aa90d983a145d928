import http.client
import json
import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import openai
import pytest
import uvicorn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "train"))
from taught import POSTS, taught, tokenizer

from penname.core.errors import InputError
from penname.core.workspace import open_workspace
from penname.model.folder import save_model
from penname.serve.app import MOST_BYTES, make_app
from penname.serve.pool import Pool
from penname.serve.server import ServeOptions, _config
from penname.write.write import WriteOptions, open_writer, write

EXACT = {"device": "cpu", "precision": "fp32", "example": False}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    place = open_workspace(tmp_path_factory.mktemp("blogs") / "blog.penname", "blog")
    posts = [post.split("\n\n") for post in POSTS]
    rows = [
        {"id": n, "title": title, "date": "", "tags": [], "text": text, "split": "train"}
        for n, (title, text) in enumerate(posts)
    ]
    place.text.write_text(json.dumps(rows), encoding="utf-8")
    save_model(place.model, taught(), tokenizer(), card="# A blog", generation={"temperature": 0.8, "min_p": 0.05})
    return place


@contextmanager
def served(workspace, token="", max_copy=0, **bounds):
    pool = Pool(open_writer(WriteOptions(workspace=workspace.folder, max_copy=max_copy, **EXACT)), **bounds)
    options = ServeOptions(port=0, token=token)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server = uvicorn.Server(_config(make_app(pool, "blog", options.allowed(port))))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        pool.start()
        thread.start()
        try:
            yield port, pool
        finally:
            server.should_exit = True
            thread.join(10)
            pool.close()


@pytest.fixture(scope="module")
def server(workspace):
    with served(workspace) as found:
        yield found


@pytest.fixture(scope="module")
def client(server):
    with openai.OpenAI(base_url=f"http://127.0.0.1:{server[0]}/v1", api_key="none", max_retries=0) as found:
        yield found


def asked(port, path, body=None, **headers):
    """Status, answer and headers of a request that is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = {"Content-Type": "application/json"} if body is not None else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request("GET" if body is None else "POST", path, data, {**kind, **named})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def refusal(port, body, path="/v1/completions", **headers):
    status, text, _ = asked(port, path, body, **headers)
    return status, json.loads(text)["error"]


def settled(pool):
    until = time.monotonic() + 5
    while (pool.running or pool.waiting) and time.monotonic() < until:
        time.sleep(0.01)
    return pool.running == 0 == pool.waiting


def test_the_model_is_listed(client):
    assert [model.id for model in client.models.list()] == ["blog"]
    assert client.models.retrieve("blog").owned_by == "penname"
    with pytest.raises(openai.NotFoundError, match="one model"):
        client.models.retrieve("another")


def test_a_completion_is_what_write_writes(client, workspace):
    options = WriteOptions(workspace=workspace.folder, max_copy=0, sampling={"seed": 5, "max_tokens": 200}, **EXACT)
    drafts = write("On bread\n\n", WriteOptions(**{**vars(options), "drafts": 2})).drafts
    got = client.completions.create(model="blog", prompt="On bread\n\n", seed=5, n=2, max_tokens=200)
    assert [choice.text for choice in got.choices] == [draft.text for draft in drafts]
    assert {choice.finish_reason for choice in got.choices} == {"stop"}
    assert got.usage.completion_tokens == sum(draft.tokens for draft in drafts)
    assert got.usage.total_tokens == got.usage.prompt_tokens + got.usage.completion_tokens


def test_a_stream_is_the_same_text_in_pieces(client):
    same = {"model": "blog", "prompt": "Winter\n\n", "seed": 1, "temperature": 0, "n": 2}
    whole = client.completions.create(**same)
    parts = list(client.completions.create(**same, stream=True, stream_options={"include_usage": True}))
    for number in (0, 1):
        texts = [each.text for part in parts for each in part.choices if each.index == number]
        assert "".join(texts) == whole.choices[number].text == POSTS[3].partition("\n\n")[2]
        assert len(texts) > 5
    assert parts[-1].choices == [] and parts[-1].usage == whole.usage


def test_a_chat_goes_on_with_what_was_said(client):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "The garden"}]
    got = client.chat.completions.create(model="blog", messages=messages, temperature=0, max_tokens=5)
    assert POSTS[0].partition("\n\n")[2].startswith(got.choices[0].message.content)
    assert got.choices[0].finish_reason == "length" and got.usage.completion_tokens == 5
    parts = list(client.chat.completions.create(model="blog", messages=messages, temperature=0, stream=True))
    assert parts[0].choices[0].delta.role == "assistant"
    assert "".join(part.choices[0].delta.content for part in parts) == POSTS[0].partition("\n\n")[2]


def test_a_text_stops_before_a_stop_string(client):
    got = client.completions.create(model="blog", prompt="Winter\n\n", temperature=0, stop=["ferry", "pier"])
    assert got.choices[0].text == "Snow fell on the harbour for nine days, and the "


def test_the_copy_guard_holds(workspace):
    with served(workspace, max_copy=4) as (port, _):
        body = {"prompt": "Winter\n\n", "temperature": 0, "max_tokens": 40}
        text = json.loads(asked(port, "/v1/completions", body)[1])["choices"][0]["text"]
    assert text.startswith("Snow fell on the ") and "Snow fell on the harbour" not in text


def test_requests_share_forward_passes(workspace):
    with served(workspace) as (port, pool):
        body = {"prompt": "Winter\n\n", "max_tokens": 100, "min_p": 0, "temperature": 3, "seed": 1}
        alone = json.loads(asked(port, "/v1/completions", body)[1])["choices"][0]["text"]
        texts = []

        def ask():
            texts.append(json.loads(asked(port, "/v1/completions", body)[1])["choices"][0]["text"])

        threads = [threading.Thread(target=ask) for _ in range(6)]
        passes, tokens = pool.passes, pool.tokens
        for thread in threads:
            thread.start()
            time.sleep(0.005)
        for thread in threads:
            thread.join()
        assert set(texts) == {alone}
        assert (pool.passes - passes) * 2 < pool.tokens - tokens


LONG = {"prompt": "Winter\n\n", "max_tokens": 4096, "temperature": 100, "min_p": 0, "stream": True}


def leave_after_a_word(port, **body):
    with socket.create_connection(("127.0.0.1", port)) as line:
        data = json.dumps({**LONG, **body}).encode()
        head = f"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        line.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
        if body.get("stream", True):
            assert line.recv(10)
        else:
            time.sleep(0.1)


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(workspace, stream, monkeypatch):
    with served(workspace, rows=1) as (port, pool):
        never_ends(monkeypatch)
        leave_after_a_word(port, stream=stream)
        assert settled(pool)
        assert pool.tokens < 4000


def never_ends(monkeypatch):
    """Texts go on to their last token."""
    monkeypatch.setattr("penname.write.draft.Row.banned", lambda self: [self.end])


def test_more_than_may_wait_is_told_to_come_again(workspace, monkeypatch):
    never_ends(monkeypatch)
    with served(workspace, rows=1, queue=0) as (port, _):
        status, text, headers = asked(port, "/v1/completions", LONG | {"stream": False, "max_tokens": 1})
        assert (status, headers["retry-after"]) == (429, "1")
        assert json.loads(text)["error"]["type"] == "rate_limit_error"


def test_a_request_ends_when_its_time_is_up(workspace, monkeypatch):
    never_ends(monkeypatch)
    with served(workspace, seconds=0.05) as (port, _):
        status, error = refusal(port, {**LONG, "stream": False})
        assert status == 500 and "0.05 seconds" in error["message"]
        events = asked(port, "/v1/completions", LONG)[1].strip().split("\n\n")
        assert "0.05 seconds" in json.loads(events[-1].removeprefix("data: "))["error"]["message"]


def test_trouble_is_told_and_the_next_request_goes_well(server, monkeypatch):
    port, _ = server
    with monkeypatch.context() as broken:
        broken.setattr("penname.serve.pool.forward", lambda *_: 1 / 0)
        status, error = refusal(port, {"prompt": "Winter\n\n"})
        assert status == 500 and error["type"] == "server_error"
    assert asked(port, "/v1/completions", {"prompt": "Winter\n\n"})[0] == 200


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"n": 0}, "n"),
        ({"n": 9}, None),
        ({"n": True}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 10**9}, "max_tokens"),
        ({"temperature": -1}, None),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 10**400}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0}, None),
        ({"seed": -1}, "seed"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": {"a": 1}}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 1}, "stream_options"),
        ({"logprobs": 3}, "logprobs"),
        ({"echo": True}, "echo"),
    ],
)
def test_what_cannot_be_is_said_with_its_name(server, body, param):
    status, error = refusal(server[0], body)
    assert (status, error["type"], error["param"]) == (400, "invalid_request_error", param)


@pytest.mark.parametrize("messages", [None, [], "hello", [{}], [{"role": "tool", "content": "a"}], [1]])
def test_messages_that_are_none(server, messages):
    status, error = refusal(server[0], {"messages": messages}, "/v1/chat/completions")
    assert (status, error["param"]) == (400, "messages")


def test_requests_that_are_not_json(server):
    port, _ = server
    for body in (b"{", b"[]", b"\xff", b"[" * 2000):
        assert refusal(port, body)[0] == 400
    assert refusal(port, b"{}", Content_Type="text/plain")[0] == 415
    assert refusal(port, b" " * (MOST_BYTES + 1))[0] == 413
    assert refusal(port, {"model": "gpt"})[0] == 404


def test_a_prompt_that_the_model_cannot_read_is_refused(server):
    for words in (200, 100_000):
        status, error = refusal(server[0], {"prompt": "word " * words})
        assert (status, error["code"]) == (400, "context_length_exceeded")


ROUTES = ("/health", "/metrics", "/v1/models", "/v1/models/blog", "/v1/completions", "/v1/chat/completions", "/nowhere")


@pytest.mark.parametrize("route", ROUTES)
def test_other_sites_may_not_ask(server, route):
    port, _ = server
    for headers in ({"Host": f"blog.example:{port}"}, {"Host": "127.0.0.1"}, {"Origin": "null"},
                    {"Origin": "http://blog.example"}, {"Origin": f"https://127.0.0.1:{port}"}):  # fmt: skip
        for body in (None, {}):
            status, text, _ = asked(port, route, body, **headers)
            assert status == 403 and json.loads(text)["error"]["type"] == "permission_error"
    assert asked(port, route, Origin=f"http://127.0.0.1:{port}")[0] != 403
    assert asked(port, route, Host=f"localhost:{port}")[0] != 403


def test_a_token_is_asked_for_on_every_route(workspace):
    with served(workspace, token="0123456789abcdef") as (port, _):
        for route in ROUTES:
            assert asked(port, route)[0] == 401
            assert asked(port, route, Authorization="Bearer 0123456789abcdeg")[0] == 401
            assert asked(port, route, Authorization="Bearer 0123456789abcdef")[0] in (200, 404, 405)


def test_errors_of_routes_have_the_shape_too(server):
    for path, status in (("/nowhere", 404), ("/v1/completions", 405), ("/v1/models/..%2f..%2fetc", 404)):
        got, text, headers = asked(server[0], path)
        assert got == status and json.loads(text)["error"]["message"]
        assert headers["content-security-policy"].startswith("default-src 'none'")


def test_health_and_metrics(server):
    port, _ = server
    assert json.loads(asked(port, "/health")[1]) == {"status": "ok", "model": "blog"}
    refusal(port, {"n": 0})
    lines = asked(port, "/metrics")[1].splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert int(values['penname_requests_total{status="400"}']) >= 1
    assert {"penname_tokens_total", "penname_texts_running", "penname_requests_waiting"} <= set(values)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "blog.example"])
def test_elsewhere_demands_a_token(host):
    with pytest.raises(InputError, match="--token"):
        ServeOptions(host=host).check()
    ServeOptions(host=host, token="0123456789abcdef").check()


@pytest.mark.parametrize("token", ["short", "with a space in the middle", "ümläute-are-not-plain"])
def test_a_token_that_is_none(token):
    with pytest.raises(InputError, match="16 characters"):
        ServeOptions(token=token).check()
