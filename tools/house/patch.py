# ruff: noqa
"""After the moves: what stood on the wrong side, the layer test, the tree."""

import re, sys, subprocess
from pathlib import Path

root = Path(sys.argv[1])
P = root / "src/penname"


def edit(path, *pairs):
    p = root / path
    t = p.read_text()
    for a, b in pairs:
        if a not in t:
            print("NOT FOUND in", path, ":", a[:70])
            continue
        t = t.replace(a, b)
    p.write_text(t)


def cut(path, start, end):
    p = root / path
    t = p.read_text()
    i = t.index(start)
    j = t.index(end, i + 1)
    p.write_text(t[:i] + t[j:])
    return t[i:j]


# judging what was trained is the judge's
body = cut("src/penname/train/blog.py", "def judge_trained(", "def plan_site(")
body = re.sub(r"    from penname\.judge\.[^\n]*\n", "", body).replace('-> "Report"', "-> Report")
p = P / "judge/judging.py"
t = p.read_text()
p.write_text(t.rstrip("\n") + "\n\n\n" + body.rstrip("\n") + "\n")
body = (
    body.replace("again: bool = False) -> Report", "again: bool = False, others: Sequence[Section] = ()) -> Report")
    .replace("    from penname.tune.report import tuned_sections\n\n", "")
    .replace("tuned_sections(workspace))", "others)")
)
t = p.read_text()
i = t.index("def judge_trained(")
body = re.sub(r"    from penname\.tune\.[^\n]*\n", "", body)
p.write_text(t[:i] + body.rstrip("\n") + "\n")
edit("src/penname/write/write.py", ("`model/examples.py`", "`write/examples.py`"))
edit("src/penname/train/blog.py", ("`model/strength.py`", "`train/interpolate.py`"))
edit("src/penname/sources/publii.py", ("`blog/ids.py`", "`sources/ids.py`"))
for f in ("tests/train/test_several.py",):
    q = root / f
    x = q.read_text()
    q.write_text(
        x.replace("from penname.model import pretrain", "from penname.train import pretrain").replace(
            "from penname.model import loop, parallel", "from penname.train import loop, parallel"
        )
    )
edit(
    "tests/core/test_privacy.py",
    (
        '{"core/terminal.py", "core/exits.py", "cli/app.py", "model/parallel.py"}',
        '{"core/terminal.py", "cli/app.py", "train/parallel.py"}',
    ),
)
edit(
    "tests/test_layers.py",
    (
        'LAYERS = ("core", "blog", "text", "model", "judge", "use", "web", "cli")',
        'LAYERS = ("core", "sources", "corpus", "books", "model", "write", "train", "judge", "tune", "export", "cli")',
    ),
)
edit(
    "tools/tree.py",
    (
        'FOLDERS = ("core", "blog", "text", "text/books", "model", "judge", "use", "cli")',
        'FOLDERS = ("core", "sources", "corpus", "books", "model", "write", "train", "judge", "tune", "export", "cli")',
    ),
)
edit("src/penname/cli/blog.py", ("judge_trained(", "judge_trained("))
for f in ("cli/blog.py",):
    p = P / f
    t = p.read_text()
    t = re.sub(
        r"( *)from penname\.train\.blog import TrainOptions, judge_trained, train_site",
        r"\1from penname.judge.judging import judge_trained\n\1from penname.train.blog import TrainOptions, train_site",
        t,
    )
    p.write_text(t)
for p in (root / "tests").rglob("*.py"):
    t = p.read_text()
    n = re.sub(
        r"( *)from penname\.train\.blog import Trained, TrainOptions, judge_trained, train_site",
        r"\1from penname.judge.judging import judge_trained\n\1from penname.train.blog import Trained, TrainOptions, train_site",
        t,
    )
    if n != t:
        p.write_text(n)
edit(
    "src/penname/judge/judging.py",
    (
        "from penname.model.folder import load_model\n",
        "from penname.model.folder import load_model\nfrom penname.train.blog import Trained, TrainOptions\n",
    ),
)
R = str(Path(".venv/bin/ruff").resolve())
subprocess.run([R, "check", "--fix", "-q", "."], cwd=root)
subprocess.run([R, "format", "-q", "."], cwd=root)
subprocess.run([R, "check", ".", "--output-format", "concise"], cwd=root)
edit(
    "src/penname/corpus/html.py",
    (
        "\nif TYPE_CHECKING:\n    from selectolax.lexbor import LexborNode\n",
        "\nfrom selectolax.lexbor import LexborHTMLParser, LexborNode\n",
    ),
    ("    from selectolax.lexbor import LexborHTMLParser\n\n", ""),
    ("from typing import TYPE_CHECKING\n", ""),
)
t = (P / "corpus/html.py").read_text()
(P / "corpus/html.py").write_text(re.sub(r'"LexborNode( \| None)?"', lambda m: m[0].strip('"'), t))
edit(
    "src/penname/cli/blog.py",
    (
        "report = judge_trained(trained, site, chosen) if judged else None",
        "report = judge_trained(trained, site, chosen, others=tuned_sections(trained.workspace)) if judged else None",
    ),
    (
        "    from penname.judge.judging import judge_trained\n",
        "    from penname.judge.judging import judge_trained\n    from penname.tune.report import tuned_sections\n",
    ),
)
p = root / "tests/campaigns/mutate_documents.py"
ls = p.read_text().split("\n")
for i, l in enumerate(ls):
    if "yesmdash" in l:
        ls[i] = (
            '    "<pre><code>for (i = 0; i < n;) { a[i]++; }</code></pre><blockquote>He: &mdash; &#8220;yes&#8221;.</blockquote>",'
        )
p.write_text("\n".join(ls))
subprocess.run([R, "check", "--fix", "-q", "."], cwd=root)
subprocess.run([R, "format", "-q", "."], cwd=root)
subprocess.run([R, "check", ".", "--output-format", "concise"], cwd=root)
p = P / "corpus/html.py"
t = p.read_text()
t = t.replace(
    "from penname.corpus import html_elements as html_skip\nfrom penname.corpus import html_elements as html_tables\nfrom penname.corpus import html_guard, html_math",
    "from penname.corpus import html_elements, html_guard, html_math",
)
p.write_text(re.sub(r"\bhtml_(?:skip|tables)\.", "html_elements.", t))
for f, a, b in (
    ("README.md", "tests/text/books/files", "tests/books/files"),
    ("tests/train/fork_server.py", "tests/use/", "tests/train/"),
    ("tests/books/test_books_mirror.py", "tests/text/books", "tests/books"),
):
    edit(f, (a, b))
subprocess.run([R, "check", "--fix", "-q", "."], cwd=root)
subprocess.run([R, "format", "-q", "."], cwd=root)
subprocess.run([R, "check", ".", "--output-format", "concise"], cwd=root)
subprocess.run(["git", "rm", "-rqf", "tools/house"], cwd=root)
subprocess.run([sys.executable, "tools/tree.py", "--write"], cwd=root)
