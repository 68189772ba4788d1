# The only door: people and CI call the same targets.
SHELL := /bin/sh
.NOTPARALLEL:
.DEFAULT_GOAL := help

CPU := $(shell uname -m)
TARGET_DIR := $(abspath $(or $(CARGO_TARGET_DIR),target))
CARGO ?= cargo
# The pinned toolchain, where it is installed under another name.
TOOLCHAIN := $(shell .ci/toolchain)
ifneq ($(TOOLCHAIN),)
export RUSTUP_TOOLCHAIN := $(TOOLCHAIN)
endif
# The version of each tool stands in tests/tools/setup.sh alone.
CARGO_FUZZ = $(or $(lastword $(sort $(wildcard $(STRINGLESS_CACHE)/cargo-fuzz-*/bin/cargo-fuzz))),cargo-fuzz)
CARGO_DENY = $(or $(lastword $(sort $(wildcard $(STRINGLESS_CACHE)/cargo-deny-*/bin/cargo-deny))),cargo-deny)
NODE_TARGETS := x86_64-unknown-linux-musl aarch64-unknown-linux-musl
# Linked by zig, where that is: tests/tools/zig.sh brings it. For aarch64-unknown-freebsd, which may be named
# here, too, the standard library is built from source: rustup component add rust-src.
FREEBSD_TARGETS := x86_64-unknown-freebsd
# The rendering also runs in a browser: the program of the page, and the packed page, which the generator carries.
PAGE_TARGET := wasm32-unknown-unknown
PAGE := $(TARGET_DIR)/web/index.html.gz

export STRINGLESS_CACHE := $(abspath $(or $(STRINGLESS_CACHE),.cache))
# Tests that need slow peers run: plain `cargo test` skips them.
export STRINGLESS_PEERS ?= 1
# The tests' own build: what it compiles, the tests link, too.
export GENERATOR_BIN := $(TARGET_DIR)/debug/stringless
export AGENT_BIN := $(TARGET_DIR)/agents/$(CPU)-unknown-linux-musl/stringless-agent
export AGENT_BIN_AARCH64 := $(TARGET_DIR)/agents/aarch64-unknown-linux-musl/stringless-agent
export AGENT_BIN_FREEBSD := $(TARGET_DIR)/agents/x86_64-unknown-freebsd/stringless-agent
export AGENT_CHECKPOINTS_BIN := $(TARGET_DIR)/checkpoints/stringless-agent
ZIG := $(STRINGLESS_CACHE)/zig/bin
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
# The C compiler and linker of each node target. The one of this machine's CPU needs only `cc`: what musl adds
# comes with the Rust target. The C library's own checks of buffers (Ubuntu's default) are not in musl.
define compiler
ifeq ($(1),$(CPU))
export CC_$(1)_unknown_linux_musl ?= cc
else
export CC_$(1)_unknown_linux_musl ?= $(1)-linux-gnu-gcc
export CARGO_TARGET_$(2)_UNKNOWN_LINUX_MUSL_LINKER ?= $(1)-linux-gnu-gcc
endif
export CFLAGS_$(1)_unknown_linux_musl ?= -U_FORTIFY_SOURCE
endef
$(eval $(call compiler,x86_64,X86_64))
$(eval $(call compiler,aarch64,AARCH64))
# The kernel of FreeBSD knows its programs by a note, which a linker that tidies up throws away.
FREEBSD_LINK := -Clink-arg=-Wl,--no-gc-sections
export CARGO_TARGET_X86_64_UNKNOWN_FREEBSD_RUSTFLAGS ?= $(FREEBSD_LINK)
export CARGO_TARGET_AARCH64_UNKNOWN_FREEBSD_RUSTFLAGS ?= $(FREEBSD_LINK)

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r target text; do \
		printf '  %-11s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: export GENERATOR_BIN = $(TARGET_DIR)/demo/stringless
demo: export AGENT_BIN = $(TARGET_DIR)/demo/stringless-agent
demo: ## one site, one node, one change: the whole way on this machine
	@tests/demo/need.sh
	@$(MAKE) --no-print-directory targets NODE_TARGETS=$(CPU)-unknown-linux-musl FREEBSD_TARGETS= PAGE_TARGET=
	@tests/demo/build.sh $(TARGET_DIR)
	@tests/demo/demo.sh

.PHONY: test
test: export CI = 1
test: export STRINGLESS_PAGE = $(PAGE)
test: setup targets ## everything: set-up, lint, builds, tests, twenty seconds of each fuzz target
	.ci/tests

# Debug builds, and no peers: what a change breaks at once.
.PHONY: quick
quick: export STRINGLESS_PEERS =
quick: export AGENT_BIN = $(TARGET_DIR)/quick/$(CPU)-unknown-linux-musl/stringless-agent
quick: ## format, clippy, the tests that need no peers: no root, no download, two minutes
	$(CARGO) fmt --all --check
	.ci/lines
	.ci/rooms
	$(CARGO) clippy --offline --workspace --all-targets --locked -- -D warnings
	$(CARGO) build --offline --locked --package stringless
	$(CARGO) build --offline --locked --package stringless-agent --target $(CPU)-unknown-linux-musl
	install -D -m 0755 $(TARGET_DIR)/$(CPU)-unknown-linux-musl/debug/stringless-agent $(AGENT_BIN)
	$(CARGO) test --offline --workspace --locked --quiet

.PHONY: check
check: ## what CI runs: test, then a clean tree
	.ci/run

.PHONY: build
build: export STRINGLESS_PAGE = $(PAGE)
build: web ## the generator: target/release/stringless
	$(CARGO) build --locked --release --package stringless

# The generator that the tests run.
.PHONY: generator
generator: export STRINGLESS_PAGE = $(PAGE)
generator: web
	$(CARGO) build --locked --package stringless

.PHONY: web
web: ## the page that makes user-data in a browser: target/web/index.html
	@$(MAKE) --no-print-directory targets NODE_TARGETS= FREEBSD_TARGETS=
	$(CARGO) build --locked --profile page --package stringless-page --lib --target $(PAGE_TARGET)
	$(CARGO) run --locked --quiet --package stringless-page --bin assemble-page -- \
		web/src/page $(TARGET_DIR)/$(PAGE_TARGET)/page/stringless_page.wasm $(TARGET_DIR)/web

# What rust-toolchain.toml lists, where somebody has switched rustup's own installing off; nothing where it is there.
.PHONY: targets
targets:
	@sysroot=$$(rustc --print sysroot); for target in $(NODE_TARGETS) $(filter x86_64-%,$(FREEBSD_TARGETS)) $(PAGE_TARGET); do \
		[ -d "$$sysroot/lib/rustlib/$$target/lib" ] || rustup --quiet target add "$$target" || { \
			printf 'error: adding the Rust target %s\n\nhint: install Rust as https://rustup.rs says\n' "$$target" >&2; exit 1; }; \
	done

.PHONY: agents
agents: targets ## the agent, one file per node target: target/agents/*/stringless-agent
	@targets=$$(.ci/node-targets $(NODE_TARGETS)) && set -- && \
		for target in $$targets; do set -- "$$@" --target "$$target"; done && \
		$(CARGO) build --locked --profile agent --package stringless-agent "$$@"
	@[ ! -x $(ZIG)/cargo-zigbuild ] || for target in $(FREEBSD_TARGETS); do \
		case $$target in x86_64-*) std= ;; *) std=-Zbuild-std=std,panic_abort; export RUSTC_BOOTSTRAP=1 ;; esac; \
		PATH=$(ZIG):$$PATH cargo-zigbuild zigbuild --locked --profile agent --package stringless-agent --target $$target $$std || exit 1; \
	done
	@for target in $(NODE_TARGETS) $(FREEBSD_TARGETS); do \
		built=$(TARGET_DIR)/$$target/agent/stringless-agent; \
		[ ! -e $$built ] || install -D -m 0755 $$built $(TARGET_DIR)/agents/$$target/stringless-agent || exit 1; \
	done

.PHONY: check-agents
check-agents: agents
	.ci/agent $(TARGET_DIR) $(NODE_TARGETS) $(FREEBSD_TARGETS)

# Where all compilers are: a release is never made of less.
.PHONY: dist
dist: export CI = 1
dist: targets ## what a release holds: target/dist; signed with the key in STRINGLESS_RELEASE_KEY_FILE
	@tests/tools/nfpm.sh
	@tests/tools/cargo-tool.sh cargo-cyclonedx 0.5.9
	@targets=$$(.ci/node-targets $(NODE_TARGETS)) && dist/all.sh $(TARGET_DIR)/release-files $(TARGET_DIR)/dist \
		$$targets $(if $(wildcard $(ZIG)/cargo-zigbuild),$(FREEBSD_TARGETS))

.PHONY: dist-check
dist-check: ## make dist in two checkouts, by two users, and compare what comes out; half an hour
	dist/agree.sh

.PHONY: checkpoints
checkpoints: ## the agent that a test can kill at a named point
	$(CARGO) build --locked --package stringless-agent --features checkpoints
	install -D -m 0755 $(TARGET_DIR)/debug/stringless-agent $(AGENT_CHECKPOINTS_BIN)

.PHONY: levels
levels: export STRINGLESS_PAGE = $(PAGE)
levels: setup generator agents checkpoints ## record again how far each pair of distro and cloud was tested
	tests/tools/testing.sh
	record=$$(mktemp -d) && STRINGLESS_RECORD=$$record $(CARGO) test --locked --package e2e \
		--test boot --test datasources --test render --test roots && .ci/levels $$record --write && rm -r $$record

.PHONY: setup
setup: ## bring the compilers and the tests' peers (root; cached)
	tests/tools/setup.sh

# Clippy has a target folder of its own: it waits for no build, and no build waits for it.
.PHONY: lint
lint: targets ## format, clippy, licences and bans, shellcheck, file length
	$(CARGO) fmt --all --check
	$(CARGO) fmt --all --check --manifest-path fuzz/Cargo.toml
	.ci/lines
	.ci/rooms
	.ci/shell
	$(CARGO) clippy --workspace --all-targets --locked --target-dir $(TARGET_DIR)/lint -- -D warnings
	[ ! -x $(ZIG)/cargo-zigbuild ] || for target in $(filter x86_64-%,$(FREEBSD_TARGETS)); do \
		PATH=$(ZIG):$$PATH cargo-zigbuild clippy --package stringless-agent --target $$target --locked --target-dir $(TARGET_DIR)/lint -- -D warnings || exit 1; \
	done
	$(CARGO) clippy --manifest-path fuzz/Cargo.toml --target-dir $(TARGET_DIR)/fuzz --locked -- -D warnings
	$(CARGO) check --package stringless-page --lib --target $(PAGE_TARGET) --locked --target-dir $(TARGET_DIR)/lint
	$(CARGO) fetch --locked --quiet
	$(CARGO_DENY) --log-level error check bans licenses sources
	$(CARGO_DENY) --log-level error --manifest-path fuzz/Cargo.toml --config deny.toml check bans licenses sources
	$(CARGO_DENY) --log-level error --manifest-path agent/Cargo.toml --config .ci/deny-agent.toml check bans

.PHONY: e2e
e2e: export STRINGLESS_PAGE = $(PAGE)
e2e: setup generator agents checkpoints ## the end-to-end tests alone; one of them: make e2e T=node
	$(CARGO) test --locked --package e2e $(if $(T),--test $(T)) -- --nocapture

# The sanitizer and the coverage that fuzzers go by are there in the stable compiler, if it is asked so.
.PHONY: fuzz-targets
fuzz-targets: export RUSTC_BOOTSTRAP = 1
fuzz-targets:
	$(CARGO_FUZZ) fuzz build --release --target-dir $(TARGET_DIR)/fuzz

.PHONY: fuzz
fuzz: fuzz-targets ## every fuzz target for an hour; shorter: make fuzz FUZZ_SECONDS=60
	.ci/fuzz $(TARGET_DIR)/fuzz $(or $(FUZZ_SECONDS),3600)

.PHONY: sanitize
sanitize: export RUSTC_BOOTSTRAP = 1
sanitize: export RUSTFLAGS = -Zsanitizer=address
sanitize: ## the core's tests under AddressSanitizer
	$(CARGO) test --locked --package stringless-core --target $(HOST) --target-dir $(TARGET_DIR)/sanitize

.PHONY: mutants
mutants: setup ## take each protection out of a copy, and see its test fail; one of them: make mutants M=rollback
	tests/mutants/run.sh $(M)

.PHONY: bench
bench: export GENERATOR_BIN = $(TARGET_DIR)/release/stringless
bench: export STRINGLESS_PAGE = $(PAGE)
bench: build agents ## how long it takes to render the whole product, to assemble a control repo, and to converge a new node
	$(CARGO) bench --locked --package e2e --bench product
	$(CARGO) bench --locked --package e2e --bench converge
	$(CARGO) bench --locked --package e2e --bench assembly

.PHONY: golden
golden: ## write the expected renderings again; read the diff before you commit it
	STRINGLESS_BLESS=1 $(CARGO) test --locked --package e2e --test render golden::

.PHONY: fixtures
fixtures: ## write tests/fixtures/formats again, after a format changed; from the first release on, they stay
	STRINGLESS_BLESS=1 $(CARGO) test --locked --package e2e --test release formats::
	STRINGLESS_BLESS=1 $(CARGO) test --locked --package stringless --lib a_mark_reads_and_writes_as_ever

.PHONY: docs
docs: export STRINGLESS_PAGE = $(PAGE)
docs: generator agents ## run the commands of README and docs, follow their links, build the book
	$(CARGO) test --locked --package e2e --test docs

.PHONY: architecture
architecture: ## draw the rooms and their imports from the code into ARCHITECTURE.md
	.ci/rooms --write

.PHONY: book
book: web ## docs/ as a site that can be searched, with the page of `make web`: target/book
	@tests/tools/mdbook.sh
	$(lastword $(sort $(wildcard $(STRINGLESS_CACHE)/mdbook-*/bin/mdbook))) build --dest-dir $(TARGET_DIR)/book
	install -D -m 0644 $(TARGET_DIR)/web/index.html $(TARGET_DIR)/book/page/index.html

.PHONY: clean
clean: ## remove what was built; the cache of peers stays
	$(CARGO) clean
