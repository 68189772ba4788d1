# The only door: people and CI call the same targets.
SHELL := /bin/sh
.NOTPARALLEL:
.DEFAULT_GOAL := help

TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
CARGO ?= cargo
# The version of each tool stands in tests/tools/setup.sh alone.
CARGO_DENY = $(or $(lastword $(sort $(wildcard $(STRINGLESS_CACHE)/cargo-deny-*/bin/cargo-deny))),cargo-deny)
NODE_TARGETS := x86_64-unknown-linux-musl aarch64-unknown-linux-musl

export STRINGLESS_CACHE := $(abspath $(or $(STRINGLESS_CACHE),.cache))
export STRINGLESS_VECTORS := $(abspath $(or $(STRINGLESS_VECTORS),../shared/vectors))
export GENERATOR_BIN := $(TARGET_DIR)/release/stringless
export AGENT_BIN := $(TARGET_DIR)/agents/x86_64-unknown-linux-musl/stringless-agent
export AGENT_BIN_AARCH64 := $(TARGET_DIR)/agents/aarch64-unknown-linux-musl/stringless-agent
export AGENT_CHECKPOINTS_BIN := $(TARGET_DIR)/checkpoints/stringless-agent
# The C compiler and linker of the one target that is foreign to this machine.
export CC_aarch64_unknown_linux_musl ?= aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER ?= aarch64-linux-gnu-gcc

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r target text; do \
		printf '  %-8s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: ## one site, one node, one change: the whole way on this machine
	@tests/demo/need.sh
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory agents NODE_TARGETS=$$(uname -m)-unknown-linux-musl
	@tests/demo/demo.sh

.PHONY: test
test: export CI = 1
test: setup lint build agents checkpoints ## everything: set-up, lint, builds, unit and end-to-end tests
	.ci/agent $(TARGET_DIR) $(NODE_TARGETS)
	$(CARGO) test --workspace --locked --no-fail-fast

.PHONY: check
check: ## what CI runs: test, then a clean tree
	.ci/run

.PHONY: build
build: ## the generator: target/release/stringless
	$(CARGO) build --locked --release --package generator

.PHONY: agents
agents: ## the agent, one static file per node target: target/agents/*/stringless-agent
	$(CARGO) build --locked --profile agent --package agent $(NODE_TARGETS:%=--target %)
	@for target in $(NODE_TARGETS); do \
		install -D -m 0755 $(TARGET_DIR)/$$target/agent/stringless-agent $(TARGET_DIR)/agents/$$target/stringless-agent || exit 1; \
	done

.PHONY: checkpoints
checkpoints: ## the agent that a test can kill at a named point
	$(CARGO) build --locked --package agent --features checkpoints
	install -D -m 0755 $(TARGET_DIR)/debug/stringless-agent $(AGENT_CHECKPOINTS_BIN)

.PHONY: setup
setup: ## bring the compilers and the tests' peers (root; cached)
	tests/tools/setup.sh

.PHONY: lint
lint: ## format, clippy, licences and bans, shellcheck, file length
	$(CARGO) fmt --all --check
	.ci/lines
	.ci/shell
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) fetch --locked --quiet
	$(CARGO_DENY) --log-level error check bans licenses sources
	$(CARGO_DENY) --log-level error --manifest-path agent/Cargo.toml --config .ci/deny-agent.toml check bans

.PHONY: e2e
e2e: setup build agents checkpoints ## the end-to-end tests alone; one of them: make e2e T=s3
	$(CARGO) test --locked --package e2e $(if $(T),--test $(T)) -- --nocapture

.PHONY: golden
golden: ## write the expected renderings anew; read the diff before you commit it
	STRINGLESS_BLESS=1 $(CARGO) test --locked --package e2e --test golden

.PHONY: docs
docs: build agents ## run the commands of README and docs, follow their links
	$(CARGO) test --locked --package e2e --test docs

.PHONY: clean
clean: ## remove what was built; the cache of peers stays
	$(CARGO) clean
