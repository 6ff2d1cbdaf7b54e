# The two commands: `make demo` runs the main job, `make test` passes the tests.
# The environment .venv is made on first use, by uv where it is installed, else by venv and pip.
PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
STAMP := $(VENV)/.made
DEV_STAMP := $(VENV)/.made-dev
BENCH_STAMP := $(VENV)/.made-bench
UV := $(shell command -v uv 2>/dev/null)
# two processes: the suite is sized for two cores
WORKERS ?= 2
# compiled once, also where Python is told to leave none beside the sources: tests start many processes
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/compiled

.PHONY: demo test test-all check format bench clean

demo: $(STAMP)
	$(BIN)/eccentra demo

test: $(DEV_STAMP)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

# the virtual machine takes two processors: beside other tests its radio falls behind
test-all: $(DEV_STAMP) $(BENCH_STAMP)
	ECCENTRA_HYPOTHESIS=thorough $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not machine"
	$(BIN)/python -m pytest -m machine

check: $(DEV_STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tests/check_wheel.py

format: $(DEV_STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(DEV_STAMP) $(BENCH_STAMP)
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/decoding.py
	$(BIN)/python benchmarks/accuracy.py
	$(BIN)/python benchmarks/mqtt_latency.py
	$(BIN)/python benchmarks/hub.py
	$(BIN)/python benchmarks/link_cost.py
	$(BIN)/python benchmarks/plan.py

$(STAMP): pyproject.toml
ifneq ($(UV),)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python -e .
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
endif
	@touch $@

$(DEV_STAMP): pyproject.toml $(STAMP)
ifneq ($(UV),)
	$(UV) pip install --quiet --python $(BIN)/python --group dev
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
endif
	@touch $@

$(BENCH_STAMP): pyproject.toml $(DEV_STAMP)
ifneq ($(UV),)
	$(UV) pip install --quiet --python $(BIN)/python --group bench
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
endif
	@touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
