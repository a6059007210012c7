PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: reproduce test bench environment constraints

reproduce: environment
	snakemake --cores all
	dvc commit --quiet --force  # so that DVC knows what Snakemake made
	@echo "Read results/table.md"

test: environment
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	pytest

bench: environment
	python tests/benchmark.py

environment: $(VENV)/.installed

# The stamp is written last: an interrupted installation is not taken for a finished one.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("moaplus needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

constraints: environment
	$(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt
