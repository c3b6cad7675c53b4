# Needs Python 3.11 or newer and make; everything else is installed into .venv when it is first needed.

PYTHON ?= python3

# Everything is started as a module of .venv's Python: the scripts beside it break when the folder is moved or its path
# has spaces.
venv := .venv
python := $(venv)/bin/python
installed := $(venv)/.installed
test_installed := $(venv)/.test-installed
pip_install := $(python) -m pip install --disable-pip-version-check

# Processes that run tests side by side: one more than there are cores, because many tests wait. The tests of the page
# need two of them for a long time, so more than six are of no use.
JOBS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN || echo 2); echo $$((n < 5 ? n + 1 : 6)))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: app test lint style format screenshots bench clean help

app: $(installed)  ## start the page on http://127.0.0.1:7860 (TORCH_INDEX=URL: install torch from that package index)
	@exec $(python) app.py

# One of the tests checks the types: pyright needs half a minute on one core, in which the others can run.
test: style  ## check style, format and types and run every test (JOBS=N: in N processes)
	@$(python) tests/support/browser.py
	$(python) -m pytest --numprocesses $(JOBS) --dist loadscope

lint: style  ## check style, format and types
	$(python) -m pyright --pythonpath $(python)

style: $(test_installed)
	$(python) -m ruff check .
	$(python) -m ruff format --check .

format: $(test_installed)  ## format every file
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

bench: $(installed)  ## measure speed and memory (QUICK=1: two minutes; DOCS=1: write docs/PERFORMANCE.md from it)
	@$(python) -m benchmarks $(if $(QUICK),--plan quick) $(if $(DOCS),--docs) $(if $(MEDIA),--media "$(MEDIA)")

screenshots: $(test_installed)  ## make the README's pictures of the page again
	@$(python) tests/support/browser.py
	PYTHONPATH=tests $(python) -m support.screenshots

clean:  ## remove .venv and everything else that can be made again
	rm -rf $(venv) build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .gradio
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:  ## list the targets
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / {printf "  make %-11s %s\n", $$1, $$2}' Makefile

# The stamp is made after a whole installation only, so an interrupted one is continued. With TORCH_INDEX, torch and
# its companions come from that index alone, in the versions of requirements.txt; a build with a local label, such as
# 2.14.1+cpu, then satisfies requirements.txt.
$(installed): requirements.txt | $(python)
	@echo "Installing what emorec needs into $(venv), a few minutes: about $(if $(TORCH_INDEX),2,6) GB."
ifdef TORCH_INDEX
	$(pip_install) --no-deps --index-url "$(TORCH_INDEX)" $$(grep '^torch' requirements.txt)
endif
	$(pip_install) --requirement requirements.txt
	@touch $@

$(test_installed): tests/requirements.txt train/requirements.txt $(installed)
	$(pip_install) --requirement tests/requirements.txt
	$(pip_install) --no-deps --requirement train/requirements.txt
	@touch $@

# An environment that is incomplete, or whose Python is missing or too old, is made again.
new_enough := import sys; sys.exit(sys.version_info < (3, 11))
ifneq ($(shell $(python) -c 'import pip; $(new_enough)' >/dev/null 2>&1 && echo works),works)
.PHONY: $(python) $(installed)
endif

# Debian ships the venv module as a separate package.
as_root := $(if $(filter 0,$(shell id -u)),,sudo) env DEBIAN_FRONTEND=noninteractive

$(python):
	@command -v $(PYTHON) >/dev/null || \
	    { echo "$(PYTHON) was not found: install Python 3.11 or newer, or name it: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c '$(new_enough)' || \
	    { echo "$(PYTHON) is older than 3.11: install a newer Python, or name it: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { command -v apt-get >/dev/null && $(as_root) apt-get update && $(as_root) apt-get install --yes python3-venv && \
	      $(PYTHON) -c 'import ensurepip, venv'; } || \
	    { echo "$(PYTHON) lacks its venv module: install it (on Debian the package python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(venv)
