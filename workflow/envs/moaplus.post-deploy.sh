#!/usr/bin/env bash
set -euo pipefail
sources=${PYTHONPATH%%:*} # set by the Snakefile
python -m pip install --quiet --require-hashes -r "$sources/../requirements.lock"
