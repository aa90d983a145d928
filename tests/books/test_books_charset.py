"""Books in every character set that Python knows, declared in every odd spelling; prose without spaces."""

import pytest

from penname.books.blocks import Words, count_words, join_lines
from penname.books.charset import codec_of, decode
from penname.books.clean import clean_book, clean_text, junk

CHINESE = (
    "話說天下大勢，分久必合，合久必分。周末七國分爭，并入於秦。及秦滅之後，楚漢分爭，又并入於漢。漢朝自高祖斬白蛇而起義，"
    "一統天下；後來光武中興，傳至獻帝，遂分為三國。推其致亂之由，殆始於桓靈二帝。桓帝禁錮善類，崇信宦官。"
)
SIMPLE = "话说天下大势，分久必合，合久必分。推其致乱之由，殆始于桓灵二帝。及桓帝崩，灵帝即位，大将军窦武共相辅佐。"
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。何でも薄暗いじめじめした所で泣いて居た。"
KOREAN = "나는 그 사람을 오래 바라보았다. 하늘은 맑고 바람은 차다. 사람들은 길을 걷고 있었다."
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему."
GREEK = "Στον δρόμο για την πόλη συνάντησε έναν γέρο και τον ρώτησε αν ήξερε το σπίτι."
CZECH = "Žluťoučký kůň pěl ďábelské ódy a nikdo ho neposlouchal."
FRENCH = "L'élève répéta « où est-il passé ? » à sa mère, déçue."
HINDI = "एक समय की बात है कि किसी गाँव में एक बूढ़ा किसान अपनी पत्नी के साथ रहता था और बहुत प्रसन्न था।"
THAI = "กาลครั้งหนึ่งนานมาแล้วมีชายชราคนหนึ่งอาศัยอยู่ในหมู่บ้านเล็กๆริมแม่น้ำกับภรรยาของเขา"
NAMES = [
    (CHINESE, ["Big5", "Big-5", "big5-hkscs", "cp950", "x-big5", "Chinese (Big5)", "UTF-8", "utf-16-le", "utf-32"]),
    (SIMPLE, ["GB2312", "GB_2312-80", "gb18030", "GBK", "x-gbk", "cp936", "windows-936", "EUC-CN", "hz-gb-2312"]),
    (JAPANESE, ["Shift_JIS", "x-sjis", "Shift-JIS", "MS_Kanji", "cp932", "Windows-31J", "EUC-JP", "ISO-2022-JP"]),
    (KOREAN, ["EUC-KR", "ks_c_5601-1987", "cp949", "windows-949", "johab", "ISO-2022-KR"]),
    (RUSSIAN, ["KOI8-R", "koi8-u", "windows-1251", "ISO-8859-5", "x-mac-cyrillic", "IBM866", "UTF-16BE", "cp855"]),
    (GREEK, ["ISO-8859-7", "windows-1253", "cp737", "UTF8", "ISO8859-7"]),
    (CZECH, ["ISO Latin-2", "ISO-8859-2", "cp1250", "Windows Code Page 1250", "Codepage 852", "mac-latin2"]),
    (FRENCH, ["ISO Latin-1", "ISO-8859-1 (Latin-1)", "Latin1", "cp850", "DOS Code Page 850", "MacRoman", "CP-1252"]),
    (FRENCH, ["UTF-8 (BOM)", "Unicode (UTF-8)", "utf_8", "ISO 8859-15", "Windows-1252", "ISO Latin 9", "ANSI"]),
]
CASES = [(text, name) for text, names in NAMES for name in names]
CODECS = {"UTF-8 (BOM)": "utf-8-sig"}


@pytest.mark.parametrize(("text", "name"), CASES, ids=[name for _, name in CASES])
def test_what_a_file_declares_is_honoured(text: str, name: str) -> None:
    codec = CODECS.get(name) or codec_of(name) or name
    plain = f"Title: X\r\n\r\nCharacter set encoding: {name}\r\n\r\n" + text * 9
    assert decode(plain.encode(codec)) == plain
    page = f'<html><meta http-equiv="Content-Type" content="text/html; charset={name.split()[0]}">' + text * 9
    if len(name.split()) == 1:
        assert decode(page.encode(codec)) == page
    quoted = f"<?xml version='1.0' encoding='{name}'?>" + text * 9
    assert decode(quoted.encode(codec)) == quoted


def test_a_declaration_that_does_not_fit_is_not_believed() -> None:
    for name in ("Big5", "utf-8", "ASCII", "unknown", "unicode_escape", "utf-7", "cp500", "idna", "rot13"):
        head = f"Character set encoding: {name}\n"
        assert decode(f"{head}“café” élève".encode("cp1252")) == f"{head}“café” élève"
    assert decode(b'encoding="Big5"\n' + "é".encode()) == 'encoding="Big5"\né'
    assert decode(b"Character set encoding: GB2312\n" + "朱镕基说".encode("gbk")).endswith("朱镕基说")
    assert decode("Character set encoding: ISO-8859-1\n‘No’".encode("cp1252")).endswith("‘No’")


@pytest.mark.parametrize(
    "text", [CHINESE, SIMPLE, JAPANESE, KOREAN, RUSSIAN, GREEK, HINDI, THAI, "子曰：「學而時習之，不亦說乎？」"]
)
def test_prose_of_any_script_is_prose(text: str) -> None:
    assert junk(text) == junk(f"1\n\n{text}\n\n{text}") == ""
    assert junk("1234567，" * 300) and junk("|=+、" * 300)


def test_words_are_counted_in_scripts_without_spaces() -> None:
    assert count_words("天下大勢，分久必合") == 8
    assert count_words("He wrote 三國 in Beijing.") == 6
    assert 12 <= count_words(THAI) <= 30
    assert count_words("one — two") == 3


def test_lines_of_such_scripts_are_joined_without_a_space() -> None:
    lines = [CHINESE[i : i + 35] for i in range(0, len(CHINESE) * 3 // 3, 35)]
    assert join_lines(lines, Words(frozenset())) == CHINESE
    page = "\n\n".join("\n".join("　　" + line if i == 0 else line for i, line in enumerate(lines)) for _ in range(4))
    assert clean_text(page).text.split("\n\n") == [CHINESE] * 4
    indented = clean_text("\n".join(["\n".join(["　　" + lines[0], *lines[1:]])] * 4)).text
    assert indented.split("\n\n") == [CHINESE] * 4


def test_a_page_of_an_epub_may_be_in_any_set_too() -> None:
    page = f"<?xml version='1.0' encoding='Shift_JIS'?><html><body><p>{JAPANESE}</p></body></html>"
    assert clean_book(page.encode("shift_jis"), "html").text == JAPANESE
