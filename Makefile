PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Each of hundreds of processes would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

# Where the home folder can not be written, caches go into the clone.
ifneq ($(shell test -w "$$HOME" && echo writable),writable)
export XDG_CACHE_HOME ?= $(CURDIR)/.snakemake/cache
export MPLCONFIGDIR ?= $(CURDIR)/.snakemake/cache/matplotlib
endif

# DVC, to be told what Snakemake made, needs a git repository, which a downloaded archive is not.
# `make reproduce DVC=` leaves it out, too.
DVC := $(shell git rev-parse --git-dir > /dev/null 2>&1 && test -d .dvc && echo dvc)

.PHONY: reproduce report archive pull agree test test-all bench faults agreement growth cluster slurm umap peers gallery \
	environment torch lock without-dvc

reproduce: $(if $(DVC),,without-dvc) environment
	snakemake --cores all --logger moaplus
	$(if $(DVC),dvc commit --force)
	@moaplus verdicts

without-dvc:
	@echo 'DVC is left out, as this folder is no git repository with a .dvc; all else runs. To have it: git clone.'

# Table, figures and every run with its scores in one HTML file: results/report.html.
report: environment
	snakemake --cores all --logger moaplus -- pages
	snakemake --report results/report.html

# Sources, results and models as one zip with an RO-Crate's metadata, for Zenodo.
archive: environment
	moaplus archive moaplus.zip

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
	$(PYTEST)

# Also what takes long.
test-all: environment
	$(PYTEST) --all

PYTEST = pytest --numprocesses 3 --dist worksteal

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
PLUGIN = $(EXTRA) slurm

# UMAP, for the study of that name.
umap: environment
	$(EXTRA) umap

# Beside other clusterers: two hours.
peers: environment
	$(EXTRA) peers
	moaplus select mnist-all-n12665
	python benchmarks/written.py peers

# The clusterer on data of all sorts, beside others: two hours.
gallery: environment
	for data in mnist fashion-mnist; do moaplus fetch $$data && moaplus select $$data-all-n12665 || exit; done
	python benchmarks/written.py gallery

bench: environment
	python benchmarks/written.py benchmark
	python benchmarks/written.py view_benchmark

environment: $(VENV)/.installed

# uv where it is, or can be had; pip otherwise.
PIP = $(VENV)/bin/python -m pip install --quiet
UV = uv pip install --quiet --python $(VENV)/bin/python
INSTALL = $(if $(shell PATH="$(PATH)" command -v uv),$(UV),$(PIP))
EXTRA = $(UV) -c requirements.lock -c optional.lock -r pyproject.toml --extra dev --extra

# The requirements of the lock for which this awk condition holds, with their hashes.
locked = awk '/^[a-z]/ {keep = $(1)} keep' requirements.lock
OTHER_TORCH = $(shell ls -d $(VENV)/lib/python*/site-packages/torch-$(TORCH)+*.dist-info 2> /dev/null)
TORCH = $(shell sed -n 's/^torch==\([0-9.]*\).*/\1/p' requirements.lock)

# The stamps are written last: an interrupted installation is not taken for a finished one.
$(VENV)/.installed: pyproject.toml requirements.lock $(VENV)/.created
	@$(call locked,!/^uv==/$(if $(OTHER_TORCH), && !/^(torch==|triton==|cuda-|nvidia-)/)) > $(VENV)/requirements.txt
	$(INSTALL) --no-deps --require-hashes -r $(VENV)/requirements.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("moaplus needs Python 3.11 or newer; set PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	@$(call locked,/^uv==/) > $(VENV)/uv.txt
	command -v uv > /dev/null || $(PIP) --require-hashes -r $(VENV)/uv.txt || echo 'No uv: pip does its work.'
	touch $@

# A torch that is not PyPI's, before the rest. Without INDEX, it is from where pip is configured to look.
torch: $(VENV)/.created
	$(PIP) torch==$(TORCH) $(if $(INDEX),--index-url $(INDEX))

# Exact versions, for every platform; `make lock UPGRADE=--upgrade` takes the newest.
lock: environment
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra slurm --extra peers --extra parquet --no-annotate -c requirements.lock --output-file optional.lock \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package \1/p' requirements.lock)

COMPILE = uv pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' $(UPGRADE) pyproject.toml --extra dev
