"""Keys, tokens and passwords in text.

    for start, end in find_keys("token ghp_0123456789abcdef0123456789abcdef0123"): ...

In: any text. Out: where its secrets stand. They are known by their issuer's prefix, by the word before them, or by
their looks: 32 hexadecimal digits and more, or 32 characters and more that mix cases and digits as no word does.

What only names something stays: 40 hexadecimal digits (a Git commit), digits behind a word such as "sha256",
"commit" or "checksum" or before a file's name, pictures in base64, public keys, and what stands in an address
unless its parameter or folder is called a key, a token or the like. Every pattern is tried once at each place where
it can begin: the time grows with the length of the text.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator

_CLASSES = bytes(32 if byte in b"\t\n\r\v\f " else 97 for byte in range(256))
_LONG = b"a" * 16  # no token is shorter
# Tokens with a prefix that their issuers chose so that they can be found.
_PREFIXED = re.compile(
    r"AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}|AGPA[A-Z0-9]{16}|AIDA[A-Z0-9]{16}|AROA[A-Z0-9]{16}|AN[PV]A[A-Z0-9]{16}"
    r"|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-(?<![\w-]glpat-)[\w-]{20,}"
    r"|xox[abeoprs]-(?<![A-Za-z0-9-]xox.-)[A-Za-z0-9-]{10,}|xapp-(?<![\w-]xapp-)[A-Za-z0-9-]{20,}"
    r"|[rs]k_(?:live|test)_[A-Za-z0-9]{10,}|pk_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{16,}"
    r"|sk-(?<![\w-]sk-)(?=[\w-]{0,80}\d)[\w-]{20,}"
    r"|AIza[\w-]{35}|ya29\.[\w-]{20,}|GOCSPX-(?<![\w-]GOCSPX-)[\w-]{20,}"
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-(?<![\w-]pypi-)[\w-]{50,}|SG\.[\w-]{16,64}\.[\w-]{16,64}"
    r"|dop_v1_[a-f0-9]{64}|tskey-(?<![\w-]tskey-)[\w-]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{50,}"
    r"|eyJ(?<![\w-]eyJ)[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
)
_BOT = re.compile(r"(?<![A-Za-z0-9])\d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])")
_HEX = re.compile(r"(?<![A-Za-z0-9])(?:0x)?[0-9a-fA-F]{32,}(?![0-9A-Za-z])")
_HOOK = re.compile(
    r"https://(?:hooks\.slack\.com/services|discord(?:app)?\.com/api/webhooks|[\w-]{1,63}\.webhook\.office\.com)/[\w/@-]{10,400}"
)
_CREDENTIALS = re.compile(r"(?<=://)[^\s/:@]{1,100}:[^\s/@]{1,100}(?=@)")
_RANDOM = re.compile(r"(?<![\w+/=-])[\w+/-]{32,}={0,2}(?![\w+/=-])", re.ASCII)
_IN_ADDRESS = re.compile(r"(?<=[/?&#;])([\w.-]{1,40})[=/]([^/?&#=;\"'<>()\[\]]{16,})")
_SECRET_NAME = re.compile(
    r"(?:key|token|secret|sig|signature|password|passwd|pwd|auth|clef?|reset|invite|hooks?|magic|confirm|session|sid)s?$",
    re.IGNORECASE,
)
# Base64 of pictures (PNG, GIF, JPEG, WebP, SVG, ICO) and public SSH keys.
_PUBLIC = re.compile(
    r"iVBORw0KGgo|R0lGOD|/9j/|UklGR|PHN2Zy|PD94bW|AAABAA|AAAA[BCE][23]|sha(?:1|224|256|384|512)[-_]|data:"
)
# Words before a checksum or a name made of digits; figures in them are left out ("sha256", "md5").
_DIGEST_WORDS = {
    "sha", "md", "blake", "crc", "commit", "commits", "checksum", "checksums", "hash", "hashes", "digest",
    "rev", "revision", "etag", "fingerprint", "sum", "shasum", "git", "blob", "tree", "index", "parent",
    "merge", "checkout", "cherry", "version", "image", "docker", "block", "transaction", "tx", "uuid", "guid",
    "prüfsumme", "somme", "suma",
}  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_FILE_AFTER = re.compile(
    r"\s{1,2}\*?[\w./-]{1,80}\.[A-Za-z]\w{0,5}(?!\w)|[^\n]{0,24}\b(?:hash|checksum|digest|commit|version)\b"
)
_ANNOUNCED = re.compile(
    r"(?:key|token|secret|passwor[dt]|passphrase|credentials?)s?[\"'`]?(?:\s{0,3}[:=]\s{0,3}|\s(?:is|was|ist|=)\s|\s)[\"'`(]?$",
    re.IGNORECASE,
)
# What announces a secret, and the secret after it: eight signs or more with a letter and a digit among them.
# They are grouped by a part that is looked for first.
_SECRET_WORDS = {
    "passw": ("password", "passwort", "passwd"),
    "pwd": ("pwd",),
    "passp": ("passphrase",),
    "de pass": ("mot de passe",),
    "contrase": ("contraseña",),
    "senha": ("senha",),
    "wort": ("kennwort",),
    "woord": ("wachtwoord",),
    "heslo": ("heslo",),
    "parola": ("parola",),
    "key": (
        *("api key", "api_key", "api-key", "apikey", "secret key", "secret_key", "access key", "access_key"),
        *("private key", "private_key"),
    ),
    "token": ("token",),
    "secret": ("secret",),
    "bearer": ("bearer",),
}
_FOREIGN_WORDS = {word: (word,) for word in ("lösenord", "hasło", "пароль", "密码", "密碼", "パスワード", "비밀번호")}
_SECRET = re.compile(
    r"(?:(?:\ is|\ ist|\ est|\ es|\s?[:=：])\s{0,3}|(?<=[Bb]earer)\s{1,3})[\"'`]?"
    r"(?P<value>(?=[^\s\"'`<>]{0,200}\d)(?=[^\s\"'`<>]{0,200}[^\W\d_])[^\s\"'`<>]{8,200})"
)
_PEM_START = "-----BEGIN "
_PEM_HEADER = re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]{1,40}-----")
_PEM_WORD = re.compile(r"\s{0,9}(\S{1,4000})")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_PEM_STRANGE = 8  # words of a block that are no base64: "Proc-Type: 4,ENCRYPTED"
_DIGITS = bytes(48 if byte in b"0123456789" else 97 for byte in range(256))
_MOST_LOOKED_AT = 40
_FEWEST_DIGITS = 4
_LEAST_ENTROPY = 4.0  # bits a character; English words of this length stay below 3.9
_LEAST_CHANGES = 0.35  # share of neighbours that differ in kind: lower, upper, digit


def find_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each key, token or password in `text`; they may overlap."""
    if _PEM_START in text:
        yield from _find_pem(text)
    for start, end in _long_words(text):
        yield from _find_in_word(text, start, end)
    if _may_hold_secrets(text):
        yield from _find_secrets(text)


def _may_hold_secrets(text: str) -> bool:
    """Whether a figure stands in a word of eight signs or more; of many figures only the first are looked at."""
    shape = text.encode("latin-1", "replace").translate(_DIGITS)
    at = shape.find(b"0")
    for _ in range(_MOST_LOOKED_AT):
        if at < 0:
            return False
        if max(map(len, text[max(0, at - 7) : at + 8].split())) >= 8:
            return True
        at = shape.find(b"0", at + 1)
    return at >= 0


def _long_words(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each word that is long enough for a token."""
    shape = text.encode("latin-1", "replace").translate(_CLASSES)
    done = 0
    while (at := shape.find(_LONG, done)) >= 0:
        start = max(done, shape.rfind(b" ", done, at) + 1)
        done = shape.find(b" ", at)
        done = done if done >= 0 else len(shape)
        yield start, done


def _find_pem(text: str) -> Iterator[tuple[int, int]]:
    """Yield each PEM block; without an end it goes as far as its base64 does. A header in a sentence is none."""
    done = 0
    while header := _PEM_HEADER.search(text, done):
        done = _end_of_pem(text, header.end()) or header.end()
        if done > header.end():
            yield header.start(), done


def _end_of_pem(text: str, start: int) -> int:
    """Where the block ends whose body begins at `start`; 0 when no key's body is there."""
    end = at = start
    strange, keyed = 0, False
    while strange <= _PEM_STRANGE and (word := _PEM_WORD.match(text, at)):
        if mark := _PEM_END.match(text, word.start(1)):
            return mark.end() if keyed or not strange else end if end > start else 0
        base64 = _BASE64.match(word[1])
        whole = base64 is not None and base64.end() == len(word[1])
        if whole and (len(word[1]) >= 16 or word[1].startswith("MII")):
            keyed, end = True, word.end()
        strange += not whole
        at = word.end()
        if not keyed and strange == 0 and not whole:
            break
    return end if keyed else 0


def _find_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield what stands after "password:" and its like."""
    lower = text.lower()
    if len(lower) != len(text):  # a few capitals grow when lowered: then positions would not fit
        lower = "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)
    for words in (_SECRET_WORDS,) if text.isascii() else (_SECRET_WORDS, _FOREIGN_WORDS):
        for part in words:
            if part in lower:
                for word in words[part]:
                    yield from _find_after(text, lower, word)


def _find_after(text: str, lower: str, word: str) -> Iterator[tuple[int, int]]:
    """Yield the secret behind each place where `word` stands."""
    at = lower.find(word)
    while at >= 0:
        match = _SECRET.match(text, at + len(word))
        if match and not match["value"].startswith(("[", "http")):
            yield match.start("value"), match.start("value") + len(_without_stop(match["value"]))
        at = lower.find(word, at + 1)


def _without_stop(value: str) -> str:
    """Leave the comma, stop or bracket that ends a sentence to the sentence."""
    shorter = value.rstrip(".,;:)]}")
    return shorter if len(shorter) >= 8 else value


def _find_in_word(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    word = text[start:end]
    for match in _PREFIXED.finditer(word):
        if not word[match.start() - 1 : match.start()].isalnum():
            yield start + match.start(), start + match.end()
    if ":" in word:
        for pattern in (_HOOK, _CREDENTIALS, _BOT):
            for match in pattern.finditer(word):
                yield start + match.start(), start + match.end()
    if "://" in word or word.startswith("www."):
        yield from _find_in_address(word, start)
    elif len(word) >= 32:
        yield from _find_random(text, word, start)


def _find_in_address(word: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the secrets of an address: what its parameter or its folder calls one."""
    for match in _IN_ADDRESS.finditer(word):
        if _SECRET_NAME.search(match[1]) and _is_mixed(match[2]):
            yield start + match.start(2), start + match.end(2)


def _find_random(text: str, word: str, start: int) -> Iterator[tuple[int, int]]:
    for match in _HEX.finditer(word):
        if _is_secret_hex(text, start + match.start(), start + match.end()):
            yield start + match.start(), start + match.end()
    for match in _RANDOM.finditer(word):
        if not _PUBLIC.match(match[0]) and _is_random(match[0]) and not _is_digest(text, start + match.start()):
            yield start + match.start(), start + match.end()


def _is_secret_hex(text: str, start: int, end: int) -> bool:
    """Whether hexadecimal digits are no commit and no checksum: nothing around them says so."""
    digits = text[start:end]
    if not _is_mixed(digits.removeprefix("0x")):
        return False
    if _ANNOUNCED.search(text[max(0, start - 24) : start]):
        return True
    if len(digits) == 40 and digits in (digits.lower(), digits.upper()):
        return False
    return not _is_digest(text, start) and not _FILE_AFTER.match(text[end : end + 100])


def _is_digest(text: str, start: int) -> bool:
    """Whether the words before say that a checksum or an identifier follows."""
    line = text[max(0, start - 60) : start].rpartition("\n")[2]
    return not _DIGEST_WORDS.isdisjoint(_WORD.findall(line.lower()))


def _is_mixed(text: str) -> bool:
    """Whether there are letters and digits."""
    return any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _is_random(text: str) -> bool:
    """Whether a long string looks drawn at random: cases and digits mixed, in parts too long for words."""
    longest = max(re.split(r"[-_/]", text), key=len)
    digits = sum(sign.isdigit() for sign in text)
    if len(longest) < 16 or digits < _FEWEST_DIGITS or longest.islower() or longest.isupper():
        return False
    changes = sum(_kind(a) != _kind(b) for a, b in itertools.pairwise(longest))
    return _entropy(text) >= _LEAST_ENTROPY and changes >= _LEAST_CHANGES * len(longest)


def _kind(sign: str) -> str:
    return "0" if sign.isdigit() else "A" if sign.isupper() else "a"


def _entropy(text: str) -> float:
    """Return Shannon's entropy of the signs of `text`, in bits a sign."""
    counts = Counter(text)
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts.values())
