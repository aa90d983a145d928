"""A book's bytes into text: what character set the file is in, by what it holds and by its own word.

In: the bytes of a text or HTML file of any age. Out: its text; nothing raises, what cannot be read is U+FFFD.

    text = decode(Path("24225-0.txt").read_bytes())

In order: a byte order mark, UTF-16 by its zeros, escapes that the file declares, valid UTF-8, what the file declares
(every character set Python knows, under its odd spellings too), then Windows-1252.
"""

import codecs
import encodings.aliases
import itertools
import pkgutil
import re
from collections.abc import Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_DECLARED = re.compile(
    rb"character set(?: encoding)?:[ \t]*([^\r\n<]{1,60})|"
    rb"\b(?:charset|encoding)[ \t]*=[ \t]*(?:\"([^\"\r\n]{1,60})\"|'([^'\r\n]{1,60})'|([^\s\"'<>;?]{1,60}))",
    re.IGNORECASE,
)
_HEAD = 20_000
_MODULES = {module.name: module.name for module in pkgutil.iter_modules(encodings.__path__)}
_SPELLINGS = {
    re.sub(r"[^a-z0-9]", "", name): codec for name, codec in (_MODULES | encodings.aliases.aliases).items()
} | {
    # Names of mail and browsers that Python does not know, and what people wrote into headers.
    "unicode": "utf_8",
    "ascii8bit": "cp1252",
    "ansi": "cp1252",
    "winlatin1": "cp1252",
    "wansi": "cp1252",
    "gb": "gb18030",
    "gbk2312": "gb18030",
    "big5eten": "cp950",
    "windows874": "cp874",
    "windows932": "cp932",
    "windows936": "gbk",
    "windows949": "cp949",
    "windows950": "cp950",
    "windows31j": "cp932",
    "mac": "mac_roman",
    "macos": "mac_roman",
    "applemacintosh": "mac_roman",
    "koi8": "koi8_r",
    "jis": "iso2022_jp",
    "euc": "euc_jp",
    "logical": "iso8859_8",
    "visual": "iso8859_8",
}
# What a name stands for in practice: the set itself, then the larger ones that its files were really written in.
_SUPERSETS = {
    "iso8859-1": ("cp1252",),
    "ascii": ("cp1252",),
    "iso8859-9": ("cp1254",),
    "iso8859-11": ("cp874",),
    "tis-620": ("cp874",),
    "gb2312": ("gb2312", "gb18030"),
    "gbk": ("gbk", "gb18030"),
    "big5": ("big5", "cp950", "big5hkscs"),
    "cp950": ("cp950", "big5hkscs"),
    "shift_jis": ("shift_jis", "cp932", "shift_jisx0213"),
    "cp932": ("cp932", "shift_jisx0213"),
    "euc_jp": ("euc_jp", "euc_jisx0213"),
    "iso2022_jp": ("iso2022_jp", "iso2022_jp_ext", "iso2022_jp_3"),
    "euc_kr": ("euc_kr", "cp949"),
}
# Text that these would read out of ordinary bytes is not what anybody wrote.
_NOT_FOR_FILES = frozenset({"utf-7", "idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs"})
_ESCAPED = re.compile(rb"\x1b[$(]|~\{")
_MISREAD = 20  # one damaged character among so many that are not ASCII is damage; more is another character set


def decode(data: bytes) -> str:
    """Bytes to text; see the module for the order in which the character sets are tried."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return data.decode(name, errors="replace").removeprefix("\ufeff")
    if wide := _utf16_without_mark(data):
        return data.decode(wide, errors="replace")
    declared = list(_declared(data))
    if _ESCAPED.search(data):
        for codec in declared:
            if codec == "hz" or codec.startswith("iso2022"):
                return _best(data, codec)[0]
    text = data.decode("utf-8", errors="replace")
    if _damage(text) * _MISREAD <= 1:
        return text
    return next(
        (read for read, damage in (_best(data, codec) for codec in declared) if damage * _MISREAD <= 1), ""
    ) or (data.decode("cp1252", errors="replace"))


def codec_of(name: str) -> str:
    """Python's name for a character set that a file declares ("ISO Latin-1", "x-sjis"); empty if there is none."""
    name = name.strip().lower()
    words = re.split(r"[\s,;/()]+", name)
    spans = sorted(itertools.combinations(range(len(words) + 1), 2), key=lambda span: span[0] - span[1])
    runs = (" ".join(words[a:b]) for a, b in spans)
    parts = itertools.chain([name], re.findall(r"\(([^)]*)", name), runs)
    return next((found for part in parts if (found := _lookup(part))), "")


def _lookup(name: str) -> str:
    squeezed = re.sub(r"[^a-z0-9]", "", re.sub(r"(?<=8859.[68]).[ei]$", "", name))
    page = re.sub(r"^(?:ms|pc|ibm|windows|win|dos|msdos|code|page|cp)+(?=\d{3,5}$)", "cp", squeezed)
    latin = re.sub(r"^(?:iso|8859|ecma94)*(?=latin\d)", "", squeezed)
    for spelling in (squeezed, squeezed.removeprefix("x"), page, latin, squeezed.removeprefix("cs")):
        try:
            info = codecs.lookup(_SPELLINGS.get(spelling, spelling))
            # A file whose header we could read as ASCII is in no set that spells ASCII otherwise.
            if info.name not in _NOT_FOR_FILES and info.decode(b"Title: a1")[0] == "Title: a1":
                return info.name
        except (LookupError, ValueError, TypeError):
            continue
    return ""


def _declared(data: bytes) -> Iterator[str]:
    """The codecs that the file's head names, in its order; UTF-8 has been tried already."""
    for match in _DECLARED.finditer(data[:_HEAD]):
        name = next(group for group in match.groups() if group is not None)
        codec = codec_of(name.decode("ascii", errors="ignore"))
        if codec and codec != "utf-8":
            yield codec


def _best(data: bytes, codec: str) -> tuple[str, float]:
    """The text by a character set or by the one of its supersets that fits best, and the damage that is left."""
    best, least = "", 2.0
    for name in _SUPERSETS.get(codec, (codec,)):
        text = data.decode(name, errors="replace")
        damage = _damage(text)
        if damage < least:
            best, least = text, damage
        if not damage:
            break
    return best, least


def _damage(text: str) -> float:
    """Which share of the characters that are not ASCII could not be read."""
    lost = text.count("\ufffd")
    return lost / sum(not char.isascii() for char in text) if lost else 0.0


def _utf16_without_mark(data: bytes) -> str:
    """Every other byte of the first words of a header or page is zero."""
    head = data[:32]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if len(head) < 4 or max(even, odd) < 0.35 * len(head):
        return ""
    return "utf-16-be" if even > odd else "utf-16-le"
