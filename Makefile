# `make help` lists what can be asked for. Everything that is installed goes into virtual environments (.venv*) and
# target/ of this folder; only cargo-deny, which takes minutes to compile, is kept in the user's cache.

PYTHON ?= python3
OTHER_PYTHONS ?= 3.12 3.13
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
TOOLS ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/cenote

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

DEMO := .venv
TEST := .venv-test
# Of dask-kubernetes only the definitions of its resources are needed, not what its operator runs on. They lie beside the
# packages, so that Dask does not look for its commands.
DEFINITIONS := dask-kubernetes==2026.3.0
TEST_PYTHON := $(CURDIR)/$(TEST)/bin/python
DEMO_PYTHON := $(CURDIR)/$(DEMO)/bin/python

# One interpreter for every build: cargo and maturin would otherwise rebuild pyo3 in turn.
export PYO3_PYTHON := $(TEST_PYTHON)
export CARGO_TARGET_DIR := $(CURDIR)/target
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport VIRTUAL_ENV

SOURCES := Cargo.toml Cargo.lock pyproject.toml \
	$(shell find crates/*/src crates/*/Cargo.toml python -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name py.typed -o -name '*.ttf' -o -name '*.yaml' \))

STEP = @printf '\n== %s\n'

.PHONY: help demo test check bench docs compat compat-full previous early-warning sim paired planted chaos soak soak-cluster image fuzz clean \
	format lint rust python types deny venv other-pythons FORCE

help: ## lists what can be asked for
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-14s %s\n", $$1, $$2 }'

# ---- What a newcomer asks for

demo: $(DEMO)/installed ## builds the wheel in release mode, installs it, and runs the tutorial in Python, in Rust and on a cluster
	$(DEMO_PYTHON) examples/tutorial.py
	cargo run --release --quiet --package cenote --example tutorial
	$(DEMO_PYTHON) examples/cluster_tutorial.py

test: format lint rust python types compat previous early-warning docs deny other-pythons ## proves everything: what continuous integration runs
	$(STEP) "all of it passed"

check: format lint rust ## the fast subset: formats, lints, Rust tests

# ---- Environments and wheels

# $(call make-venv,FOLDER,INTERPRETER)
define make-venv
	"$(2)" -c 'import sys; sys.version_info >= (3, 11) or sys.exit("cenote needs Python 3.11 or later; name one: make PYTHON=python3.12 ...")'
	"$(2)" -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --constraint tests/requirements.txt uv maturin
endef

# $(call install-wheel,FOLDER,PROFILE): builds the wheel for the interpreter of the environment and puts it there
define install-wheel
	rm -rf target/wheels/$(notdir $(1))
	PYO3_PYTHON=$(CURDIR)/$(1)/bin/python $(1)/bin/maturin build --quiet --profile $(2) --interpreter $(CURDIR)/$(1)/bin/python --out target/wheels/$(notdir $(1))
	$(1)/bin/uv pip install --quiet --python $(1)/bin/python --reinstall --no-deps --compile-bytecode target/wheels/$(notdir $(1))/*.whl
endef

$(DEMO)/ready: tests/requirements.txt
	$(STEP) "environment of the demo: $(DEMO)"
	$(call make-venv,$(DEMO),$(PYTHON))
	$(DEMO)/bin/uv pip install --quiet --python $(DEMO)/bin/python --constraint tests/requirements.txt \
		cloudpickle pyyaml dask distributed numpy pandas pyarrow xarray
	touch $@

$(DEMO)/installed: $(DEMO)/ready $(SOURCES)
	$(STEP) "wheel, release mode"
	$(call install-wheel,$(DEMO),release)
	touch $@

$(TEST)/ready: tests/requirements.txt
	$(STEP) "environment of the tests: $(TEST)"
	$(call make-venv,$(TEST),$(PYTHON))
	$(TEST)/bin/uv pip install --quiet --python $(TEST)/bin/python --requirement tests/requirements.txt
	$(TEST)/bin/uv pip install --quiet --python $(TEST)/bin/python --no-deps --target $(TEST)/definitions $(DEFINITIONS)
	touch $@

$(TEST)/installed: $(TEST)/ready $(SOURCES)
	$(STEP) "wheel, profile ci"
	$(call install-wheel,$(TEST),ci)
	touch $@

venv: $(TEST)/ready ## the environment of the tests, without Cenote in it

# ---- What `make test` is made of

format: $(TEST)/ready ## formats as rustfmt and ruff want them
	$(STEP) "formats"
	cargo fmt --all --check
	$(TEST)/bin/ruff format --check .

lint: $(TEST)/ready ## clippy, ruff, and the walls of core
	$(STEP) "lints"
	$(TEST)/bin/ruff check .
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	bash tests/walls.sh

rust: $(TEST)/ready ## Rust tests and doctests
	$(STEP) "Rust tests"
	if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --workspace --no-fail-fast; else cargo test --workspace --lib --bins --tests --examples; fi
	cargo test --workspace --doc --quiet

python: $(TEST)/installed ## Python tests and the examples in docstrings, on the installed wheel
	$(STEP) "Python tests"
	$(TEST_PYTHON) -m pytest tests --ignore tests/compat
	$(TEST_PYTHON) -m pytest --doctest-modules --pyargs cenote

types: $(TEST)/installed ## mypy on the package, stubtest on the stubs of the extension
	$(STEP) "types"
	$(TEST_PYTHON) -m mypy python/cenote
	$(TEST_PYTHON) -m mypy crates/runtime/src/executor/cenote_executor crates/runtime/src/executor/bootstrap.py
	$(TEST_PYTHON) -m mypy.stubtest --mypy-config-file pyproject.toml --allowlist tests/stubtest.allow cenote._native

compat: $(TEST)/installed ## Dask's own suites on Cenote: the API's, parts of the collections', programs on a cluster, and distributed's
	$(STEP) "Dask's suites"
	$(TEST_PYTHON) tests/compat/run.py -n $(JOBS)
	$(STEP) "distributed's suite on our scheduler"
	$(TEST_PYTHON) tests/compat/outside/run.py -n $(JOBS)
	$(STEP) "our scheduler's machine with stock workers"
	$(MAKE) --no-print-directory paired SEEDS=$(PAIRED_SEEDS)

PREVIOUS := .venv-previous
PREVIOUS_PYTHON := $(CURDIR)/$(PREVIOUS)/bin/python

previous: $(PREVIOUS)/installed $(TEST)/installed ## the previous release of Dask: our tests of clusters, some of distributed's, and peers of both releases
	$(STEP) "the previous release of Dask"
	$(PREVIOUS_PYTHON) -m pytest tests/test_distributed.py tests/test_local_cluster.py
	$(PREVIOUS_PYTHON) tests/compat/outside/run.py -n $(JOBS) --files test_locks test_as_completed test_actor test_publish --out target/outside/previous.jsonl
	CENOTE_PREVIOUS=$(PREVIOUS_PYTHON) $(TEST_PYTHON) -m pytest tests/compat/previous

$(PREVIOUS)/ready: tests/requirements.txt tests/previous.txt
	$(STEP) "environment of the tests with the previous release of Dask: $(PREVIOUS)"
	$(call make-venv,$(PREVIOUS),$(PYTHON))
	$(PREVIOUS)/bin/uv pip install --quiet --python $(PREVIOUS)/bin/python --requirement tests/requirements.txt --override tests/previous.txt
	touch $@

$(PREVIOUS)/installed: $(PREVIOUS)/ready $(TEST)/installed
	$(PREVIOUS)/bin/uv pip install --quiet --python $(PREVIOUS)/bin/python --reinstall --no-deps --compile-bytecode target/wheels/$(TEST)/*.whl
	touch $@

early-warning: $(TEST)/installed $(PREVIOUS)/installed ## whether the tested releases of Dask say what the scheduler does not understand
	$(STEP) "early warning"
	$(TEST_PYTHON) tests/compat/early_warning.py
	$(PREVIOUS_PYTHON) tests/compat/early_warning.py

deny: $(TOOLS)/bin/cargo-deny ## licences, bans and sources of the dependencies
	$(STEP) "dependencies"
	$(TOOLS)/bin/cargo-deny --locked check licenses bans sources

$(TOOLS)/bin/cargo-deny:
	$(STEP) "cargo-deny, once: $(TOOLS)"
	CARGO_TARGET_DIR=$(CURDIR)/target/tools cargo install --quiet --locked --no-default-features --profile dev --root "$(TOOLS)" --version 0.20.2 cargo-deny
	rm -rf target/tools

other-pythons: $(TEST)/ready ## our own tests on the other Pythons that are found here
	for version in $(OTHER_PYTHONS); do \
		python=$$(bash tests/find_python.sh $$version) || { echo "== Python $$version is not on this machine: skipped"; continue; }; \
		$(MAKE) --no-print-directory other-python VERSION=$$version PYTHON="$$python"; \
	done

OTHER := .venv-$(VERSION)

.PHONY: other-python
other-python: $(OTHER)/installed
	$(STEP) "our own tests on Python $(VERSION)"
	$(OTHER)/bin/python -m pytest tests --ignore tests/compat

$(OTHER)/ready: tests/requirements.txt
	$(STEP) "environment of the tests on Python $(VERSION): $(OTHER)"
	$(call make-venv,$(OTHER),$(PYTHON))
	$(OTHER)/bin/uv pip install --quiet --python $(OTHER)/bin/python --requirement tests/requirements.txt
	$(OTHER)/bin/uv pip install --quiet --python $(OTHER)/bin/python --no-deps --target $(OTHER)/definitions $(DEFINITIONS)
	touch $@

$(OTHER)/installed: $(OTHER)/ready $(SOURCES)
	$(STEP) "wheel for Python $(VERSION), profile ci"
	$(call install-wheel,$(OTHER),ci)
	touch $@

# ---- The long ones

bench: $(DEMO)/installed $(TEST)/ready ## measures Cenote, Dask and a bare loop in the same run, on a release build
	$(DEMO_PYTHON) benchmarks/local.py

docs: $(TEST)/installed ## the manual: docs/_build/index.html
	$(STEP) "manual"
	$(TEST_PYTHON) -m sphinx -W --keep-going -q -b html docs docs/_build

compat-full: $(TEST)/installed $(PREVIOUS)/installed ## Dask's own suites on Cenote, all of them (hours); DISTRIBUTED_SRC=CHECKOUT for the newest
	failed=0; \
	$(TEST_PYTHON) tests/compat/run.py --full -n $(JOBS) || failed=1; \
	$(TEST_PYTHON) tests/compat/outside/run.py --tests stock -n $(JOBS) || failed=1; \
	$(PREVIOUS_PYTHON) tests/compat/outside/run.py -n $(JOBS) --out target/outside/previous.jsonl || failed=1; \
	$(TEST_PYTHON) tests/compat/outside/by_file.py --write; \
	exit $$failed

sim: ## the simulated cluster on one seed after another, until one fails or you stop it
	CENOTE_SIM_SEEDS=0 cargo test --release --quiet --package cenote-core --test sim every_seed -- --nocapture

SEEDS ?= 0
PAIRED_SEEDS := 60

paired: $(TEST)/ready ## the simulated cluster with stock distributed's workers, without end; SEEDS=60 sets an end
	CENOTE_SIM_STOCK="$(TEST_PYTHON) $(CURDIR)/tests/compat/paired/workers.py" CENOTE_SIM_SEEDS=$(SEEDS) \
		cargo test --quiet --package cenote-core --test sim stock_workers -- --nocapture

planted: $(TEST)/ready ## bugs planted inside a copy of the scheduler's machine, each of which the simulator must find
	$(TEST_PYTHON) tests/planted/run.py

soak: $(TEST)/installed ## an hour of random graphs with interrupts and errors: memory flat, no hang
	$(TEST_PYTHON) tests/soak.py

soak-cluster: $(TEST)/installed ## an hour of mixed work on workers that come and go: nothing grows, hangs or is wrong
	$(TEST_PYTHON) tests/chaos/soak.py

image: $(TEST)/installed ## the container image's steps in a clean Debian, and work on it; needs root and mmdebstrap
	$(TEST_PYTHON) tests/image/rehearse.py target/wheels/$(notdir $(TEST))/*.whl

CHAOS ?=

chaos: $(TEST)/installed ## real clusters whose processes and cables are cut while they work; CHAOS=late_worker takes one scenario
	$(TEST_PYTHON) tests/chaos/run.py $(CHAOS)

FUZZ ?= frames messages
FUZZ_SECONDS ?= 0

# RUSTC_BOOTSTRAP lets the ordinary compiler count what is reached, which else only nightly ones do.
fuzz: $(TOOLS)/bin/cargo-fuzz ## mutates recorded messages without end; FUZZ=frames takes one target, FUZZ_SECONDS=60 an end
	export PATH="$(TOOLS)/bin:$$PATH" CARGO_TARGET_DIR=$(CURDIR)/target/fuzz RUSTC_BOOTSTRAP=1; \
	cargo fuzz build --fuzz-dir fuzz; \
	for target in $(FUZZ); do \
		mkdir -p target/fuzz-corpus/$$target; \
		cargo fuzz run --fuzz-dir fuzz $$target target/fuzz-corpus/$$target fuzz/corpus tests/data/wire -- \
			-max_total_time=$(FUZZ_SECONDS) & running+=($$!); \
	done; \
	for each in "$${running[@]}"; do wait $$each; done

$(TOOLS)/bin/cargo-fuzz:
	$(STEP) "cargo-fuzz, once: $(TOOLS)"
	CARGO_TARGET_DIR=$(CURDIR)/target/tools cargo install --quiet --locked --profile dev --root "$(TOOLS)" cargo-fuzz
	rm -rf target/tools

clean: ## removes what was built and the environments
	rm -rf target docs/_build .venv .venv-*
