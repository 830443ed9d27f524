# Every target sets up what it needs. Builds are cached outside the checkout, so a second clone is quick.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA_DIFF := .venv-data-diff
BENCH ?=
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/sensei
export CARGO_TARGET_DIR ?= $(CACHE)/cargo-target
RUST_SOURCES := $(shell find kora/seal kora/core kora/bindings -name '*.rs' -o -name 'Cargo.toml') kora/Cargo.toml kora/Cargo.lock \
	kora/evidence/certificate.schema.json
CHECK_TARGET := $(shell uname -m)-unknown-linux-musl
FUZZ_CASES ?= 10000
DEMO_OUT ?= demo-out

.PHONY: help setup system demo test test-mysql test-mariadb types-mysql test-slow test-rust lint format bench docs types lock clean kora-check fuzz

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make .venv with the locked packages and build the Rust extension

$(VENV)/.packages: requirements.lock
	@command -v cargo >/dev/null || { echo "error: no Rust toolchain (cargo) on PATH"; echo "hint: install rustc and cargo 1.85 or later, then run this again"; exit 4; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or later is needed"; exit 4; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet requirements.lock
	touch $@

$(VENV)/.ready: $(VENV)/.packages $(RUST_SOURCES) pyproject.toml
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/maturin develop --uv --release --quiet
	touch $@

system: ## Install the Debian packages that the tests talk to (prints the command where it may not)
	@installer/system-packages.sh

demo: $(VENV)/.ready ## Migrate a district clinic's SQLite database to DuckDB, prove it, sign it: no server
	@$(BIN)/python -m appliance.demo --out $(DEMO_OUT)

test: $(VENV)/.ready system test-rust ## The whole suite against real servers
	$(BIN)/python -m pytest -m 'not slow'

test-rust:
	cd kora && cargo test --quiet --workspace --exclude kora-bindings

fuzz: $(VENV)/.ready ## Every decoder against FUZZ_CASES=10000 random and damaged inputs: about ten minutes
	cd kora && PROPTEST_CASES=$(FUZZ_CASES) cargo test --quiet --release -p kora-seal
	cd kora && PROPTEST_CASES=$(FUZZ_CASES) cargo test --quiet --release -p kora-core --lib --test decoders --test wires --test kcf
	FUZZ_EXAMPLES=$$(( $(FUZZ_CASES) / 50 + 1 )) $(BIN)/python -m pytest -q tests/unit/test_hostile_files.py

kora-check: ## Build the static verifier for machines without Python into dist/kora-check
	@rustc --print target-libdir --target $(CHECK_TARGET) | xargs -I{} test -d {} \
		|| rustup target add $(CHECK_TARGET) \
		|| { echo "error: the Rust toolchain cannot build for $(CHECK_TARGET)"; echo "hint: rustup target add $(CHECK_TARGET)"; exit 4; }
	cd kora && CC_$(subst -,_,$(CHECK_TARGET))=$${CC:-cc} cargo build --quiet --profile standalone --target $(CHECK_TARGET) -p kora-check
	mkdir -p dist && cp $(CARGO_TARGET_DIR)/$(CHECK_TARGET)/standalone/kora-check dist/kora-check
	@ls -l dist/kora-check

test-slow: $(VENV)/.ready system ## The lanes that take minutes
	$(BIN)/python -m pytest -m slow

OF_THE_FAMILY = tests/integration tests/contracts tests/e2e tests/mutation tests/faults \
	-m 'not slow' -k 'mariadb or mysql or clinic_comes or chinook'

test-mysql: $(VENV)/.ready system ## What the tests ask of MariaDB, asked of the MySQL of Debian's unstable suite
	$(BIN)/python -m tests.debian_suite mysql
	SENSEI_TEST_MARIADB=mysql $(BIN)/python -m pytest $(OF_THE_FAMILY)

test-mariadb: $(VENV)/.ready system ## The same, asked of the MariaDB of Debian's unstable suite
	$(BIN)/python -m tests.debian_suite mariadb
	SENSEI_TEST_MARIADB=mariadb $(BIN)/python -m pytest $(OF_THE_FAMILY)

lint: $(VENV)/.ready ## ruff, mypy strict, import-linter, clippy, rustfmt
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports
	cd kora && cargo fmt --all --check
	cd kora && cargo clippy --quiet --workspace --all-targets -- -D warnings

format: $(VENV)/.ready ## Put spelling right: ruff, rustfmt
	$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	cd kora && cargo fmt --all

bench: $(VENV)/.ready $(DATA_DIFF)/.ready system ## Measure beside the peers; results in benchmarks/results/; BENCH='--only keys' for one
	$(BIN)/python -m benchmarks --data-diff $(DATA_DIFF)/bin $(BENCH)

# data-diff was left with pydantic 1 and an old dbt, which nothing else here can stand beside.
$(DATA_DIFF)/.ready: $(VENV)/.packages
	test -x $(DATA_DIFF)/bin/python || $(PYTHON) -m venv $(DATA_DIFF)
	VIRTUAL_ENV=$(CURDIR)/$(DATA_DIFF) $(BIN)/uv pip install --quiet 'data-diff==0.11.2' 'dbt-core==1.6.*' 'pydantic<2' 'psycopg2-binary>=2.9' 'setuptools<81'
	touch $@

docs: $(VENV)/.ready ## Write docs/cli.md and docs/adversarial.md anew from what they describe
	$(BIN)/python -m tests.generate_cli_docs
	$(BIN)/python -m tests.generate_adversarial_docs

types: $(VENV)/.ready system ## Write docs/types.md anew: the corpus of kinds, migrated between all engines
	$(BIN)/python -m tests.corpus.page

types-mysql: $(VENV)/.ready system ## Write docs/types-mysql.md anew, with the MySQL of Debian's unstable suite
	$(BIN)/python -m tests.debian_suite mysql
	SENSEI_TEST_MARIADB=mysql $(BIN)/python -m tests.corpus.page

lock: $(VENV)/.ready ## Resolve the dependencies anew into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --group dev --group bench pyproject.toml -o requirements.lock

clean: ## Remove what the targets made inside the checkout
	rm -rf $(VENV) $(DATA_DIFF) $(DEMO_OUT) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name '__pycache__' -prune -exec rm -rf {} +
	rm -f kora/_core*.so
