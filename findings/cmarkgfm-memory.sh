#!/bin/sh
# cmarkgfm 2025.10.22 keeps memory for every document that it renders with extensions: many bytes for each byte of
# Markdown, never given back. One would guess that rendering a string leaves nothing behind but the string. It matters to
# whoever renders many documents in one process: a blog of 200 MB would cost gigabytes. (Seen: 38 bytes a byte;
# pyromark 0.10.3 beside it: none.)
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "cmarkgfm==2025.10.22" "pyromark==0.10.3"
"$folder/venv/bin/python" - <<'PYTHON'
import gc
import resource
import sys

import cmarkgfm
import pyromark
from cmarkgfm import cmark

page = "\n\n".join(f"# Day {day}\n\nA *quiet* morning, **then** rain; [more](https://example.org/{day})." for day in range(60))
size, rounds = len(page), 2000


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def kept(render) -> float:
    """Bytes that a rendered byte adds to the process's peak, after a round to warm up."""
    for _ in range(50):
        render(page)
    gc.collect()
    before = peak()
    for _ in range(rounds):
        render(page)
    gc.collect()
    return (peak() - before) / (size * rounds)


other = kept(pyromark.Markdown().html)
ours = kept(lambda text: cmark.markdown_to_html_with_extensions(text, 0, ["table"]))
print(f"cmarkgfm {cmarkgfm.cmark.CMARK_VERSION}: {ours:.2f} bytes kept a byte rendered; pyromark: {other:.2f}")
if ours < 1 or other > 0.5:
    sys.exit("The behaviour has changed.")
PYTHON
