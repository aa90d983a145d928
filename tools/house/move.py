# ruff: noqa
"""Move and merge modules: python move.py CHECKOUT  (reads plan.py beside it). Throw-away."""

import ast, collections, re, subprocess, sys
from pathlib import Path

root = Path(sys.argv[1])
sys.path.insert(0, str(Path(__file__).parent))
from plan import TARGETS, DOCS, RENAMES, TESTS

src = root / "src"


def path_of(mod):
    p = src / (mod.replace(".", "/") + ".py")
    return p if p.exists() else src / mod.replace(".", "/") / "__init__.py"


OLD = {}  # old module -> new module
for new, olds in TARGETS.items():
    for o in olds:
        OLD["penname." + o] = "penname." + new
allmods = {".".join(p.relative_to(src).with_suffix("").parts).removesuffix(".__init__") for p in src.rglob("*.py")}
left = {
    m for m in allmods if m not in OLD and not (path_of(m).name == "__init__.py") and m not in ("penname.__main__",)
}
unknown = set(OLD) - allmods
print("not mapped:", sorted(left))
print("unknown:", sorted(unknown))
if left or unknown:
    sys.exit(1)


def names_in(tree):
    out = set()
    for n in tree.body:
        if isinstance(n, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
            out.add(n.name)
        elif isinstance(n, ast.Assign):
            for t in n.targets:
                for x in ast.walk(t):
                    if isinstance(x, ast.Name):
                        out.add(x.id)
        elif isinstance(n, (ast.AnnAssign,)):
            out.add(n.target.id)
        elif isinstance(n, ast.TypeAlias) if hasattr(ast, "TypeAlias") else False:
            out.add(n.name.id)
    return out


texts = {m: path_of(m).read_text() for m in OLD}
trees = {m: ast.parse(t) for m, t in texts.items()}
defs = {m: names_in(t) for m, t in trees.items()}
# collisions inside a target: rename private names in the later module
clash = []
for new, olds in TARGETS.items():
    seen = {}
    for o in olds:
        m = "penname." + o
        for n in sorted(defs[m]):
            if n in seen:
                to = RENAMES.get((o, n))
                same = ast.get_source_segment
                clash.append((new, n, seen[n], o, to))
            else:
                seen[n] = o
bad = [c for c in clash if c[4] is None]
for c in clash:
    print("clash", c)
if bad and "--force" not in sys.argv:
    sys.exit(2)


def rename(text, old, new):
    return re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, text)


for new, n, first, o, to in clash:
    if to == "SAME":
        continue
    texts["penname." + o] = rename(texts["penname." + o], n, to)
trees = {m: ast.parse(t) for m, t in texts.items()}


def span(lines, node):
    start = min([node.lineno] + [d.lineno for d in getattr(node, "decorator_list", [])])
    return start, node.end_lineno


def fix_imports(text, here_new):
    """Rewrite imports of penname modules everywhere in a file; here_new: drop imports of itself."""
    tree = ast.parse(text)
    lines = text.split("\n")
    edits = []
    for n in ast.walk(tree):
        if isinstance(n, ast.ImportFrom) and n.module and n.module.startswith("penname"):
            groups = collections.OrderedDict()
            for a in n.names:
                full = n.module + "." + a.name
                if full in OLD:  # a module is imported as a name
                    newmod = OLD[full]
                    if newmod == here_new:
                        groups.setdefault(None, [])
                        print("  module import of itself", here_new, full)
                        continue
                    pk, _, last = newmod.rpartition(".")
                    alias = a.asname or a.name
                    groups.setdefault(pk, []).append(last if last == alias else f"{last} as {alias}")
                else:
                    mod = OLD.get(n.module, n.module)
                    if mod == here_new:
                        continue
                    groups.setdefault(mod, []).append(a.name + (f" as {a.asname}" if a.asname else ""))
            ind = " " * n.col_offset
            note = next((l[l.index("  # noqa") :] for l in lines[n.lineno - 1 : n.end_lineno] if "  # noqa" in l), "")
            new = [f"{ind}from {m} import {', '.join(v)}{note}" for m, v in groups.items() if m and v]
            edits.append((n.lineno, n.end_lineno, new))
        elif isinstance(n, ast.Import):
            if any(a.name in OLD for a in n.names):
                print("  plain import", ast.unparse(n))
    for a, b, new in sorted(edits, reverse=True):
        lines[a - 1 : b] = new
    text = "\n".join(lines)
    # blocks that have become empty
    text = re.sub(r"(?m)^(if TYPE_CHECKING:)\n(?!\s+\S)", "", text)
    return text


out = {}
for new, olds in TARGETS.items():
    mods = ["penname." + o for o in olds]
    here = "penname." + new
    doc = DOCS.get(new)
    heads, bodies, checks = [], [], []
    for m in mods:
        text, tree = texts[m], ast.parse(texts[m])
        lines = text.split("\n")
        body = list(tree.body)
        d = ""
        if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            d = "\n".join(lines[body[0].lineno - 1 : body[0].end_lineno])
            body = body[1:]
        if len(mods) == 1:
            out[here] = fix_imports(text, here)
            break
        used = set()
        for n in body:
            a, b = span(lines, n)
            if isinstance(n, (ast.Import, ast.ImportFrom)):
                heads.append("\n".join(lines[a - 1 : b]))
                used |= set(range(a, b + 1))
            elif isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING":
                checks.append("\n".join(lines[a:b]))
                used |= set(range(a, b + 1))
        first = body[0].lineno if body else 1
        dl = ast.parse(text).body[0].end_lineno if d else 0
        rest = "\n".join(l for i, l in enumerate(lines, 1) if i > dl and i not in used).strip("\n")
        bodies.append(rest)
        if doc is None:
            doc = ""
        DOCS.setdefault("_auto_" + new, []).append(d)
    else:
        if not DOCS.get(new):
            parts = [ast.literal_eval(x) for x in DOCS["_auto_" + new] if x]
            doc = '"""' + parts[0].strip() + "".join("\n\n" + p.strip() for p in parts[1:]) + '\n"""'
            doc = doc.replace("\\", "\\\\") if "\\" in doc else doc
        else:
            doc = '"""' + DOCS[new].strip() + '\n"""' if "\n" in DOCS[new] else '"""' + DOCS[new] + '"""'
        tc = ("\nif TYPE_CHECKING:\n" + "\n".join(checks) + "\n") if checks else ""
        text = doc + "\n\n" + "\n".join(heads) + "\n" + tc + "\n\n" + "\n\n\n".join(bodies) + "\n"
        out[here] = fix_imports(text, here)
# write
subprocess.run(["git", "-C", str(root), "status", "--short"], check=True)
inits = {}
for p in src.rglob("__init__.py"):
    inits[p] = p.read_text()
moved_from = {path_of(m) for m in OLD}
for new, olds in TARGETS.items():
    target = src / ("penname/" + new.replace(".", "/") + ".py")
    target.parent.mkdir(parents=True, exist_ok=True)
    largest = max(olds, key=lambda o: texts["penname." + o].count("\n"))
    origin = path_of("penname." + largest)
    if origin != target:
        if target.exists() and target in moved_from:
            subprocess.run(["git", "-C", str(root), "mv", str(target), str(target) + ".old"], check=True)
for p in moved_from:
    q = p if p.exists() else Path(str(p) + ".old")
    if q.exists():
        q.unlink()
for new in TARGETS:
    (src / ("penname/" + new.replace(".", "/") + ".py")).write_text(out["penname." + new])
for p in src.rglob("*.old"):
    p.unlink()


# others: everything that imports
def fix_text(p):
    t = p.read_text()
    if p.suffix == ".py":
        t = fix_imports(t, "")

    def sub(m):
        return OLD.get(m[0], m[0])

    t = re.sub(r"penname(?:\.[a-z_]+)+", lambda m: best(m[0]), t)
    p.write_text(t)


def best(dotted):
    parts = dotted.split(".")
    for k in range(len(parts), 1, -1):
        head = ".".join(parts[:k])
        if head in OLD:
            return ".".join([OLD[head], *parts[k:]])
    return dotted


files = subprocess.run(
    ["git", "-C", str(root), "ls-files", "*.py", "*.md", "*.toml", "*.sh", "Makefile"], capture_output=True, text=True
).stdout.split()
for f in files:
    p = root / f
    if not p.exists() or f in ("CHANGELOG.md", "LAB.md"):
        continue
    if (
        f.startswith("src/penname/")
        and p.suffix == ".py"
        and any(p == src / ("penname/" + n.replace(".", "/") + ".py") for n in TARGETS)
    ):
        t = p.read_text()
        p.write_text(re.sub(r"penname(?:\.[a-z_]+)+", lambda m: best(m[0]), t))
        continue
    fix_text(p)
INITS = {
    "sources": "Where posts come from: sites, databases, backups; nothing else knows.",
    "corpus": "From raw posts to clean text: parsing, leftovers, private data, repeats, the split, the tokenizer, `text.json`.",
    "books": "The shelf for pretraining: clean shards of text from Project Gutenberg's files. A blogger never comes here.",
    "model": "The network and its files: weights, formats, the base, the score of a text.",
    "write": "Writing: sampling, decoding, word balance, what is copied, drafts.",
    "train": "Training: settings, batches, loss, optimizers, the loop, plans, adapting to a blog, pretraining a base.",
    "judge": "What was learned, what was copied, how near the style is: measures and the report.",
    "tune": "The feedback loop: studies, trials, proposals, what stands out from noise.",
    "export": "Models leave as files that run elsewhere.",
}
for name, doc in INITS.items():
    (src / "penname" / name / "__init__.py").write_text(f'"""{doc}"""\n')
for old in ("blog", "text", "use"):
    d = src / "penname" / old
    for p in sorted(d.rglob("__init__.py"), reverse=True):
        p.unlink()
    for p in sorted(d.rglob("*"), reverse=True):
        if p.is_dir() and not any(p.iterdir()):
            p.rmdir()
    if d.exists() and not any(d.iterdir()):
        d.rmdir()
p = src / "penname/judge/tuning/__init__.py"
if p.exists():
    p.unlink()


# ---- tests
def test_target(name, folder):
    t = name.removeprefix("test_").removesuffix(".py")
    return TEST_MAP.get(t, TEST_MAP.get(folder + "/" + t))


import plan

TEST_MAP = plan.TEST_MAP
moves = []
for p in sorted((root / "tests").rglob("*")):
    if p.is_dir() or "__pycache__" in p.parts:
        continue
    rel = p.relative_to(root / "tests")
    folder = "/".join(rel.parts[:-1])
    if folder in ("", "campaigns", "core"):
        continue
    key = rel.parts[-1]
    if "files" in rel.parts:
        folder = folder.removesuffix("/files")
    to = plan.TEST_MAP.get(key)
    if to is None:
        to = plan.TEST_FOLDERS.get(folder)
        if to is None:
            print("test without a place:", rel)
            continue
    moves.append((p, root / "tests" / to / ("files/" if "files" in rel.parts else "") / key))
for a, b in moves:
    if a == b:
        continue
    b.parent.mkdir(parents=True, exist_ok=True)
    if b.exists():
        print("test exists already:", b)
    subprocess.run(["git", "-C", str(root), "mv", str(a), str(b)], check=True)
