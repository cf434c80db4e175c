# make demo, make test: each sets up what it needs (Python 3.11 or newer, Rust, Node 20 or newer) in this folder.
PYTHON ?= python3
DATA ?= examples/demo_sequences.csv

PY := .venv/bin/python
RUST := rust-loader/target/release/plmhead
JS := js-loader/node_modules/.installed
TESTEES := --testee "$(PY) -m plmhead testee" --testee "$(RUST) testee" --testee "node js-loader/src/cli.js testee"

.PHONY: setup rust demo demo-selfcheck test lint conformance go-testee conformance-check conformance-selftest conformance-proof \
	conformance-deletions conformance-mutants clean sign-test exploits differential fuzz-build fuzz fuzz-quick

setup: .venv/.installed rust $(JS)

.venv/.installed: requirements.lock pyproject.toml
	@echo "setting up, once: Python packages into .venv (0.5 GB), the Rust and JavaScript loaders"
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

# What tests, signing, the hub and so on need beside: .venv/.torch for requirements-torch.lock. The demo needs none of them.
.venv/.%: requirements-%.lock .venv/.installed
	.venv/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# cargo knows best what is out of date
rust:
	cargo build --quiet --release --locked --manifest-path rust-loader/Cargo.toml

$(JS): js-loader/package-lock.json
	cd js-loader && npm ci --no-audit --no-fund --loglevel=error
	touch $@

docs/typedoc/node_modules/.installed: docs/typedoc/package-lock.json
	cd docs/typedoc && npm ci --no-audit --no-fund --loglevel=error
	touch $@

demo: setup
	$(PY) tools/demo.py --data "$(DATA)"

demo-selfcheck: setup
	test -f demo-out/scores.rust.jsonl || $(MAKE) --no-print-directory demo
	$(PY) tools/demo.py --selfcheck

test: setup soak-driver accelerator .venv/.torch .venv/.openvino .venv/.sign .venv/.hub .venv/.interop .venv/.parquet .venv/.dist .venv/.docs js-loader/playground/node_modules/.installed lint
	$(PY) -m tools.run_tests

# The fuzz targets are looked at without being linked, so that libFuzzer needs no C++ compiler here.
FUZZ := .cache/fuzz

lint: setup
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	cargo fmt --check --manifest-path rust-loader/Cargo.toml
	cargo clippy --quiet --release --locked --all-targets --manifest-path rust-loader/Cargo.toml -- -D warnings
	cargo clippy --quiet --release --locked --all-targets --features capi-test --manifest-path rust-loader/Cargo.toml -- -D warnings
	cargo clippy --quiet --release --locked --all-targets --features serve --target-dir rust-loader/target/encode \
		--manifest-path rust-loader/Cargo.toml -- -D warnings
	cargo fmt --check --manifest-path hostile/fuzz/rust/Cargo.toml
	cargo fmt --check --manifest-path accelerator/Cargo.toml
	cargo clippy --quiet --release --locked --manifest-path accelerator/Cargo.toml -- -D warnings
	CUSTOM_LIBFUZZER_PATH=/not/linked/libFuzzer.a cargo clippy --quiet --locked --all-targets \
		--manifest-path hostile/fuzz/rust/Cargo.toml --target-dir $(FUZZ)/lint -- -D warnings
	cd js-loader && npm run --silent check

# The gold of earlier writers, then the suite. The fourth testee is of the suite alone: without Go the three loaders run.
# A file of 144 MiB takes its time on a busy machine.
GO := $(shell command -v go 2>/dev/null)
GO_TESTEE := conformance/testees/go/testee

conformance: setup $(if $(GO),go-testee)
	$(if $(GO),,@echo "conformance: go is not installed: its testee is left out, 3 loaders instead of 4")
	$(PY) -m conformance.run --suite conformance/gold --timeout 60 $(TESTEES) $(if $(GO),--testee $(GO_TESTEE))
	$(PY) -m conformance.run --timeout 60 $(TESTEES) $(if $(GO),--testee $(GO_TESTEE))

go-testee:
	cd conformance/testees/go && go build -o testee .

conformance-check: setup
	$(PY) -m conformance.generate --check

conformance-selftest: setup
	$(PY) -m conformance.selftest

# Push, pull at a revision, score, with the hub's real client against a hub on the loopback
.PHONY: hub-test
hub-test: setup .venv/.hub .venv/.sign
	$(PY) -m pytest -q tests/test_hub.py tests/test_hub_commands.py

# The card of a head trained on the real sequences where they are at hand, in Chromium: two widths, light and dark, and printed
.PHONY: card-test
card-test: setup
	$(PY) -m pytest -q tests/test_card.py tests/test_card_page.py
	@echo "card-test: pictures in .cache/card-test"

# Every accepted case as an ONNX graph, scored by onnxruntime: inside the proved intervals
.PHONY: onnx-conformance
onnx-conformance: setup .venv/.interop
	$(PY) -m conformance.run --profile fast --testee "$(PY) -m conformance.testees.exported"

# Minutes, not seconds: apart from make test.
conformance-proof: setup
	$(PY) -m conformance.proof --stop-after 3

conformance-deletions: setup
	$(PY) -m conformance.proof.deletions

# The tools that make the mutants, pinned; cargo-mutants only where this very version is not installed already.
MUTANTS := .cache/conformance-mutants

$(MUTANTS)/.installed: conformance/mutants/requirements.txt conformance/mutants/package-lock.json
	$(PYTHON) -m venv $(MUTANTS)/cosmic-ray
	$(MUTANTS)/cosmic-ray/bin/pip install --quiet --disable-pip-version-check --no-deps -r conformance/mutants/requirements.txt
	cd conformance/mutants && npm ci --no-audit --no-fund --loglevel=error
	test "$$(cargo mutants --version 2>&1)" = "cargo-mutants 27.1.0" || \
		cargo install --quiet cargo-mutants --version 27.1.0 --locked --root $(MUTANTS)/cargo
	touch $@

# Hours, and it goes on where it was stopped.
conformance-mutants: setup $(MUTANTS)/.installed
	$(PY) -m conformance.mutants

# Tampering with signed pairs; every bit of the files
sign-test: setup .venv/.sign
	$(PY) -m hostile.sign_test

# Mutated pairs to every loader, the one in Go too where go is installed. A stopped run goes on: RESUME=FILE keeps its state.
differential: setup $(if $(GO),go-testee)
	$(PY) -m hostile.differential --inputs $(or $(N),20000) --seed $(or $(SEED),1) $(if $(RESUME),--resume $(RESUME))

# Numbers of SECURITY.md, minutes each.
.PHONY: resources tamper soak soak-driver
resources: setup
	$(PY) -m hostile.resources $(TESTEES)

tamper: setup
	$(PY) -m hostile.tamper $(TESTEES)

# A writer killed at every system call, and hindered in every way; Linux, no tool needed
.PHONY: faults
faults: setup
	$(PY) -m hostile.faults

soak: setup soak-driver
	$(PY) -m hostile.soak

soak-driver:
	cargo build --quiet --release --locked --example soak --manifest-path rust-loader/Cargo.toml

# libFuzzer for the three languages. AddressSanitizer on a stable compiler needs RUSTC_BOOTSTRAP.
FUZZ_JS := hostile/fuzz/javascript/node_modules/@jazzer.js/fuzzer/prebuilds/fuzzer-linux-x64.node

$(FUZZ)/.installed: hostile/fuzz/python/requirements.txt hostile/fuzz/javascript/package-lock.json
	$(PYTHON) -m venv $(FUZZ)/atheris
	$(FUZZ)/atheris/bin/pip install --quiet --disable-pip-version-check --no-deps -r hostile/fuzz/python/requirements.txt
	cd hostile/fuzz/javascript && npm ci --no-audit --no-fund --loglevel=error
	$(FUZZ)/atheris/bin/python hostile/fuzz/javascript/older_libc.py $(FUZZ_JS) $(FUZZ)/newer_libc.so
	test "$$(cargo fuzz --version 2>&1)" = "cargo-fuzz 0.13.2" || \
		cargo install --quiet cargo-fuzz --version 0.13.2 --locked --root $(FUZZ)/cargo
	touch $@

fuzz-build: setup $(FUZZ)/.installed
	PATH="$(abspath $(FUZZ)/cargo/bin):$$PATH" RUSTC_BOOTSTRAP=1 \
		cargo fuzz build --fuzz-dir hostile/fuzz/rust --target-dir $(FUZZ)/target

# T seconds for each of three targets in three languages; crashers stay in hostile/fuzz/crashers and are tried first.
fuzz: fuzz-build
	$(PY) -m hostile.fuzz --seconds $(or $(T),600)

fuzz-quick: fuzz-build
	$(PY) -m hostile.fuzz --seconds 20

# The C ABI: built, installed, tested under sanitizers, its examples, the suite in C, in C++ and by ctypes. A minute or two.
.PHONY: capi capi-install
capi: .venv/.installed
	$(PY) tools/capi.py

# make capi-install PREFIX=/usr/local: libraries, headers, pkg-config file, CMake package; Linux, needs cargo alone
capi-install:
	@test -n "$(PREFIX)" || { echo "make capi-install PREFIX=FOLDER"; exit 2; }
	sh rust-loader/capi/install.sh "$(PREFIX)"

# Live exploits against convert; each runs under pickle.load, as a control
exploits: setup
	$(PY) -m hostile.exploits

# The three packages, looked into, installed into empty environments and tried there with README's lines
.PHONY: dist
dist: setup .venv/.dist
	$(PY) -m tools.dist

# From a fresh clone of HEAD to a score in each language, by the commands of README and without any cache: counted and measured
.PHONY: first-score
first-score:
	$(PYTHON) -m tools.first_score

# Every block of the pages runs, then the site is built into build/docs: warnings are errors
.PHONY: docs
docs: setup .venv/.docs .venv/.torch .venv/.hub .venv/.interop .venv/.parquet .venv/.sign docs/typedoc/node_modules/.installed
	$(PY) -m tools.docs

# The tokenizer of each language, every case
.PHONY: tokenizer
tokenizer: setup
	$(PY) -m conformance.tokenizer.run

# 106 spoiled bundles, refused alike in Python, Rust and JavaScript
.PHONY: bundle-conformance
bundle-conformance: setup encode
	$(PY) -m conformance.bundle.run

# Encoders side by side: some ten minutes on a machine with nothing else to do. make bench-encode BENCH="--shapes 8M"
.PHONY: bench-encode precision
bench-encode: setup .venv/.torch .venv/.openvino .venv/.interop
	$(PY) -m bench.encode $(BENCH)

# What float32, bfloat16 and int8 do to decisions: the table of docs/precision.md, on SEQUENCES=FOLDER or on the demo data
precision: setup .venv/.torch .venv/.openvino .venv/.interop
	$(PY) -m bench.precision $(if $(SEQUENCES),--sequences "$(SEQUENCES)")

# The page that scores sequences in a browser, as one folder of plain files: build/playground. Tested in Chromium, pictures kept.
PLAYGROUND := js-loader/playground/node_modules/.installed
.PHONY: playground playground-test
$(PLAYGROUND): js-loader/playground/package-lock.json
	cd js-loader/playground && npm ci --no-audit --no-fund --loglevel=error
	touch $@

playground: $(PLAYGROUND)
	cd js-loader/playground && npm run --silent build

playground-test: $(JS) $(PLAYGROUND)
	cd js-loader/playground && npm run --silent check && npm test
	@echo "playground-test: pictures in .cache/playground"

# 200,000 generated sequences: a run that is killed and started again, shuffled, twice each, out of a cache; bytes, bits and memory
.PHONY: embed-test
embed-test: setup .venv/.parquet
	$(PY) -m tools.embed_test $(N)

# A Ray cluster of two nodes on this machine, one killed while it scores 200,000 sequences: make demo-ray N=20000
.PHONY: demo-ray batch-memory
demo-ray: setup .venv/.ray
	$(PY) -m tools.demo_ray $(N)

# Peak memory of scoring streamed Parquet, 100,000 to 10,000,000 rows: some minutes, 2.6 GB of disk at most
batch-memory: setup .venv/.parquet
	$(PY) -m tools.batch_memory

# The command in Rust with `predict` and `serve`: rust-loader/target/encode/release/plmhead
.PHONY: encode rust-runtimes
encode:
	cargo build --release --locked --features serve --target-dir rust-loader/target/encode --manifest-path rust-loader/Cargo.toml

# The 86 Jain sequences, where they are at hand, in Rust, Node, Chromium and the service, no python on their PATH: two encoders.
# Then a table of speeds, on a quiet machine.
.PHONY: demo-nopython bench-predict
demo-nopython: setup encode .venv/.torch .venv/.interop
	$(PY) -m tools.demo_nopython

bench-predict: setup encode .venv/.torch .venv/.interop
	$(PY) -m tools.bench_predict $(BENCH)

# A load test of `plmhead serve` on the loopback, half a minute
.PHONY: serve-test
serve-test: setup encode
	$(PY) -m tools.serve_test $(SERVE)

# rten, tract and ort against onnxruntime in Python; GRAPHS=FILE.onnx names others than the shipped encoders
rust-runtimes: setup
	$(PY) -m bench.rust_runtimes.run $(GRAPHS)

# The optional package that scores for Python, built and put into a folder of its own: PYTHONPATH=.cache/accelerator turns it on
.PHONY: accelerator accelerator-test
accelerator: .venv/.accelerator
	rm -rf build/accelerator .cache/accelerator
	.venv/bin/maturin build --quiet --release --locked --manifest-path accelerator/Cargo.toml --out build/accelerator
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target .cache/accelerator build/accelerator/*.whl

# On and off: bits and errors, the suite with it on, a million rows
accelerator-test: setup accelerator
	$(PY) -m pytest -q tests/test_accelerator.py
	PYTHONPATH=.cache/accelerator $(PY) -m conformance.run --testee "$(PY) -m plmhead testee"
	PYTHONPATH=.cache/accelerator $(PY) -m tools.accelerator_bits

# Scoring and loading beside their peers; a quiet machine, some ten minutes. make bench BENCH="--rows 20000 --rounds 5"
BENCH_JS := bench/score/javascript

.PHONY: bench bench-peers
bench: setup .venv/.interop accelerator bench-peers
	$(PY) -m bench.score.kernels $(RUST)
	PYTHONPATH=.cache/accelerator $(PY) -m tools.accelerator_bits
	$(PY) -m bench.score $(BENCH)

bench-peers: .cache/bench-score/python/.installed
	cargo build --quiet --release --locked --manifest-path bench/score/rust/Cargo.toml
	test ! -f $(BENCH_JS)/package-lock.json || (cd $(BENCH_JS) && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)

.cache/bench-score/python/.installed: bench/score/requirements.txt .venv/.installed
	rm -rf $(@D)
	.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target $(@D) -r $<
	touch $@

clean:
	rm -rf .venv .venv-oldest .venv-newest rust-loader/target js-loader/node_modules js-loader/playground/node_modules js-loader/types demo-out build dist docs/typedoc/node_modules
