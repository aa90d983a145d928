"""Prose or not? Preformatted text that may be a poem or a program, captions that may be sentences or labels.

    is_prose("The sea is grey tonight,\\nand so am I.")   ->  True
    is_prose("docker compose up -d")                      ->  False
    is_sentence("View of the lake")                       ->  False

In: plain text. Out: a verdict, from what the text holds: words against signs, ends of sentences, the small words
that every sentence needs. Each looks at a bounded stretch, however long the text.
"""

import re

from penname.corpus.html_elements import names

_MOST_TOKENS = 600
_LONGEST_TEXT = 12_000  # characters looked at

_LETTERS = r"[^\W\d_]"
# A word as prose has it: letters, in quotes or brackets, before stops; or a number, a date, a time.
_WORD = re.compile(
    rf"[(\[\"'“”„‘’«»‹›¿¡*_—–…]{{0,3}}(?:{_LETTERS}+(?:['’/—–-]{_LETTERS}+){{0,4}}|(?:{_LETTERS}\.){{2,5}}"
    rf"|[$€£]?\d{{1,4}}(?:[.,:/–-]\d{{1,4}}){{0,3}}(?:st|nd|rd|th|%|h|º|ª|°)?)[.,;:!?…)\]\"'“”‘’«»‹›*_—–]{{0,4}}|[—–&-]"
)
_STOP = re.compile(rf"(?:{_LETTERS}|\d)[)\]\"'“”’»*_]{{0,3}}[.!?…]{{1,3}}[)\]\"'“”’»*_]{{0,3}}(?=\s|$)|[。！？]")
_CODE_SIGNS = re.compile(r"[{}<>=\\|$@#~^`;\[\]+]|\(\)|::|->|\w_\w|\b[a-z]+[A-Z]\w*\(|/\w+/")
_OTHER_SCRIPTS = re.compile("[\u0370-\u1cff\u2c00-\u2dff\u3040-\ud7ff\uf900-\ufaff\U00010000-\U0001efff]")
_ACCENTED = re.compile("[\u00c0-\u024f\u1e00-\u1eff]")

# Small words of a dozen languages that no programming language or command knows.
_SMALL_WORDS = names(
    "the of you my was were are that this these those his her she he we they our their your i me it but have "
    "has had will would there when who what so am us upon be been into its der die das den dem des und ist "
    "ich nicht ein eine einen er sie wir ihr mir mich auf mit war wie wenn noch auch zu du kaum alle allen "
    "dir sein le la les un une des et est je tu il elle nous vous mon ma mes ton ses dans que qui pour sur "
    "pas au aux ce cette el los las una unas del es yo mi tu tus su sus se con son nada por para lo al como "
    "pero muy más sin uma é eu meu minha da dos das na com não por mais seu sua il lo gli uno di che è io non "
    "per più mio mia come ma sono della nel de het een en ik je hij zij niet van voor op maar ook mijn els "
    "amb meu meva però són pel och att det som jag inte är på med men og jeg ikke ja on ei se että w z się "
    "nie jest na do że ve bir bu ne da"
)
# Such words that commands and programs do know; they count where one of the others stands with them.
_SHARED_WORDS = names("a an and or not in on at to for from with as is if by all any no do then than one y e o i")
_CREDIT = re.compile(
    r"[\W_]*(?:photo|photos|photograph|image|images|picture|pic|credit|credits|source|courtesy|via|foto|fotos|fotografía|"
    r"fotografia|bild|quelle|fuente|font|fonte|imagen|imatge|imagem|crédit|crédits|copyright)\b|\s*(?:©|\(c\)|https?://|www\.)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?…。！？][)\]\"'“”’»]{0,3}\s*\Z")
_LONG_CAPTION = 12  # words; a caption so long tells something, with or without a full stop


def is_prose(text: str) -> bool:
    """Whether preformatted text reads as sentences or verse and not as a program, a command or its output.

    Four words at least, nearly all of them plain, few signs that programs are full of, and either an end of a
    sentence or the small words of a language. Text in scripts other than Latin is prose when signs are few.
    """
    text = text[:_LONGEST_TEXT]
    tokens = text.split(None, _MOST_TOKENS)[:_MOST_TOKENS]
    letters = sum(map(str.isalpha, text))
    signs = len(_CODE_SIGNS.findall(text))
    if len(_OTHER_SCRIPTS.findall(text)) * 2 > letters:
        return letters >= 8 and signs * 12 < letters
    if len(tokens) < 4 or signs * 15 > len(tokens) + 15:
        return False
    plain = sum(1 for token in tokens if len(token) < 60 and _WORD.fullmatch(token)) / len(tokens)
    return plain >= 0.8 and _has_grammar(text, tokens, plain, signs)


def _has_grammar(text: str, tokens: list[str], plain: float, signs: int) -> bool:
    """Whether words hang together: sentences end, or small words stand between the others."""
    words = [token.strip("()[]\"'“”„‘’«»¿¡*_—–….,;:!?").casefold() for token in tokens]
    small = sum(word in _SMALL_WORDS for word in words)
    small_or_shared = small + sum(word in _SHARED_WORDS for word in words)
    accented = sum(1 for word in words if _ACCENTED.search(word))
    if _STOP.search(text):
        return small > 0 or small_or_shared >= 2 or accented * 10 > len(words) or (plain == 1 and len(words) >= 8)
    enough = small_or_shared * 4 >= len(words) and (small + accented > 0 or _begins_as_prose(text))
    enough = enough or accented * 6 >= len(words)
    return signs == 0 and plain >= 0.9 and len(words) >= 5 and enough


def _begins_as_prose(text: str) -> bool:
    """Whether a capital letter begins the text and small ones go on (`SELECT` and `if` begin programs)."""
    text = text.lstrip()
    return text[:1].isupper() and not text.split(None, 1)[0].isupper()


def is_sentence(text: str) -> bool:
    """Whether a caption says something: it ends as a sentence does, or is as long as one; credits are labels."""
    words = [word for word in text.split(None, 60) if any(map(str.isalpha, word))]
    if len(words) >= _LONG_CAPTION:
        return True
    if not _SENTENCE_END.search(text[-20:]) or _CREDIT.match(text):
        return False
    spaceless = len(_OTHER_SCRIPTS.findall(text[:200])) >= 8
    return len(words) >= (2 if text.rstrip(" )\"'”’»")[-1:] in "!?" else 4) or spaceless
