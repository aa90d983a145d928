"""Keys, tokens, passwords, bank accounts and card numbers in text.

    for start, end in find_keys("token ghp_0123456789abcdef0123456789abcdef0123"): ... for kind, start, end in
    find_accounts("DE89 3704 0044 0532 0130 00"): ...   # "iban" or "card", checksums right

Keys are known by their issuer's prefix or by their looks: 32 hexadecimal digits and more, or 32 characters
and more that mix cases and digits as no word does.
"""

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator

from penname.blog.leftovers import has_long_word

_LONG = 16  # characters; no token is shorter
_LONG_WORD = re.compile(rf"(?<!\S)\S{{{_LONG},}}")
# Tokens with a prefix that their issuers chose so that they can be found.
_PREFIXED = re.compile(
    r"""(?<![A-Za-z0-9])(?:
      (?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ANVA)[A-Z0-9]{16}
    | gh[pousr]_[A-Za-z0-9]{20,255} | github_pat_\w{20,255} | glpat-[\w-]{20,255}
    | xox[abeoprs]-[A-Za-z0-9-]{10,255} | xapp-[A-Za-z0-9-]{20,255}
    | (?:[rs]k|pk)_(?:live|test)_[A-Za-z0-9]{10,255} | whsec_[A-Za-z0-9+/=]{16,255}
    | sk-(?=[\w-]{0,80}\d)[\w-]{20,255}
    | AIza[\w-]{35} | ya29\.[\w-]{20,255} | GOCSPX-[\w-]{20,255}
    | hf_[A-Za-z0-9]{30,255} | npm_[A-Za-z0-9]{36} | pypi-[\w-]{50,255} | SG\.[\w-]{16,64}\.[\w-]{16,64}
    | dop_v1_[a-f0-9]{64} | tskey-[\w-]{20,255} | AGE-SECRET-KEY-1[A-Z0-9]{50,80}
    | \d{8,10}:[A-Za-z0-9_-]{35}(?![\w-])
    | eyJ[\w-]{8,4000}\.[\w-]{8,8000}(?:\.[\w-]{0,4000})?
    | (?:0x)?(?=[a-fA-F]{0,4000}\d)(?=\d{0,4000}[a-fA-F])[0-9a-fA-F]{32,4000}(?![0-9A-Za-z])
    )""",
    re.VERBOSE,
)
_SLACK_HOOK = re.compile(r"https://hooks\.slack\.com/services/[\w/]{10,200}")
_CREDENTIALS = re.compile(r"(?<=://)[^\s/:@]{1,100}:[^\s/@]{1,100}(?=@)")
_RANDOM_IN_ADDRESS = re.compile(r"(?<![\w-])[\w-]{32,4000}(?![\w-])", re.ASCII)
_RANDOM = re.compile(r"(?<![\w+/=-])[\w+/-]{32,4000}={0,2}(?![\w+/=-])", re.ASCII)
# What announces a secret, and the secret after it: eight signs or more with a letter and a digit among them.
_SECRET_WORDS = (
    "password", "passwort", "passwd", "pwd", "passphrase", "contraseña", "senha", "mot de passe",
    "api key", "api_key", "api-key", "apikey", "access token", "access_token", "auth token", "auth_token",
    "secret", "secret key", "secret_key", "secret access key", "secret_access_key", "bearer",
)  # fmt: skip
_SECRET_PARTS = (
    "pass",
    "pwd",
    "contrase",
    "senha",
    "key",
    "token",
    "secret",
    "bearer",
)  # one in each of them
_SECRET = re.compile(
    r"(?:(?:\ is|\s?[:=])\s{0,3}|(?<=[Bb]earer)\s{1,3})[\"'`]?"
    r"(?P<value>(?=[^\s\"'`<>]{0,200}\d)(?=[^\s\"'`<>]{0,200}[A-Za-z])[^\s\"'`<>]{8,200})"
)
_PEM_START = "-----BEGIN "
_PEM_END = "-----END "
_FEWEST_DIGITS = 4
_LEAST_ENTROPY = 4.0  # bits a character; English words of this length stay below 3.9
_LEAST_CHANGES = 0.35  # share of neighbours that differ in kind: lower, upper, digit

_IBAN_START = re.compile(r"[A-Z]{2}\d{2}(?=[ A-Z0-9])")
# Lengths of national formats (SWIFT's IBAN registry).
_IBAN_LENGTHS = dict(
    pair.split(":")
    for pair in [
        "AD:24",
        "AE:23",
        "AL:28",
        "AT:20",
        "AZ:28",
        "BA:20",
        "BE:16",
        "BG:22",
        "BH:22",
        "BR:29",
        "BY:28",
        "CH:21",
        "CR:22",
        "CY:28",
        "CZ:24",
        "DE:22",
        "DK:18",
        "DO:28",
        "EE:20",
        "EG:29",
        "ES:24",
        "FI:18",
        "FO:18",
        "FR:27",
        "GB:22",
        "GE:22",
        "GI:23",
        "GL:18",
        "GR:27",
        "GT:28",
        "HR:21",
        "HU:28",
        "IE:22",
        "IL:23",
        "IQ:23",
        "IS:26",
        "IT:27",
        "JO:30",
        "KW:30",
        "KZ:20",
        "LB:28",
        "LC:32",
        "LI:21",
        "LT:20",
        "LU:20",
        "LV:21",
        "MC:27",
        "MD:24",
        "ME:22",
        "MK:19",
        "MR:27",
        "MT:31",
        "MU:30",
        "NL:18",
        "NO:15",
        "PK:24",
        "PL:28",
        "PS:29",
        "PT:25",
        "QA:29",
        "RO:24",
        "RS:22",
        "SA:24",
        "SC:31",
        "SE:24",
        "SI:19",
        "SK:24",
        "SM:27",
        "TN:24",
        "TR:26",
        "UA:29",
        "VA:22",
        "VG:24",
        "XK:20",
    ]
)
_CARD = re.compile(r"(?<![\d.,/-])(?:\d[ -]?){14,15}\d(?![\d]|[-.,/]\d)")
_CARD_STARTS = re.compile(r"3[47]|4|5[1-5]|6(?:011|5)|2[2-7]|35")


def find_keys(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each key, token or password in `text`; they may overlap."""
    if _PEM_START in text:
        yield from _find_pem(text)
    for word in _LONG_WORD.finditer(text) if has_long_word(text, _LONG) else ():
        yield from _find_in_word(text, word.start(), word.end())
    yield from _find_secrets(text)


def find_accounts(text: str, runs: list[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    """Yield `("iban" or "card", start, end)` of each account or card number whose checksum is right.

    `runs` are the runs of digits in `text` (`private_phones.digit_runs`); every account number has one.
    """
    for match in _IBAN_START.finditer(text) if runs else ():
        if not text[match.start() - 1 : match.start()].isalnum() and (end := _end_of_iban(text, match.start())):
            yield "iban", match.start(), end
    for start, stop in runs:
        for match in _CARD.finditer(text, start, stop):
            if _is_card([int(sign) for sign in match[0] if sign.isdigit()]):
                yield "card", match.start(), match.end()


def _is_card(digits: list[int]) -> bool:
    """Whether the digits have an issuer's prefix, that issuer's length and the right check digit."""
    length = 15 if digits[0] == 3 and digits[1] in (4, 7) else 16
    return len(digits) == length and _CARD_STARTS.match("".join(map(str, digits))) is not None and _is_luhn(digits)


def _find_pem(text: str) -> Iterator[tuple[int, int]]:
    """Yield each PEM block; one without an end goes on to the next blank line."""
    start = text.find(_PEM_START)
    while start >= 0:
        stop = text.find(_PEM_END, start)
        if stop >= 0:
            close = text.find("-----", stop + len(_PEM_END))
            end = close + 5 if close >= 0 else len(text)
        else:
            blank = text.find("\n\n", start)
            end = blank if blank >= 0 else len(text)
        yield start, end
        start = text.find(_PEM_START, end)


def _find_secrets(text: str) -> Iterator[tuple[int, int]]:
    """Yield what stands after "password:" and its like."""
    lower = text.lower()
    if not any(part in lower for part in _SECRET_PARTS):
        return
    if len(lower) != len(text):  # a few capitals grow when lowered: then positions would not fit
        lower = text
    for word in _SECRET_WORDS:
        at = lower.find(word)
        while at >= 0:
            match = _SECRET.match(text, at + len(word))
            if match and not match["value"].startswith(("[", "http")):
                yield match.start("value"), match.end("value")
            at = lower.find(word, at + 1)


def _find_in_word(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    word = text[start:end]
    for pattern in (_SLACK_HOOK, _CREDENTIALS, _PREFIXED):
        for match in pattern.finditer(word):
            yield start + match.start(), start + match.end()
    if len(word) >= 32:
        for match in (_RANDOM_IN_ADDRESS if "://" in word else _RANDOM).finditer(word):
            if _is_random(match[0]):
                yield start + match.start(), start + match.end()


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


def _end_of_iban(text: str, start: int) -> int:
    """Return where the account number that starts at `start` ends, 0 when its length or checksum is wrong."""
    wanted = int(_IBAN_LENGTHS.get(text[start : start + 2], 0))
    signs: list[str] = []
    end = start
    while len(signs) < wanted and end < len(text):
        sign = text[end]
        if sign.isascii() and (sign.isdigit() or sign.isupper()):
            signs.append(sign)
        elif sign != " ":
            return 0
        end += 1
    if not wanted or len(signs) < wanted or text[end : end + 1].isalnum():
        return 0
    number = int("".join(str(int(sign, 36)) for sign in signs[4:] + signs[:4]))
    return end if number % 97 == 1 else 0


def _is_luhn(digits: list[int]) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1."""
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
