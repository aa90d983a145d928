"""Words around a number that say whether it is a telephone's: "Tel.", "call me at", "ISBN", "times a second".

    named_by("My phone number is ")     # Named.STRONGLY
    named_by("we call ")                # Named.WEAKLY: only if no noun follows the number
    is_other_number("ISBN ")            # True

In: the few characters before or after a number. Out: what they say. Each pattern sees a piece of bounded length.

Rows of numbers that no telephone has: times, dates, years, draws, sums, versions, addresses.

    is_row(["0815", "0930", "1045"], [" ", " "])        # True: times
    is_draw(["03", "12", "24", "31", "40"])             # True: they rise, none is above 70

In: the groups of digits and the signs between them. Out: yes or no.
"""

import re
from collections.abc import Sequence
from enum import IntEnum

REACH = 60
"""Characters before and after a number that these functions look at."""


class Named(IntEnum):
    """How surely the words before a number call it a telephone number."""

    NOT = 0
    WEAKLY = 1
    STRONGLY = 2


def _set_of(words: str) -> frozenset[str]:
    return frozenset(words.split())


# How words for a telephone, a number of one, a service that goes by such numbers begin.
_STEMS = (
    "telefon", "telephon", "téléphon", "teléfon", "telèfon", "telefoon", "телефон", "τηλέφων", "phonenumber",
    "whatsapp",
    "rufnummer", "durchwahl", "handynummer", "handynr", "mobilnummer", "mobiltelefon", "mobilnr", "puhelin", "telefax",
)  # fmt: skip
_NOUNS = _set_of("""
    tel tél telf tlf tfno tlfn ph phone phones fon fone fax whats sms gsm natel puh komórka тел моб τηλ thoại đt
    هاتف تلفون جوال טלפון טל נייד
""")
_UNSPACED = (
    "电话",
    "電話",
    "電話番号",
    "号码",
    "手机",
    "手機",
    "携帯",
    "전화",
    "☎",
    "☎️",
    "📞",
    "📱",
    "✆",
    "℡",
    "โทร",
    "फ़ोन",
    "फोन",
)
# Words that have other uses: "call 10000000 times", "a weak signal at 2400 2500 MHz".
_VERBS = _set_of("""
    call calls calling called dial ring text signal telegram mobil mobile mob cell cellphone handy portable
    cellulare celular cel cél móvil movil movel móvel kom zap zapzap viber ligue ligar llama llamar llame
    llámame appelez appeler anruf anrufen nummer numéro número numero numer hotline helpline contact reach
    звоните звонить номер bel soita
""")
_LINKS = _set_of("""
    no nr num number numbers nummer numéro número numero номер is was ist lautet est es é are at on under unter
    au al ao à me us him her them my our the du el le il to via fixo fixe fijo mobil mobile cell home work
    office privat private direct line or oder ou o and und et y e и или по на fax tel phone whatsapp app sms now
    today back
""")
_ARTICLES = _set_of("""
    a an the each every this that per of ein das un le el o um
""")
_MOST_LINKS = 4
_WORD = re.compile(r"[^\W\d_]+")
_ADDRESS = re.compile(
    r"(?:wa\.me/|whatsapp\.com/send/?\?phone=|\btel:|\bsms:|callto:|signal\.me/#p/|t\.me/\+|[?&]phone=|number=)"
    r"(?:\+|%2B)?$",
    re.IGNORECASE,
)
_LIST = re.compile(r"^(?:\s?[,;/|&]\s?|\s(?:or|and|oder|und|ou|et|o|y|e|и|или|eller|of|lub)\s)\(?\+?$")
_MASKED_LIST = re.compile(r"\[phone\](?:\s?[,;/|&]\s?|\s(?:or|and|oder|und|ou|et|o|y|e|и|или|eller|of|lub)\s)\(?\+?$")

# Words before numbers of other kinds; a few signs and links may stand between.
_OTHER = _set_of("""
    isbn issn doi orcid ean gtin upc pmid oclc asin arxiv imei sku nsn vin rfc cve cep plz zip vat cnpj cpf nif
    siren siret rcs idnr hrb track tracking part model serial order invoice bestellnummer bestellnr
    artikelnummer artikelnr artnr kundennummer kundennr rechnungsnummer rechnungsnr commande facture pedido
    factura lot batch case ticket receipt patent version versions chmod draw lotto lottery tirage ziehung eur
    usd gbp chf steuernummer matrikelnummer aktenzeichen hash commit checksum id uid isni
""")
_OTHER_LINKS = _set_of("""
    id is was no nr num number code n s de der die das the of
""")
_DRAW = re.compile(
    r"\b(?:draws?|drawn|lott\w+|loter\w+|loto|tirages?|ziehung\w*|gewinnzahl\w*|zahlen|numbers|sorteos?|sorteios?|jackpot"
    r"|estrazion\w+|bonus|powerball|keno|bingo|trekking|losowani\w+|тираж\w*)\b",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"[ -]?(?:times|mal|fois|veces|vezes|volte|раз|[kMGT]?Hz|px|pixels?|[kKMGT]i?B|(?:kilo|mega|giga)?bytes?|bits?"
    r"|people|users?|units?|visitors|readers|downloads|inhabitants|copies|views|Einwohner|habitants|habitantes"
    r"|(?:micro|milli|nano)?seconds?|minutes?|hours|days|years|[kmc]?m|kg|ft|miles|km/h|rpm|[µnm]s|USD|EUR|GBP|CHF|Euros?"
    r"|dollars|kr|zł|lines|rows|cells|tokens|words|samples|objects|records|items|models|tips)(?!\w)|\s?[€$£¥%°′″²³×]"
)
# What may follow a number that one is asked to call; any other word is a noun that is counted.
_FOLLOWS = re.compile(
    r"\s?(?:$|[^\w\s$€£%]|\n|[A-ZÄÖÜÉÁ]|(?:or|and|for|to|if|now|today|tonight|tomorrow|after|before|between|from|anytime|any"
    r"|when|ask|please|with|oder|und|ab|von|für|wenn|heute|bis|jederzeit|ou|pour|et|para|o|si|e|y|por|se|или|и|works|rings"
    r"|until|till|during|day|extension|ext)(?!\w))"
)
_STATES = (
    r"(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY]"
    r"|PR|GU|Alaska|Arizona|California|Colorado|Hawaii|Idaho|Montana|Nevada|Oregon|Washington|Utah|Wyoming"
    r"|New Mexico|USA)"
)
_STATE = re.compile(rf"(?:(?<![A-Za-z]){_STATES}|\b(?i:zip(?: ?code)?|postal code))[.,:]?\s$")
_STATE_AFTER = re.compile(rf",?\s{_STATES}(?![A-Za-z])")
_ENGLISH = re.compile(r"\b(?:the|of|to|and|is|was|in|at|from|for|her|his|my)\b", re.IGNORECASE)


def named_by(before: str) -> Named:
    """How surely the text before a number says that it is a telephone number."""
    line = before[-REACH:].rpartition("\n")[2]
    tail = line.rstrip(" .:：()+/-–#№°,*")
    if tail.endswith(_UNSPACED) or (line[-1:] in (":", "+", "/", "=") and is_dialled(line)):
        return Named.STRONGLY
    if not tail or not tail[-1].isalpha() or len(line) - len(tail) > 5:
        return Named.NOT
    words = [(match[0].lower(), match.start()) for match in _WORD.finditer(tail)]
    colon = ":" in line[len(tail) :] or "：" in line[len(tail) :]
    known = True
    for links, (word, start) in enumerate(reversed(words[-_MOST_LINKS - 1 :])):
        if _is_noun(word):
            return Named.NOT if line[start - 1 : start] == "[" else Named.STRONGLY
        if word in _VERBS and not (word in _LINKS and links < len(words) - 1 and _goes_on(words[: -links - 1])):
            if not known:
                return Named.NOT
            article = links < len(words) - 1 and words[-links - 2][0] in _ARTICLES
            return Named.STRONGLY if colon else Named.NOT if article else Named.WEAKLY
        known = known and word in _LINKS
        if not known and not colon:
            return Named.NOT
    return Named.NOT


def _is_noun(word: str) -> bool:
    return word in _NOUNS or word.startswith(_STEMS)


def _goes_on(words: list[tuple[str, int]]) -> bool:
    """Whether the word before a link is itself one that names a telephone number."""
    return bool(words) and (_is_noun(words[-1][0]) or words[-1][0] in _VERBS)


def is_dialled(before: str) -> bool:
    """Whether a number stands in an address that dials it: `tel:`, `https://wa.me/`."""
    return _ADDRESS.search(before[-REACH:]) is not None


def tells_of_draws(before: str) -> bool:
    """Whether the text before a number tells of a lottery."""
    return _DRAW.search(before[-REACH:]) is not None


def follows_list(between: str) -> bool:
    """Whether the text between two numbers only lists them: a comma, a slash, "or"."""
    return _LIST.search(between) is not None


def follows_masked(before: str) -> bool:
    """Whether a number goes on a list whose last number was replaced by `[phone]`."""
    return _MASKED_LIST.search(before[-REACH:]) is not None


def is_other_number(before: str) -> bool:
    """Whether the text before a number says that it is something else: an ISBN, a price, an order."""
    line = before[-REACH:].rpartition("\n")[2]
    tail = line.rstrip(" .:(-/№°")
    if tail.endswith(("$", "€", "£", "¥", "₹", "₽", "#")):
        return True
    if not tail or not tail[-1].isalnum() or len(line) - len(tail) > 4:
        return False
    for word in reversed(_WORD.findall(tail[-24:])[-3:]):
        if word.lower() in _OTHER:
            return True
        if word.lower() not in _OTHER_LINKS:
            return False
    return False


def counts_something(after: str) -> bool:
    """Whether a unit or a noun that is counted follows a number."""
    return _UNIT.match(after[:REACH]) is not None


def may_end_a_call(after: str) -> bool:
    """Whether what follows a number leaves open that one is asked to call it."""
    return _FOLLOWS.match(after[:REACH]) is not None


def is_postcode(before: str, after: str) -> bool:
    """Whether five and four digits are a ZIP code of the United States: behind a state, or among English words."""
    around = before[-4 * REACH :] + after[: 4 * REACH]
    return (
        _STATE.search(before[-REACH:]) is not None
        or _STATE_AFTER.match(after) is not None
        or _ENGLISH.search(around) is not None
    )


_LARGEST_DRAWN = 70
_FIRST_YEAR, _LAST_YEAR = 1000, 2100


def is_row(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether the groups are times, a date, years, binary numbers, an IP address, a version or a sum."""
    if set("".join(groups)) <= {"0", "1"}:
        return True
    if len(groups) < 2 or _are_pairs(groups, signs):
        return False
    if _are_times(groups, signs) or _are_years(groups, signs) or _is_date(groups, signs) or _is_version(groups, signs):
        return True
    return len(groups) > 2 and is_sum(groups)


def is_draw(groups: Sequence[str]) -> bool:
    """Whether numbers rise and none is above what lotteries draw from: `03 12 24 31 40`."""
    numbers = [int(group) for group in groups]
    return len(set(numbers)) == 1 or (numbers == sorted(set(numbers)) and numbers[-1] <= _LARGEST_DRAWN)


def is_sum(groups: Sequence[str], least: int = 1) -> bool:
    """Whether the groups are thousands, `least` of them noughts at the end: `10 000 000`."""
    if len(groups) <= least or len(groups[0]) > 3 or any(len(group) != 3 for group in groups[1:]):
        return False
    return all(group == "000" for group in groups[-least:])


def is_round(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether every group ends in a nought, with only spaces between them: `2400 2500`, `3840 2160`."""
    return len(groups) > 1 and set(signs) == {" "} and all(group[-1] == "0" for group in groups)


def is_page_range(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether the last two groups are the first and the last of some pages: `1234-1250`."""
    if len(groups) < 2 or signs[-1] != "-" or len(groups[-1]) != len(groups[-2]):
        return False
    same = 1 if len(groups[-1]) < 4 else 2
    return groups[-2][:same] == groups[-1][:same] and groups[-2] < groups[-1]


def _are_pairs(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Five pairs behind a nought, as the French write: no date has so many."""
    return (
        len(groups) == 5 and groups[0][0] == "0" and len(set(signs)) == 1 and all(len(group) == 2 for group in groups)
    )


def _are_times(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`0815 0930`, `0630-0715`, `06.30 07.15`."""
    if len(groups[0]) == 4:
        return all(len(group) == 4 and _is_time(group[:2], group[2:]) for group in groups)
    if len(groups) % 2 or len(groups) < 4 or set(signs[::2]) != {"."} or "." in signs[1::2]:
        return False
    return all(_is_time(hour, minute) for hour, minute in zip(groups[::2], groups[1::2], strict=True))


def _is_time(hour: str, minute: str) -> bool:
    return len(hour) <= 2 == len(minute) and int(hour) < 25 and int(minute) < 60


def _are_years(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Only years, or two with a dash or a slash between them at the beginning."""
    if not _is_year(groups[0]) or not _is_year(groups[1]):
        return False
    return signs[0].strip() in ("-", "/") or all(map(_is_year, groups))


def _is_year(group: str) -> bool:
    return len(group) == 4 and _FIRST_YEAR <= int(group) < _LAST_YEAR


def _is_date(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`01.02.2019`, `2019-01-02 10`: the first three groups, with one sign between them."""
    if len(groups) < 3 or signs[0] != signs[1] or signs[0] not in (".", "/", "-"):
        return False
    first, second, third = map(len, groups[:3])
    if first == 4:
        return groups[0][:2] in ("19", "20") and second <= 2 and third <= 2
    return first <= 2 and second <= 2 and third in (2, 4)


def _is_version(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`10.0.0.138`, `2.23.20.76`: groups behind points, four of them below 256, or the first two short."""
    if len(groups) < 3 or set(signs) != {"."}:
        return False
    quad = len(groups) == 4 and all(len(group) < 4 and int(group) < 256 for group in groups)
    return quad or (len(groups[0]) == 1 and len(groups[1]) < 3)
