# `make lab` and `make test` need nothing but Python 3.11 or newer and make.
PYTHON ?= python3
TEST_WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
DEV := $(VENV)/dev
KERNELS := $(VENV)/kernels
# Where the venv was made: its scripts and the editable install hold that place, so one that was moved is made anew.
MOVED := $(filter-out $(realpath $(VENV)),$(shell cat $(READY) 2>/dev/null))
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# In a container one is often root, and Jupyter wants to be told that this is meant. It listens on this machine only.
AS_ROOT = $(if $(filter 0,$(shell id -u)),--allow-root)
# Kernels of several notebooks share the cores: OpenMP threads that wait should soon sleep (9 times faster when crowded).
lab test course: export OMP_WAIT_POLICY ?= PASSIVE
lab test course: export GOMP_SPINCOUNT ?= 2000

.PHONY: moved help setup lab test course site learner bench widgets lint format clean

help:
	@echo 'make lab     open the course in JupyterLab'
	@echo 'make test    run every test and every notebook'
	@echo 'make site    write the course, the guide and the reference as a website into site/'
	@echo 'make course  the same into course/, after running every notebook'
	@echo 'make learner write the course without solutions into learner/, for a class'
	@echo 'make bench   run the benchmarks, as ratios'
	@echo 'make widgets bundle the JavaScript of the widgets after a change, and make their pictures'
	@echo 'make setup   only make $(VENV)        PYTHON=python3.12 picks another Python'
	@echo 'make lint    check style, layers and types   make format  repair style'
	@echo 'make clean   remove what was made, $(VENV) included'

setup: $(DEV) $(KERNELS)

# What a learner needs.
$(READY): pyproject.toml constraints.txt $(if $(MOVED),moved)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Territory needs Python 3.11 or newer as $(PYTHON); name another: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(if $(MOVED),--clear) $(VENV) || { \
	  echo "$(PYTHON) could not make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@# A new venv brings the pip of its Python, and dependency groups need 25.1.
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) -c constraints.txt -e '.[lab]'
	@# Lab asks everyone once whether it may fetch news, in a box that lies on the pictures.
	@$(BIN)/jupyter labextension disable --level=sys_prefix @jupyterlab/apputils-extension:announcements 2>/dev/null \
	  || { echo "JupyterLab's question about news could not be turned off" >&2; exit 1; }
	@cd $(VENV) && pwd -P > ready

# What the tests, the checks and the website need besides.
$(DEV): $(READY)
	$(PIP) -c constraints.txt --group dev
	@touch $@

# Machine code, made beforehand so that no first cell of a notebook has to wait for it.
$(KERNELS): $(READY) $(wildcard territory/world/*.py) $(addprefix territory/models/,map_conv.py one_pass.py)
	$(BIN)/python -m territory.models
	@touch $@

lab: $(KERNELS)
	$(BIN)/jupyter lab $(AS_ROOT) --LabApp.default_url=/lab/tree/notebooks

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile

course: setup
	$(BIN)/python tools/site.py --run course

site: setup
	$(BIN)/python tools/site.py site

learner: setup
	$(BIN)/python tools/learner.py notebooks learner

bench: setup
	$(BIN)/python -m benchmarks

widgets: setup
	$(BIN)/python tools/bundle.py
	$(BIN)/python tools/pictures.py docs/pictures

clean:
	rm -rf $(VENV) course learner site build dist node_modules *.egg-info
	rm -rf .pytest_cache .ruff_cache .import_linter_cache .grimp_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
