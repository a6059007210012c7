"""What a model or a record says of what made it, and whether that is what its run wants."""

import hashlib
import json

from moaplus.plan.runs import Run
from moaplus.provenance.sources import digest, training_modules


def origin_of(run: Run) -> dict:
    """Return a run's settings and the digest of the sources that train it, as JSON has them."""
    sources = digest("moaplus.runs.training", *training_modules(run))
    return {"settings": settings_of(run), "sources": sources}


def settings_of(run: Run) -> dict:
    """Return a run's settings as JSON has them."""
    return json.loads(json.dumps(run.settings()))


def foreign(run: Run, origin: dict) -> str | None:
    """Return in what a model's origin differs from its run's, if it does."""
    wanted = origin_of(run)
    settings = origin.get("settings")
    if not isinstance(settings, dict):
        return "it does not say what made it"
    different = [key for key, value in wanted["settings"].items() if settings.get(key) != value]
    if different:
        return f"made with another {', '.join(different)}"
    return "made by other sources" if origin.get("sources") != wanted["sources"] else None


def history_digest(content: bytes) -> str:
    """Return what a model's header says of its history."""
    return hashlib.sha256(content).hexdigest()
