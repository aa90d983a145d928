"""What an open model says of itself and everything made of it carries along: name, licence, chat template, tokens.

In: the metadata of a GGUF file, or the files of a model folder. Out: an `Origin`, and the model card with it.

    origin = gguf_origin(metadata, start=1, stop=2)
    card = with_origin("# The voice of a blog", origin)     # YAML head, and a paragraph that names base and licence
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

KEY = "penname_base"
"""Where `config.json` of a folder of ours keeps it; `transformers` leaves what it does not know."""
_LONGEST = 300
_LONGEST_TEMPLATE = 100_000
_HUB = "https://huggingface.co/"
_HEAD = re.compile(r"\A---\n(.{0,20000}?)\n---\n", re.DOTALL)
_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Origin:
    """What is known of an open base; every field may be empty."""

    name: str = ""
    author: str = ""
    licence: str = ""
    """As model cards name it: `apache-2.0`, `llama3.2`, `gemma`."""
    licence_link: str = ""
    url: str = ""
    """Where it comes from."""
    pre: str = ""
    """llama.cpp's name for its way of splitting text."""
    start: int | None = None
    """The token that the model itself calls the start of a text."""
    stop: int | None = None
    """The token that the model itself ends with: of a model that was taught to chat, what ends an answer."""
    chat_template: str = ""
    """Jinja."""

    def __bool__(self) -> bool:
        """Whether there is anything to carry along: the shipped base and what it made have nothing."""
        return self != Origin()

    def described(self) -> str:
        """Name, author and licence in words."""
        name = self.name or "an open model"
        by = f" by {self.author}" if self.author else ""
        link = f" ({self.licence_link})" if self.licence_link else ""
        licence = f"its licence is {self.licence}{link}" if self.licence else "its file names no licence"
        return f"{name}{by}; {licence}"


NO_ORIGIN = Origin()


def gguf_origin(metadata: Mapping[str, Any], start: int, stop: int) -> Origin:
    """What a GGUF file says of the model in it, and of the model that it was made of where there is one."""

    def said(*names: str) -> str:
        for name in names:
            value = metadata.get(f"general.{name}")
            if isinstance(value, str) and value.strip():
                return _line(value)
        return ""

    template, pre = metadata.get("tokenizer.chat_template"), metadata.get("tokenizer.ggml.pre")
    return Origin(
        name=said("name", "basename"),
        author=said("organization", "author", "base_model.0.organization"),
        licence=said("license", "license.name"),
        licence_link=said("license.link"),
        url=said("repo_url", "url", "source.repo_url", "source.url", "base_model.0.repo_url"),
        pre=_line(pre) if isinstance(pre, str) else "",
        start=start,
        stop=stop,
        chat_template=template[:_LONGEST_TEMPLATE] if isinstance(template, str) else "",
    )


def folder_origin(
    folder: Path, config: Mapping[str, Any], tokenizer: Mapping[str, Any], card: str, ids: Mapping[str, int]
) -> Origin:
    """What a model folder says: in `config.json` where it is ours, else in card and `tokenizer_config.json`.

    `ids` gives the numbers of tokens by name.
    """
    template = tokenizer.get("chat_template")
    path = folder / "chat_template.jinja"
    if not isinstance(template, str) and path.is_file() and path.stat().st_size <= _LONGEST_TEMPLATE:
        template = path.read_text(encoding="utf-8", errors="replace")
    template = template[:_LONGEST_TEMPLATE] if isinstance(template, str) else ""
    kept = config.get(KEY)
    if isinstance(kept, dict):
        return _kept(kept, template)
    head = _head(card)
    tokens = {name: _named(tokenizer.get(f"{name}_token"), ids) for name in ("bos", "eos")}
    name = str(config.get("_name_or_path") or head.get("base_model") or folder.resolve().name)
    return Origin(
        name=_line(Path(name).name),
        author=_line(head.get("base_model", "").partition("/")[0]) if "/" in head.get("base_model", "") else "",
        licence=_line(head.get("license_name") or head.get("license", "")),
        licence_link=_line(head.get("license_link", "")),
        url=_HUB + head["base_model"] if "/" in head.get("base_model", "") else "",
        start=tokens["bos"],
        stop=tokens["eos"],
        chat_template=template,
    )


def _kept(kept: Mapping[str, Any], template: str) -> Origin:
    found: dict[str, Any] = {"chat_template": template}
    for each in fields(Origin):
        value = kept.get(each.name)
        if each.name in ("start", "stop"):
            found[each.name] = value if type(value) is int and value >= 0 else None
        elif each.name != "chat_template" and isinstance(value, str):
            found[each.name] = _line(value)
    return Origin(**found)


def as_field(origin: Origin) -> dict[str, Any]:
    """What `config.json` keeps of it; the template stands where `transformers` looks for it."""
    if not origin:
        return {}
    return {KEY: {name: value for name, value in asdict(origin).items() if name != "chat_template" and value != ""}}


def with_origin(card: str, origin: Origin) -> str:
    """A model card with a YAML head that names licence and base, and a paragraph for readers.

    A card that has a head keeps it.
    """
    if not origin or card.startswith("---\n"):
        return card
    head = {
        "license": origin.licence,
        "license_link": origin.licence_link,
        "base_model": origin.url.removeprefix(_HUB) if origin.url.startswith(_HUB) else "",
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
    }
    # JSON's quotes are YAML's too.
    lines = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in head.items() if value)
    where = f" It comes from {origin.url}." if origin.url else ""
    about = (
        f"\n## The base\n\nThe base is {origin.described()}.{where} What is above says how its weights were changed; "
        "licence and attribution go wherever this model goes.\n"
    )
    return f"---\n{lines}---\n\n{card.rstrip()}\n{about}"


def title_of(card: str) -> str:
    """The title of a model card; empty where it has none."""
    found = _TITLE.search(card)
    return _line(found[1]) if found else ""


def _head(card: str) -> dict[str, str]:
    """The single values of a card's YAML head, and the first of lists."""
    found = _HEAD.match(card.replace("\r\n", "\n"))
    values: dict[str, str] = {}
    key = ""
    for line in found[1].split("\n") if found else ():
        name, colon, value = line.partition(":")
        if colon and name == name.strip() and not name.startswith("-"):
            key = name
            if value.strip():
                values.setdefault(key, _unquoted(value))
        elif line.lstrip().startswith("- ") and key:
            values.setdefault(key, _unquoted(line.lstrip()[2:]))
    return values


def _unquoted(text: str) -> str:
    return text.strip().strip("'\"").strip()


def _named(token: Any, ids: Mapping[str, int]) -> int | None:
    name = token.get("content") if isinstance(token, dict) else token
    return ids.get(name) if isinstance(name, str) else None


def _line(text: str) -> str:
    """One short line of printable signs, whatever a stranger's file holds."""
    return "".join(sign if sign.isprintable() else " " for sign in text).strip()[:_LONGEST]
