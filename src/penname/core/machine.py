"""What the machine has, told by the system: memory, and whether a GPU may be there. PyTorch is not needed.

    free_memory() / total_memory(), resident_peak(), may_have_gpu("auto")

In: nothing. Out: bytes, 0 where the system does not say; limits on the process and on its control group count.
"""

import ctypes
import os
import platform
from collections.abc import Iterator
from pathlib import Path

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""`M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` and `M_MMAP_MAX` of malloc.h."""
_SIGNS = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg", r"C:\Windows\System32\nvcuda.dll")
"""Files that are there where a GPU of NVIDIA or AMD can be used, under Linux, WSL and Windows."""


def total_memory() -> int:
    """Bytes of main memory in the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def free_memory() -> int:
    """Bytes of main memory that this process may still take; the least of what the machine and all limits leave.

    Looked at: the machine's available memory, the control group (version 1 and 2), and the limits on address space and
    data (`ulimit -v`, `ulimit -d`). 0 where nothing says.
    """
    found = [value for value in (_available(), *_control_groups(), *_process_limits()) if value is not None]
    return max(1, min(found)) if found else 0


def _available() -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _control_groups() -> Iterator[int]:
    """What the control groups of this process leave, the innermost of each hierarchy."""
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = f"/sys/fs/cgroup{'/memory' if controllers else ''}{path}".rstrip("/")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        limit, used = (_lines(f"{folder}/{name}") for name in names)
        if limit and used and limit[0].isdigit() and int(limit[0]) < 2**60:
            yield int(limit[0]) - int(used[0])


def _process_limits() -> Iterator[int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    try:
        import resource
    except ImportError:
        return
    status = (line.partition(":") for line in _lines("/proc/self/status"))
    used = {key: int(value.split()[0]) * 1024 for key, _, value in status if key in ("VmSize", "VmData")}
    for name, key in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit = resource.getrlimit(getattr(resource, name))[0] if hasattr(resource, name) else resource.RLIM_INFINITY
        if limit != resource.RLIM_INFINITY and key in used:
            yield limit - used[key]


def spare() -> None:
    """Give freed memory back to the system, now and from now on at once; only where the C library is glibc.

    Left alone it keeps what tensors of a few megabytes leave behind, in pieces that larger ones do not fit.
    """
    _set_malloc({_MMAP_MAX: 2**16, _MMAP_THRESHOLD: 2**20, _TRIM_THRESHOLD: 2**17}, trim=True)


def keep_freed() -> None:
    """Keep freed memory for what comes next; only where the C library is glibc.

    Left alone it gives every large tensor back to the system at once, and each one that follows costs a page fault for
    every 4 KB: a tenth of a training step on a CPU.
    """
    _set_malloc({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}, trim=False)


def _set_malloc(options: dict[int, int], trim: bool) -> None:

    try:
        library = ctypes.CDLL(None)
        for option, value in options.items():
            library.mallopt(option, value)
        if trim:
            library.malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def resident() -> int:
    """Bytes of this process that lie in main memory now; 0 where nothing says."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def resident_peak() -> int:
    """Most bytes of this process that lay in main memory at once so far."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if platform.system() == "Darwin" else peak * 1024)


def may_have_gpu(wanted: str = "auto") -> bool:
    """Whether a device that is `wanted` may be a GPU, told by what the system shows: PyTorch is not imported."""
    kind = wanted.partition(":")[0]
    if kind in ("cuda", "xpu", "mps"):
        return True
    apple = platform.system() == "Darwin" and platform.machine() == "arm64"
    return kind == "auto" and (apple or any(os.path.exists(path) for path in _SIGNS))  # noqa: PTH110
