# One word a target. Each makes its own virtual environment and installs what it needs, no more.
# ARGS is handed on: `make test ARGS='-k frames'`.

PYTHON ?= python3
ARGS ?=
WHICH :=
SEEDS ?= 1000
FROM ?= 0
SECONDS ?= 60
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test test-long test-uvloop simulate fuzz bench lint format clean
.DELETE_ON_ERROR:

help:
	@echo 'make demo         servers that register, a watcher that follows them, in under 20 seconds'
	@echo 'make test         the tests, against the embedded server and a real Apache ZooKeeper'
	@echo 'make test-long    the tests that take long: what other clients find, and long random stories'
	@echo 'make test-uvloop  the tests that have an event loop, on the other one that people use'
	@echo 'make simulate     histories of clients, a server and faults, in memory: SEEDS=N FROM=K'
	@echo 'make fuzz         bytes that a fuzzer makes up, as frames and as files of the log: SECONDS=N each'
	@echo 'make bench        the table of speed and size'
	@echo 'make lint         formatter, linter and type checker, changing nothing'
	@echo 'make format       format the code and mend what the linter can'
	@echo 'make clean        remove everything that can be made again'

demo: $(VENV)/installed-base
	$(BIN)/python -m zc.zk.cli.demo $(ARGS)

test-long: WHICH := --long
test-uvloop: WHICH := --uvloop
test test-long test-uvloop: $(VENV)/installed-test
	@.ci/install-zookeeper
	@.ci/install-zookeeper-3.9 $(BIN)/python
	@.ci/install-kerberos $(BIN)/python
	$(BIN)/python -m pytest $(WHICH) $(ARGS)

simulate: $(VENV)/installed-test
	$(BIN)/python -m tests.simulation $(SEEDS) --from $(FROM) $(ARGS)

fuzz: $(VENV)/installed-fuzz
	$(BIN)/python -m tests.fuzz frames --seconds $(SECONDS) $(ARGS)
	$(BIN)/python -m tests.fuzz log --seconds $(SECONDS) $(ARGS)

bench: $(VENV)/installed-bench
	@.ci/install-zookeeper
	$(BIN)/python -m bench $(ARGS)

# The type checker reads tests/ and bench/, so it needs what they import.
lint: $(VENV)/installed-test $(VENV)/installed-bench $(VENV)/installed-lint
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

format: $(VENV)/installed-lint
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean:
	rm -rf $(VENV) build dist src/*.egg-info .fuzz .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -rf bin develop-eggs eggs parts .installed.cfg
	find src tests bench -type d -name __pycache__ -prune -exec rm -rf {} +

# The stamps: made again whenever pyproject.toml asks for other packages.
$(VENV)/installed-%: pyproject.toml .ci/make-environment
	@.ci/make-environment $(VENV) '$(PYTHON)' $*
	@touch $@

# One pip at a time in one environment, whatever `make -j` says.
.NOTPARALLEL:
