"""What a model or a record says of what made it, and whether that is what its run wants."""

import hashlib
import json
import platform
from contextlib import suppress
from pathlib import Path

from moaplus.plan.runs import Run
from moaplus.provenance.sources import digest


def origin_of(run: Run) -> dict:
    """Return a run's settings and the digest of the sources that train it, as JSON has them.

    What the plan's sources say of a training stands in the settings.
    """
    sources = digest("moaplus.runs.training", *run.modules, without="plan")
    return {"settings": settings_of(run), "sources": sources}


def settings_of(run: Run) -> dict:
    """Return a run's settings as JSON has them."""
    return json.loads(json.dumps(run.settings()))


def history_digest(content: bytes) -> str:
    """Return what a model's header says of its history."""
    return hashlib.sha256(content).hexdigest()


def processor() -> str:
    """Name of the processor; on Linux with family and model, as two of one name can differ."""
    facts: dict[str, str] = {}
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            facts.setdefault(key.strip(), value.strip())
    name = facts.get("model name") or platform.processor() or platform.machine()
    return ", ".join([name, *(f"{k} {facts[k]}" for k in ("cpu family", "model") if k in facts)])
