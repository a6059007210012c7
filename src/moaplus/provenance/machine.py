"""The machine that computes, as far as it decides how numbers are rounded."""

import platform
from contextlib import suppress
from pathlib import Path


def processor() -> str:
    """Name of the processor; on Linux with family and model, as two of one name can differ."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    return ", ".join([name, *(f"{k} {facts[k]}" for k in ("cpu family", "model") if k in facts)])
