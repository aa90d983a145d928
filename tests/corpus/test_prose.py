"""Prose or program, sentence or label."""

import pytest

from penname.corpus.prose import is_prose, is_sentence

PROSE = [
    "The sea is grey tonight,\nand so am I.",
    "Today I went to the market and bought pears.\n\nThen I slept.",
    "Dear Anna,\n\nthank you for your letter.\n\nYours,\nTom",
    "the sea is grey tonight\nand so am i",
    "古池や\n蛙飛び込む\n水の音",
    "Я помню чудное мгновенье:\nПередо мной явилась ты",
    "Über allen Gipfeln\nIst Ruh,\nIn allen Wipfeln\nSpürest du\nKaum einen Hauch",
    "Caminante, son tus huellas\nel camino y nada más",
    "Two roads diverged in a yellow wood",
    "Roses are red,\nviolets are blue,\nsugar is sweet;\nand so are you.",
    "Nel mezzo del cammin di nostra vita\nmi ritrovai per una selva oscura",
    'She said "no" (twice) -- and left; the dog stayed.',
]
PROGRAMS = [
    "error: getting status of '/nix/store/66snibk/flake.nix': No such file or directory",
    "docker compose up\ndocker compose down",
    "npm install express",
    "for x in y:\n    print(x)",
    "if a is not b and c in d:\n  pass",
    "$ ls -la\ntotal 4",
    "SELECT name FROM users WHERE id IS NOT NULL;",
    "[18:44] Jane: hi",
    "Resolving versions\nDownloading packages\n Downloaded 1 package in 0.00s\n Added csv v3.2.2",
    "Resolving Hex dependencies...\nResolution completed in 0.008s\nNew:\n  csv 3.2.2",
    "key: value\nother: thing\nlist:\n  - a",
    "Hello world",
    "10 PRINT HELLO\n20 GOTO 10",
    "git add a\ngit commit\ngit push",
    "sudo apt-get update and\nsudo apt-get install",
    "<p>The cat is on the mat.</p>",
    "import os, sys\nfrom a import b",
    "console.log('This is the end.')",
    "",
]


@pytest.mark.parametrize("text", PROSE)
def test_verse_and_letters_are_prose(text: str) -> None:
    assert is_prose(text)


@pytest.mark.parametrize("text", PROGRAMS)
def test_programs_commands_and_their_output_are_not(text: str) -> None:
    assert not is_prose(text)


def test_sentences_and_labels() -> None:
    assert (
        is_sentence("It was raining again.")
        and is_sentence("We made it!")
        and is_sentence("雨が降っていたので帰った。")
    )
    assert not any(map(is_sentence, ("", "Lake.", "View of the lake", "© Ann Smith, all rights reserved.")))
