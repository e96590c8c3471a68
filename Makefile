# The chores of Mingzhen, one command each; `make` alone lists them. Nothing here needs root, and everything stays in this folder.
.DEFAULT_GOAL := help
.PHONY: help run check fmt test bench day torture mutate verify reset db screenshots lock

VENV := .venv/bin/python
# Prints the Python that makes .venv, or says in a sentence what is missing.
PREPARE = python=$$(sh .ci/find-python) && "$$python" .ci/prepare.py
T ?=

help: ## list these chores
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

run: ## install what is missing, then serve the hospital; Ctrl-C ends it (PORT=8000 HOST=127.0.0.1)
	@$(PREPARE) run

check: ## format, lint, types, and the guards of the house
	@$(PREPARE) test --no-browser
	@$(VENV) -m ruff format --check .
	@$(VENV) -m ruff check .
	@$(VENV) -m mypy
	@$(VENV) -m pytest tests/test_arrows.py tests/test_house.py

fmt: ## format the code and put right what the linter can
	@$(PREPARE) test --no-browser
	@$(VENV) -m ruff format .
	@$(VENV) -m ruff check --fix .

test: ## the whole suite, with a real browser; T=path runs a part of it
	@$(PREPARE) test
	@$(VENV) -m pytest -p tests.plugins.noskip $(if $(T),$(T),-n 2 --dist loadfile)

bench: ## measure acts with their receipts beside a bare commit
	@$(PREPARE) test --no-browser
	@$(VENV) -m bench

day: ## simulate a hospital day of 3,000 visits at 60x against the running site, and check all of it (OPTIONS="--small")
	@$(PREPARE) test --no-browser
	@$(VENV) -m bench.day $(OPTIONS)

torture: ## break what the ledger stands on for ten minutes: calls, power, disks, processes (OPTIONS="--budget 3600 --resume")
	@$(PREPARE) test --no-browser
	@$(VENV) -m tests.torture $(OPTIONS)

mutate: ## change the ledger's formats one place at a time and see whether tests notice: half an hour (OPTIONS="merkle --sample 50", --keep FILE)
	@$(PREPARE) test --no-browser
	@nice -n 19 $(VENV) -m tests.mutate $(OPTIONS)

verify: ## audit the running hospital's public log as a stranger would
	@$(PREPARE) site --quiet
	@$(VENV) .ci/verify.py

db: ## bring keys and tables up to date (make run does it too)
	@$(PREPARE) db

reset: ## stop the demo and throw away what was done in it
	@$(PREPARE) reset

screenshots: ## take the pictures of the README again
	@$(PREPARE) test
	@$(VENV) -m tests.screenshots

lock: ## write the hashed requirements anew from their .in files
	@$(PREPARE) test --no-browser
	@$(VENV) .ci/lock.py
