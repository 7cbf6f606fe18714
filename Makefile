# Every target sets up what it needs in .venv and is quick when that is done already.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && command -v $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -c constraints.txt

STORIES ?= 2000
SEED ?= $(shell date +%s)
INPUTS ?= 1000000
HOURS ?= 2
SPEED ?= 20
FAULTS ?= 0.05

# the suite runs in a process for each core that has memory enough, and with ARGS, mostly a part of it, in one
JOBS ?= $(if $(ARGS),0,auto)
SPREAD := -n $(JOBS) --dist worksteal

USER_ID ?= $(shell id -u)

# which versions of everything else `make test-wheel` installs: pinned or lowest
VERSIONS ?= pinned
WHEELED := $(VENV)/wheel/$(VERSIONS)
CONSTRAINTS_pinned := constraints.txt
CONSTRAINTS_lowest := constraints-lowest.txt

CLIENTS := geopera up42 stac schemathesis

.PHONY: help demo test test-clients wheel test-wheel crash soak guards messages house fuzz fuzz-million lint bench docs lab as-who clean
help:
	@echo "make demo   run the whole way once, from search to delivered imagery, on the embedded sandbox"
	@echo "make test   run all tests"
	@echo "make test-clients  run other people's clients against the sandbox, in environments of their own"
	@echo "make wheel  build the source distribution, and the wheel from it, into dist"
	@echo "make test-wheel  run all tests against the installed wheel, with the pinned versions or with VERSIONS=lowest"
	@echo "make crash  kill the process that buys, thousands of times"
	@echo "make soak   an office of analysts for two hours under random faults, on a clock twenty times as fast"
	@echo "make guards  take each guard against nasty input away, and see a test fail"
	@echo "make messages  write the snapshot of every error's and warning's wording anew"
	@echo "make house  write the map of the packages in CONTRIBUTING.md anew"
	@echo "make fuzz   try thousands of new examples on every property test"
	@echo "make fuzz-million  give every reader and endpoint a million inputs; TARGET=name, INPUTS=n and SEED=n"
	@echo "make lint   ruff and mypy"
	@echo "make bench  time scenecart beside its peers"
	@echo "make docs   build the documentation, its notebooks run anew, into docs/_build"
	@echo "make lab    JupyterLab on the notebooks"
	@echo "make clean  remove what the other targets made"

demo: $(VENV)/.demo
	$(BIN)/scenecart demo $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

crash: $(VENV)/.test
	SCENECART_CRASH_STORIES=$(STORIES) SCENECART_CRASH_SEED=$(SEED) $(BIN)/python -m pytest -s -k anything tests/scenarios/test_killed_purchases.py $(ARGS)

guards: $(VENV)/.test
	$(BIN)/python tests/guards/run.py $(ARGS)

messages: $(VENV)/.test
	$(BIN)/python tests/_messages.py

house: $(VENV)/.test
	$(BIN)/python docs/house.py

soak: $(VENV)/.test
	SCENECART_SOAK_HOURS=$(HOURS) SCENECART_SOAK_SPEED=$(SPEED) SCENECART_SOAK_FAULTS=$(FAULTS) SCENECART_SOAK_SEED=$(SEED) $(BIN)/python -m pytest -s tests/scenarios/test_soak.py $(ARGS)

fuzz: $(VENV)/.test
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=explore --timeout=3600 tests $(ARGS)

fuzz-million: $(VENV)/.test
	PYTHONPATH=tests $(BIN)/python -m fuzz $(TARGET) --inputs $(INPUTS) --seed $(SEED) $(ARGS)

test-clients: $(VENV)/.test $(CLIENTS:%=$(VENV)/clients/%/.made)
	SCENECART_CLIENTS=$(VENV)/clients $(BIN)/python -m pytest -m clients tests/clients $(ARGS)

wheel: $(VENV)/.test
	@rm -rf dist
	$(BIN)/python -m build --no-isolation .

# the suite's own files come from here, scenecart from the wheel
test-wheel: wheel $(WHEELED)/.made
	@$(PYTHON) -m pip --python $(WHEELED)/bin/python install --quiet --disable-pip-version-check --no-deps --force-reinstall dist/*.whl
	SCENECART_CONSTRAINTS=$(CONSTRAINTS_$(VERSIONS)) $(WHEELED)/bin/python -m pytest -m "not clients" $(SPREAD) $(ARGS)

lint: $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W -E -q -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

lab: as-who $(VENV)/.lab
	$(BIN)/scenecart lab notebooks $(ARGS)

# told before anything is set up; JupyterLab runs what a browser sends it, so root is asked to say that it is meant
as-who:
	$(if $(filter 0,$(USER_ID)),$(if $(findstring --allow-root,$(ARGS)),,$(error As root JupyterLab starts only with --allow-root: make lab ARGS=--allow-root)))

clean:
	rm -rf $(VENV) demo build dist docs/_build docs/notebooks .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "scenecart needs Python 3.11 or newer, and found none. Install it, or say where it is: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "scenecart needs pip for $(PYTHON), and found none. On Debian: apt-get install python3-pip"; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV) || { echo "$(PYTHON) could not make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

# One recipe for each set of extras: installed once, and again when what is needed changes.
$(VENV)/.demo: EXTRAS = report,sandbox
$(VENV)/.test: EXTRAS = all,test,docs
$(VENV)/.lint: EXTRAS = all,test,lint
$(VENV)/.docs: EXTRAS = all,test,docs
$(VENV)/.lab: EXTRAS = all,lab

$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.lab: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Setting up $(VENV) ($(EXTRAS)): a minute or two the first time"
	@$(INSTALL) -e ".[$(EXTRAS)]" || { echo "The packages could not be installed; pip says why above."; exit 1; }
	@touch $@

$(VENV)/clients/%/.made: tests/clients/%.txt | $(VENV)/.made
	@echo "Setting up $(@D)"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check -r $<
	@touch $@

$(WHEELED)/.made: pyproject.toml $(CONSTRAINTS_$(VERSIONS)) | wheel
	@test -n "$(CONSTRAINTS_$(VERSIONS))" || { echo "VERSIONS is pinned or lowest, not $(VERSIONS)"; exit 1; }
	@echo "Setting up $(@D) ($(VERSIONS) versions): a few minutes the first time"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check -c $(CONSTRAINTS_$(VERSIONS)) "$$(echo dist/*.whl)[all,test,docs]"
	@touch $@
