# `make lab` opens the course, `make test` runs every check; `make help` lists the rest.
# Packages come from wherever this machine's pip is configured to look.

PYTHON ?= python3
PY     ?= .venv/bin/python
PIP     = $(PY) -m pip install --disable-pip-version-check --constraint constraints.txt
RUN     = .venv/.installed
TESTS   = .venv/.installed-tests
STAGES  = lint types unit notebooks browser packaging scorecard

PYTEST     = $(PY) -m pytest
WORKERS   ?= -n 2 --dist loadfile
# a page mostly waits, for leakers and for its kernel: each worker has a JupyterLab of its own
PAGES     ?= -n 2 --dist worksteal
NOTEBOOKS ?= notebooks
# reading all tests takes longer than reading those of one marker: name the files that write it
files_of   = $$(grep -rl --include='test_*.py' 'mark\.$(1)' tests)
# outputs differ from run to run, so they are compared only in cells marked NBVAL_CHECK_OUTPUT
NBVAL      = --nbval-lax --nbval-current-env --nbval-cell-timeout=120 --timeout=600

export PIP_ROOT_USER_ACTION ?= ignore

.PHONY: help lab setup test-setup system test $(STAGES) bench fuzz soak wheel format constraints clean

help: ## list these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

lab: $(RUN) ## open the course in JupyterLab (the first run installs it into .venv)
	@$(PY) -m memlab.cli.main lab $(LAB_ARGS)

setup: $(RUN) ## only install

# ---- the environment -------------------------------------------------------------------------

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "memlab needs Python 3.11 or later; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	    apt-get update -q && apt-get install -qy python3-venv; } || { \
	    echo "Python has no venv module; install it: sudo apt-get install python3-venv"; exit 1; }
	@echo "making .venv ..."
	@$(PYTHON) -m venv .venv

$(RUN): pyproject.toml constraints.txt | $(PY)
	@echo "installing memlab and what it needs into .venv (about a minute, once) ..."
	@$(PIP) --editable .
	@$(PY) -c 'from memlab.lab.build import build_all; print("leakers built:", *build_all())' || \
	    echo "no C leakers for now: the Python ones work; see .venv/bin/memlab doctor"
	@touch $@

$(TESTS): $(RUN)
	@echo "installing what the tests need ..."
	@$(PIP) --quiet --editable '.[test,dev]'
	@touch $@

test-setup: $(TESTS) system

# Debian's root installs what is missing; anybody else is told, and those tests are skipped.
system: $(RUN)
	@missing=$$($(PY) -m memlab.cli.main doctor --packages | xargs); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $$missing ..."; apt-get update -q; \
	    for package in $$missing; do \
	        DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$package || \
	            echo "could not install $$package: the tests that need it are skipped"; \
	    done; \
	else echo "missing, tests that need them are skipped: $$missing"; fi

# ---- the checks ------------------------------------------------------------------------------

test: test-setup ## run every check: lint, types, tests, notebooks, browser, packaging, scorecard
	@mkdir -p build; rm -f build/*.stage; passed=0; failed=0; report=; \
	for stage in $(STAGES); do \
	    printf '\n==== %s\n' $$stage; began=$$(date +%s); \
	    { $(MAKE) --no-print-directory $$stage 2>&1; echo $$? > build/status; } | tee build/$$stage.stage; \
	    if [ "$$(cat build/status)" = 0 ]; then word=ok; passed=$$((passed + 1)); \
	    else word=FAILED; failed=$$((failed + 1)); fi; \
	    report="$$report$$(printf '%-10s %-7s %4d s' $$stage $$word $$(($$(date +%s) - began)))\n"; \
	done; \
	printf "\n==== summary\n$$report"; \
	grep -hE '^(FAILED|ERROR|E  ) ' build/*.stage; \
	printf 'stages: %d passed, %d failed\n' $$passed $$failed; [ $$failed = 0 ]

lint: $(TESTS) ## style of code and notebooks
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(TESTS) ## mypy --strict over memlab/
	$(PY) -m mypy

unit: $(TESTS) ## the tests, live leakers included
	$(PYTEST) $(WORKERS) -m 'not soak and not browser and not packaging'

scorecard: $(TESTS) ## a quick draw of the bank, judged blind: fails where it is worse than chance explains
	@rm -rf build/scorecard
	$(PY) -m memlab.cli.main scorecard --quick --floor --out build/scorecard

notebooks: $(TESTS) ## run every notebook from top to bottom
	$(PYTEST) $(WORKERS) $(NBVAL) $(NOTEBOOKS)

browser: $(TESTS) ## JupyterLab in a headless Chromium
	$(PYTEST) $(PAGES) -m 'browser and not soak' $(call files_of,browser)

packaging: $(TESTS) ## the wheel, in an empty environment
	$(PYTEST) -m 'packaging and not soak' $(call files_of,packaging)

bench: $(TESTS) ## measure what looking costs, beside peers and the kernel, and write docs/benchmarks.md
	@$(PIP) --quiet --editable '.[bench]'
	$(PY) -m benchmarks --write $(BENCHMARKS)

fuzz: $(TESTS) ## parsers against text that nobody thought of (EXAMPLES=20000 for each)
	MEMLAB_PROFILE=fuzz EXAMPLES=$(or $(EXAMPLES),20000) $(PYTEST) $(WORKERS) --timeout=0 tests/proof tests/model/what

soak: $(TESTS) ## the long tests: minutes to hours
	$(PYTEST) -m soak --timeout=0

# ---- for developers --------------------------------------------------------------------------

format: $(TESTS) ## put code and imports into shape, strip notebooks of their outputs
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .
	$(PY) -m nbstripout --extra-keys 'metadata.widgets' $$(git ls-files '*.ipynb')

wheel: $(TESTS) ## build dist/*.whl and the source archive
	$(PY) -m build

# A fresh resolve of the newest versions, in an environment of its own; run `make test` after it.
# Debian 12 has Python 3.11.2, and some packages ask for a later one: so let the oldest resolve.
constraints: ## pin everything anew in constraints.txt, with PYTHON=… naming a Python 3.11.2
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:3] != (3, 11, 2) and "resolve with Python 3.11.2")'
	rm -rf build/resolve && $(PYTHON) -m venv build/resolve
	build/resolve/bin/python -m pip install --upgrade --editable '.[test,dev,bench,c]'
	build/resolve/bin/python -m pip list --format=freeze \
	    --exclude memlab --exclude pip --exclude setuptools | LC_ALL=C sort -f > constraints.txt
	rm -rf build/resolve

clean: ## remove the environment and everything that was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
