PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: reproduce report pull agree test bench faults agreement growth cluster slurm umap peers environment constraints

reproduce: environment
	snakemake --cores all --logger moaplus
	dvc commit --quiet --force  # so that DVC knows what Snakemake made
	@moaplus verdicts

# Table, figures and every run with its scores in one HTML file: results/report.html.
report: environment
	snakemake --cores all --logger moaplus -- pages
	snakemake --report results/report.html

# Data and models from DVC's remote, instead of making them.
pull: environment
	dvc pull
	$(AGREE)

# After dvc checkout: tells Snakemake that what DVC says is up to date is so.
agree: environment
	$(AGREE)

define AGREE
dvc status
@dvc status --quiet  # ends here if anything differs from dvc.lock
snakemake --cores 1 --quiet all --touch --forceall
endef

test: environment
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# What the two tools do of each other's work, and what breaks. These and the suites below write their
# tables into docs; the tests run short forms.
agreement faults growth: environment
	python benchmarks/written.py $@

# The workflow on a SLURM of one node, which this makes of this machine: as root, on Debian.
cluster: environment
	$(PLUGIN)
	python benchmarks/written.py cluster

# The default run on the cluster that is there.
slurm: environment
	$(PLUGIN)
	snakemake --workflow-profile slurm

# Of no use without a cluster; Snakemake imports it at every start.
PLUGIN = $(EXTRA) -e '.[dev,slurm]'
EXTRA = $(VENV)/bin/python -m pip install --quiet -c constraints.txt

# UMAP, for the study of that name.
umap: environment
	$(EXTRA) -e '.[dev,umap]'

# Beside other clusterers: two hours.
peers: environment
	$(EXTRA) -e '.[dev,peers]'
	moaplus select mnist-all-n12665
	python benchmarks/written.py peers

bench: environment
	python benchmarks/written.py benchmark
	python benchmarks/written.py view_benchmark

environment: $(VENV)/.installed

# The stamp is written last: an interrupted installation is not taken for a finished one.
$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("moaplus needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

constraints: environment
	$(EXTRA) -e '.[dev,slurm,umap,peers]'
	$(VENV)/bin/python -m pip freeze --exclude-editable | sed 's/+cpu//' > constraints.txt
