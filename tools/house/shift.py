# ruff: noqa
"""shift.py CHECKOUT SRC_MOD DST_MOD NAME...: move top-level definitions and split the imports of them."""

import ast, re, subprocess, sys
from pathlib import Path

root, a, b, *names = Path(sys.argv[1]), *sys.argv[2:]
pa, pb = (root / "src" / (m.replace(".", "/") + ".py") for m in (a, b))
t = pa.read_text()
tree = ast.parse(t)
lines = t.split("\n")
take = []
body = tree.body
for i, n in enumerate(body):
    nm = (
        n.name
        if hasattr(n, "name")
        else (
            n.targets[0].id
            if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
            else n.target.id
            if isinstance(n, ast.AnnAssign)
            else None
        )
    )
    if nm in names:
        start = min([n.lineno] + [d.lineno for d in getattr(n, "decorator_list", [])])
        end = n.end_lineno
        if (
            i + 1 < len(body)
            and isinstance(body[i + 1], ast.Expr)
            and isinstance(body[i + 1].value, ast.Constant)
            and isinstance(n, (ast.Assign, ast.AnnAssign))
        ):
            end = body[i + 1].end_lineno
        take.append((start, end))
moved = ["\n".join(lines[s - 1 : e]) for s, e in take]
for s, e in reversed(take):
    del lines[s - 1 : e]
pa.write_text("\n".join(lines))
tb = pb.read_text()
treeb = ast.parse(tb)
lb = tb.split("\n")
last = max(
    (
        n.end_lineno
        for n in treeb.body
        if isinstance(n, (ast.Import, ast.ImportFrom))
        or (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test))
    ),
    default=1,
)
pb.write_text("\n".join(lb[:last]) + "\n\n" + "\n\n\n".join(moved) + "\n\n\n" + "\n".join(lb[last:]))
for f in subprocess.run(["git", "-C", str(root), "ls-files", "*.py"], capture_output=True, text=True).stdout.split():
    p = root / f
    if not p.exists():
        continue
    t = p.read_text()
    changed = False
    ls = t.split("\n")
    for n in sorted(
        (n for n in ast.walk(ast.parse(t)) if isinstance(n, ast.ImportFrom) and n.module == a), key=lambda n: -n.lineno
    ):
        mine = [x for x in n.names if x.name in names]
        if not mine:
            continue
        rest = [x for x in n.names if x.name not in names]
        ind = " " * n.col_offset
        w = lambda xs: ", ".join(x.name + (f" as {x.asname}" if x.asname else "") for x in xs)
        new = [f"{ind}from {a} import {w(rest)}"] if rest else []
        if p != pb:
            new.append(f"{ind}from {b} import {w(mine)}")
        ls[n.lineno - 1 : n.end_lineno] = new
        changed = True
    if changed:
        p.write_text("\n".join(ls))
