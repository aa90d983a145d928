"""What is here, what is used and why, and what to do about what is missing.

    for finding in examine():
        print(finding.name, finding.value, finding.advice)

In: nothing, or a workspace folder. Out: findings; `ok` is False where something keeps penname from working.
"""

import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname import __version__
from penname.core.errors import InputError
from penname.core.terminal import many
from penname.core.workspace import find_workspace
from penname.corpus.prepare import load_text

if TYPE_CHECKING:
    from rich.console import Console

_LEAST_DISK = 2 * 2**30
_LEAST_MEMORY = 4 * 2**30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `advice` says what to do, and is empty when there is nothing to do."""

    name: str
    value: str
    ok: bool = True
    advice: str = ""


def examine(workspace: Path | None = None) -> list[Finding]:
    """Look at everything; takes a second or two, since the device is tried and not only asked."""
    return [*_software(), *_device(), *_room(), _sample(), _base(), *_workspace(workspace), _network()]


def to_json(findings: list[Finding]) -> dict[str, Any]:
    """The findings by name, as plain values, and `ok` over all."""
    return {
        "ok": all(finding.ok for finding in findings),
        "findings": {finding.name: asdict(finding) for finding in findings},
    }


def _software() -> Iterator[Finding]:
    yield Finding("penname", __version__)
    here = sys.version_info
    yield Finding(
        "Python",
        f"{platform.python_version()} ({platform.system()} {platform.machine()})",
        ok=(3, 11) <= here < (3, 14),
        advice="" if (3, 11) <= here < (3, 14) else "Use Python 3.11, 3.12 or 3.13.",
    )
    for name in _requirements():
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(
                name,
                "missing",
                ok=False,
                advice="Install penname again: pip install --force-reinstall penname.",
            )


def _requirements() -> list[str]:
    """The packages that penname cannot do without."""
    try:
        found = requires("penname") or []
    except PackageNotFoundError:
        return ["torch"]
    return [re.split(r"[^\w.-]", text)[0] for text in found if "extra ==" not in text]


def _device() -> Iterator[Finding]:
    from penname.core.device import pick_device

    try:
        device = pick_device()
    except Exception as error:
        yield Finding("device", "none works", ok=False, advice=f"PyTorch says: {error}. Install PyTorch again.")
        return
    threads = f", {device.threads} thread{'s' if device.threads > 1 else ''}" if device.threads else ""
    wrong_build = "CPU build" in device.reason
    yield Finding(
        "device",
        f"{device.kind}: {device.name}{threads}; {device.reason}",
        advice="Install PyTorch's CUDA build to use the card: see the README, “Installing”." if wrong_build else "",
    )
    yield Finding("precision", f"{device.precision}: {device.precision_reason}")
    kernels = ["fused AdamW"] if device.fused else []
    kernels += [f"{device.attention} attention"] if device.attention != "math" else []
    yield Finding("kernels", ", ".join([*kernels, f"products in {', '.join(device.precisions)}"]))
    yield Finding("torch.compile", "can be used" if device.compiles else "cannot be used: no compiler is here")
    small = 0 < device.memory < _LEAST_MEMORY
    yield Finding(
        "memory",
        f"{device.memory / 2**30:.1f} GiB{_free_memory() if device.kind == 'cpu' else ''}"
        if device.memory
        else "unknown",
        advice="Little memory: training goes on with smaller batches, more slowly." if small else "",
    )


def _free_memory() -> str:
    try:
        text = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    match = re.search(r"MemAvailable:\s+(\d+) kB", text)
    return f", {int(match[1]) / 2**20:.1f} GiB free" if match else ""


def _room() -> Iterator[Finding]:
    free = shutil.disk_usage(Path.cwd()).free
    low = free < _LEAST_DISK
    advice = "Make room: a training run keeps about 1 GiB of checkpoints." if low else ""
    yield Finding("disk", f"{free / 2**30:.1f} GiB free in {Path.cwd()}", ok=not low, advice=advice)
    writable = os.access(Path.cwd(), os.W_OK)
    if not writable:
        yield Finding("folder", f"{Path.cwd()} cannot be written to", ok=False, advice="Go to a folder of your own.")


def _sample() -> Finding:
    from penname.sources.find import sample_site

    try:
        return Finding("sample blog", str(sample_site()))
    except Exception as error:
        return Finding("sample blog", "missing", ok=False, advice=str(error))


def _base() -> Finding:
    from penname.model.base import base_folder, base_is_shipped

    if base_is_shipped():
        size = sum(path.stat().st_size for path in base_folder().iterdir() if path.is_file())
        return Finding("base model", f"{base_folder()} ({size / 2**20:.0f} MiB)")
    return Finding(
        "base model",
        "none ships with this installation",
        advice="Train from scratch with --from-scratch, or name a model folder with --base.",
    )


def _workspace(folder: Path | None) -> Iterator[Finding]:
    try:
        workspace = find_workspace(folder)
    except InputError as error:
        yield Finding("workspace", "none in use", ok=folder is None, advice=str(error))
        return
    about = workspace.read()
    yield Finding("workspace", f"{workspace.folder} of the blog {about.get('site')!r}")
    try:
        posts = load_text(workspace)
        words = sum(post.words for post in posts)
        yield Finding("text", f"{many(len(posts), 'post')}, {many(words, 'word')}")
    except InputError as error:
        yield Finding("text", "none", advice=str(error))
    has_model = (workspace.model / "model.safetensors").is_file()
    value = str(workspace.model) if has_model else "none yet"
    yield Finding("model", value, advice="" if has_model else "`penname train SITE` makes one.")
    count = len(list(workspace.checkpoints.glob("step-*")))
    if count:
        advice = "" if has_model else "The same `penname train` goes on from the newest."
        yield Finding("checkpoints", str(count), advice=advice)
    made_with = about.get("versions", {}).get("penname", __version__)
    if made_with != __version__:
        yield Finding("made with", f"penname {made_with}", advice="Steps whose results may differ will be done again.")


def _network() -> Finding:
    return Finding("network", "nothing is sent; only `penname books` downloads, from a mirror that you name")


def print_findings(findings: list[Finding], console: "Console") -> None:
    """Print a line for each finding, with what to do below it."""
    from rich.text import Text

    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = "ok " if finding.ok and not finding.advice else "-- " if finding.ok else "NO "
        line = Text(f"{mark} {finding.name:<{width}}  {finding.value}", style="" if finding.ok else "red")
        console.print(line, soft_wrap=True)
        if finding.advice:
            console.print(Text(" " * (width + 6) + finding.advice, style="yellow"), soft_wrap=True)
