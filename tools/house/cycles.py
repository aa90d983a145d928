# ruff: noqa
import ast, sys
from pathlib import Path

src = Path(sys.argv[1]) / "src"
mods = {}
for p in src.rglob("*.py"):
    m = ".".join(p.relative_to(src).with_suffix("").parts).removesuffix(".__init__")
    mods[m] = ast.parse(p.read_text())


def edges(lazy):
    g = {}
    for m, t in mods.items():
        g[m] = set()
        tc = {
            id(x)
            for n in ast.walk(t)
            if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.unparse(n.test)
            for x in ast.walk(n)
        }
        for n in ast.walk(t) if lazy else t.body:
            if id(n) in tc:
                continue
            if isinstance(n, ast.ImportFrom) and n.module and n.module.startswith("penname"):
                for a in n.names:
                    f = n.module + "." + a.name
                    g[m].add(f if f in mods else n.module)
    return g


def scc(g):
    idx, low, st, on, out = {}, {}, [], set(), []
    sys.setrecursionlimit(10000)

    def go(v):
        idx[v] = low[v] = len(idx)
        st.append(v)
        on.add(v)
        for w in g.get(v, ()):
            if w not in idx:
                go(w)
                low[v] = min(low[v], low[w])
            elif w in on:
                low[v] = min(low[v], idx[w])
        if low[v] == idx[v]:
            c = []
            while True:
                w = st.pop()
                on.discard(w)
                c.append(w)
                if w == v:
                    break
            if len(c) > 1:
                out.append(sorted(c))

    for v in g:
        if v not in idx:
            go(v)
    return out


for lazy in (False, True):
    g = edges(lazy)
    print("lazy too" if lazy else "top level", len(mods))
    for c in scc(g):
        print("  cycle:", [x.replace("penname.", "") for x in c])
        [print("      ", a, "->", b) for a in c for b in g[a] if b in c]
n = sum(
    1
    for t in mods.values()
    for f in ast.walk(t)
    if isinstance(f, (ast.FunctionDef,))
    for x in ast.walk(f)
    if isinstance(x, (ast.Import, ast.ImportFrom))
)
print("imports inside functions:", n)
