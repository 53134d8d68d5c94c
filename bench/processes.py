"""What the system knows of a process (Linux)."""

from __future__ import annotations

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of CPU that all its threads used, to the microsecond."""
    # CPUCLOCK_SCHED of another process: see clock_getcpuclockid(3).
    return time.clock_gettime((~pid << 3) | 2)


def cpu_of_ended_children(pid: int) -> float:
    """Seconds of CPU of the children that it waited for, in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / _TICKS


def _status(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(name)


def resident(pid: int) -> int:
    """Bytes of memory now; the peak is counted from here on."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _status(pid, "VmRSS") * 1024


def peak(pid: int) -> int:
    """Bytes of memory at most since `resident` was asked."""
    return _status(pid, "VmHWM") * 1024


def threads(pid: int) -> int:
    """How many threads it has."""
    return _status(pid, "Threads")


def files(pid: int) -> int:
    """How many file handles are open."""
    return len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - nothing but their number is wanted


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return _status_text(pid) != "Z"
    except OSError:
        return False


def _status_text(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
