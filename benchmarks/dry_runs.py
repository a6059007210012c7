"""Snakemake calls that only look, each a fork of one process that has imported Snakemake.

A line `[FOLDER, ARGUMENTS]` on standard input gives a line `[STATUS, OUTPUT]` on standard output,
both JSON. `workspace.look` starts this program. It never imports moaplus: each folder has its own.
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile

import snakemake.cli

# What the Snakefile imports beside the package: saves time, and no more.
for module in (
    "jsonschema", "numpy", "pydantic", "ruamel.yaml", "safetensors.numpy", "threadpoolctl"
):  # fmt: skip
    with contextlib.suppress(ImportError):
        importlib.import_module(module)


def look(folder: str, arguments: list[str]) -> tuple[int, str]:
    """Return the exit status of `snakemake ARGUMENTS` in a folder, and all that it printed."""
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.chdir(folder)
            for stream in (1, 2):
                os.dup2(output.fileno(), stream)
            _snakemake(arguments)
        _, status = os.waitpid(child, 0)
        output.seek(0)
        return os.waitstatus_to_exitcode(status), output.read()


def _snakemake(arguments: list[str]) -> None:
    """Run Snakemake and end this process with its exit status."""
    status = 1
    try:
        sys.argv[1:] = arguments
        snakemake.cli.main(arguments)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(look(*json.loads(line))), flush=True)
