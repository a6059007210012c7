"""What Snakemake would do after a change of each source in turn, as JSON: `dry_runs.py FOLDER`.

`jobs` are all that there are, with their files; `after` has those of each source. Sources that are
inputs of the same jobs are one to Snakemake: the first of them stands for all.

Snakemake is imported once; each dry run is a fork of this process. A source that is tried gets a
comment at its end, and is then as it was, its time included.
"""

import contextlib
import importlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path

import snakemake.cli

# What the Snakefile imports beside the package: saves time, and no more.
for module in ("numpy", "pydantic", "ruamel.yaml", "safetensors.numpy", "threadpoolctl"):
    importlib.import_module(module)

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.M)


def planned(text: str) -> dict[str, dict[str, list[str]]]:
    """Jobs in a dry run's output: `rule wildcards`, and the files of `input` and `output`."""
    jobs = {}
    for rule, body in JOB.findall(text):
        lines = dict(re.findall(r"^    (\w+): (.*)$", body, re.M))
        files = {
            kind: re.sub(r" \(\w+\)", "", lines.get(kind, "")).split(", ")  # without flags
            for kind in ("input", "output")
        }
        jobs[f"{rule} {lines.get('wildcards', '')}".strip()] = files
    return {job: files for job, files in jobs.items() if job != "all"}


def dry_run(*options: str) -> str:
    """What `snakemake -n` says in this folder, by a fork of this process."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            with contextlib.suppress(SystemExit):
                snakemake.cli.main(["-n", *options])
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)
        output.seek(0)
        return output.read()


def changed(path: Path) -> list[str]:
    """The jobs of a dry run after a change of one source, which is undone."""
    content, before = path.read_bytes(), path.stat()
    path.write_bytes(content + b"# changed\n")
    try:
        text = dry_run()
        assert "This was a dry-run" in text or "Nothing to be done" in text, text
        return sorted(planned(text))
    finally:
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    jobs = planned(dry_run("--forceall"))
    alike: dict[tuple[str, ...], list[str]] = {}
    for source in sorted(path.as_posix() for path in Path("src/moaplus").rglob("*.py")):
        takers = tuple(job for job, files in jobs.items() if source in files["input"])
        alike.setdefault(takers, []).append(source)
    after = {}
    for sources in alike.values():
        after |= dict.fromkeys(sources, changed(Path(sources[0])))
    print(json.dumps({"jobs": jobs, "after": after}))
