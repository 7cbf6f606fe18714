# Every target installs what it needs into .venv first, and skips that when it is up to date.

PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && command -v $$p && break; done)
# the suite starts thousands of processes, which need not compile the library each
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-compile -c constraints.txt
# pip compiles on one core, which takes as long as the rest, and the packages' own tests too; what is not Python is left as it is
COMPILE = $(BIN)/python -m compileall -qq -j 0 -x '/(tests?|lib2to3|templates)/' $(VENV)/lib || :

STORIES ?= 2000
CARTS ?= 1000
SEED ?= $(shell date +%s)
INPUTS ?= 1000000
HOURS ?= 2
SPEED ?= 20
FAULTS ?= 0.05
CALLS ?= 2,2

# the suite runs in one process per core, as far as memory allows; with ARGS, usually a part of it, in one process
JOBS ?= $(if $(ARGS),0,auto)
SPREAD := -n $(JOBS) --dist worksteal

USER_ID ?= $(shell id -u)

# versions of the dependencies for `make test-wheel`: pinned or lowest
VERSIONS ?= pinned
WHEELED := $(VENV)/wheel/$(VERSIONS)
CONSTRAINTS_pinned := constraints.txt
CONSTRAINTS_lowest := constraints-lowest.txt

CLIENTS := geopera up42 stac schemathesis

.PHONY: help demo test test-clients wheel test-wheel crash machines model soak guards messages house fuzz fuzz-million lint bench docs lab as-who clean
help:
	@echo "make demo   run the whole workflow once, from search to delivered imagery, on the embedded sandbox"
	@echo "make test   run all tests"
	@echo "make test-clients  run other clients of the service against the sandbox, each in its own environment"
	@echo "make wheel  build the source distribution and the wheel into dist"
	@echo "make test-wheel  run all tests against the installed wheel, with pinned versions or VERSIONS=lowest"
	@echo "make crash  kill a process while it places orders, thousands of times"
	@echo "make machines  place CARTS=1000 carts from two machines at the same moments"
	@echo "make model  explore every interleaving of two buyers, with CALLS=2,2 calls of each"
	@echo "make soak   run several analysts for two hours with random faults, on a clock twenty times as fast"
	@echo "make guards  remove each guard against bad input, and check that its test fails"
	@echo "make messages  update the snapshot of all error and warning messages"
	@echo "make house  update the map of the packages in CONTRIBUTING.md"
	@echo "make fuzz   run every property test on thousands of new examples"
	@echo "make fuzz-million  send a million inputs to every reader and endpoint; TARGET=name, INPUTS=n, SEED=n"
	@echo "make lint   check the code with ruff and mypy"
	@echo "make bench  measure the speed of scenecart and similar packages; with FULL=1 the largest sizes too"
	@echo "make docs   run the notebooks and build the documentation into docs/_build"
	@echo "make lab    open the notebooks in JupyterLab"
	@echo "make clean  remove everything that the other targets created"

demo: $(VENV)/.demo
	$(BIN)/scenecart demo $(ARGS)

test: $(VENV)/.test
	$(BIN)/python -m pytest $(SPREAD) $(ARGS)

crash: $(VENV)/.test
	SCENECART_CRASH_STORIES=$(STORIES) SCENECART_CRASH_SEED=$(SEED) SCENECART_CRASH_EVERY=1 $(BIN)/python -m pytest -s -k "random or every_step" --timeout=0 tests/scenarios/test_killed_purchases.py $(ARGS)

machines: $(VENV)/.test
	SCENECART_CARTS=$(CARTS) $(BIN)/python -m pytest -s -k at_once_is_one --timeout=7200 tests/scenarios/test_two_machines.py $(ARGS)

model: $(VENV)/.test
	SCENECART_MODEL_CALLS=$(CALLS) $(BIN)/python -m pytest tests/scenarios/test_purchase_model.py $(ARGS)

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
	$(BIN)/python -m twine check --strict dist/*

# the tests are those of the checkout, scenecart is the wheel
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
	-$(BIN)/python docs/screens.py docs/_build/screens/workbench & $(BIN)/python docs/looks.py docs/_build/screens/looks; wait
	$(BIN)/sphinx-build -W -E -q -j auto -b html docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

lab: as-who $(VENV)/.lab
	$(BIN)/scenecart lab notebooks $(ARGS)

# checked before anything is installed: JupyterLab runs code from a browser, so root must confirm it
as-who:
	$(if $(filter 0,$(USER_ID)),$(if $(findstring --allow-root,$(ARGS)),,$(error As root, JupyterLab starts only with --allow-root: make lab ARGS=--allow-root)))

clean:
	rm -rf $(VENV) demo build dist docs/_build docs/notebooks .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz

$(VENV)/.made:
	@test -n "$(PYTHON)" || { echo "scenecart needs Python 3.11 or newer, which was not found. Install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is not installed for $(PYTHON). On Debian: apt-get install python3-pip"; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV) || { echo "$(PYTHON) cannot create a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }
	@touch $@

# One target for each set of extras: installed once, and again when the requirements change.
$(VENV)/.demo: EXTRAS = report,sandbox
$(VENV)/.test: EXTRAS = all,test,docs
$(VENV)/.lint: EXTRAS = all,test,lint
$(VENV)/.docs: EXTRAS = all,test,docs
$(VENV)/.lab: EXTRAS = all,lab

$(VENV)/.demo $(VENV)/.test $(VENV)/.lint $(VENV)/.docs $(VENV)/.lab: pyproject.toml constraints.txt | $(VENV)/.made
	@echo "Setting up $(VENV) ($(EXTRAS)): a minute or two the first time"
	@$(INSTALL) -e ".[$(EXTRAS)]" || { echo "The packages could not be installed. The messages of pip above give the reason."; exit 1; }
	@$(COMPILE)
	@touch $@

$(VENV)/clients/%/.made: tests/clients/%.txt | $(VENV)/.made
	@echo "Setting up $(@D)"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check -r $<
	@touch $@

$(WHEELED)/.made: pyproject.toml $(CONSTRAINTS_$(VERSIONS)) | wheel
	@test -n "$(CONSTRAINTS_$(VERSIONS))" || { echo "VERSIONS must be pinned or lowest, got $(VERSIONS)"; exit 1; }
	@echo "Setting up $(@D) ($(VERSIONS) versions): a few minutes the first time"
	@$(PYTHON) -m venv --clear --without-pip $(@D)
	@$(PYTHON) -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check -c $(CONSTRAINTS_$(VERSIONS)) "$$(echo dist/*.whl)[all,test,docs]"
	@touch $@
