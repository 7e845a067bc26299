# make run     build a release and start a broker on localhost:9092, its data in ./data (ARGS: more flags)
# make test    all tests that judge in minutes: Rust's, real clients, Apache Kafka beside it, a browser; installs into .cache. Groups under churn
#              take longer: make groups, make churn
# make lint    format, clippy with and without default features, the style of the house, shell syntax
# make install  binary, settings, systemd unit, below PREFIX (/usr/local), DESTDIR before it; make uninstall
# make deb     a Debian package, in target/debian
# make image   a static binary (rustup target add x86_64-unknown-linux-musl, musl-tools) and a container's image of it, with
#              DOCKER (docker); DOCKER= only makes what is needed, in target/image
# make image-test  makes what is needed for it and runs the image (buildah, root); no part of make test, see tests/platform/image.sh
# make console the console in a real browser, also part of make test (CONSOLE_SHOTS=docs/console: pictures for the documents)
# make bench   measurements, see docs/PERFORMANCE.md (BENCH: only these; BENCH_ARGS: only these sections)
# make churn   groups of every client under churn for CHURN_SECONDS (120) a round; CHURN_SEED repeats, CHURN_ARGS
# make beside  Apache Kafka and Barnabas under the same load, in turns (BESIDE: only these cases)
# make yardstick  instructions by the request, against tests/yardstick/table.txt (ACCEPT="why": into it)
# make sim     the simulation of consumer groups with SIM_SEEDS seeds (2000)
# make fuzz    every fuzz target for FUZZ_SECONDS, or those in FUZZ
# make setup   only install what the tests need (make kafka: only Apache Kafka)
# make check-macos  whether the compiler takes the code for macOS, where nothing has been run (rustup target add aarch64-apple-darwin)
# make docs    make generated documents again
# make deny    licences and sources of all dependencies
# make clean   remove all that can be made again

ACCEPT ?=
CARGO ?= cargo
ARGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BENCH ?= broker groups log net wire
BENCH_ARGS ?=
BESIDE ?=
DOCKER ?= docker
CHURN_SECONDS ?= 120
CHURN_SEED ?=
CHURN_ARGS ?=
FUZZ ?=
SIM_SEEDS ?= 2000
FUZZ_SECONDS ?= 60

TOOLS := $(CURDIR)/.cache/cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
STATIC := $(shell uname -m)-unknown-linux-musl
SCRIPTS := .ci/run $(wildcard tests/*.sh tests/*/*.sh platform/*/*.sh)
UNITS := $(DESTDIR)$(PREFIX)/lib/systemd/system
DOC := $(DESTDIR)$(PREFIX)/share/doc/barnabas

# Each step may need what the one before it made.
.NOTPARALLEL:

.PHONY: run build install uninstall deb image image-test test kafka unit suites around clients groups oracle platform rest console lint bench yardstick beside churn sim fuzz setup check-macos docs deny clean

run: build
	exec $(TARGET)/release/barnabas $(ARGS)

build:
	$(CARGO) build --release --locked

# Root needs no cargo: what was built is installed. The settings that are there already are somebody's.
install:
	test -x $(TARGET)/release/barnabas || $(MAKE) build
	install -D -m 755 $(TARGET)/release/barnabas $(DESTDIR)$(PREFIX)/bin/barnabas
	install -d $(UNITS)
	sed 's,@PREFIX@,$(PREFIX),' platform/systemd/barnabas.service >$(UNITS)/barnabas.service
	install -D -m 644 -t $(DOC) README.md CHANGELOG.md CONTRIBUTING.md LICENSE
	install -D -m 644 -t $(DOC)/docs docs/*.md
	install -D -m 644 -t $(DOC)/docs/console docs/console/*.png
	install -D -m 644 -t $(DOC)/docs/flame docs/flame/*.png
	for part in docker grafana launchd systemd; do install -D -m 644 -t $(DOC)/platform/$$part platform/$$part/* || exit 1; done
	test -e $(DESTDIR)/etc/barnabas/server.properties || \
		install -D -m 644 platform/server.properties $(DESTDIR)/etc/barnabas/server.properties

# Not the settings, not the data.
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/barnabas $(UNITS)/barnabas.service
	rm -rf $(DOC)

deb: export DESTDIR = $(TARGET)/debian/root
deb: build
	rm -rf $(DESTDIR)
	$(MAKE) install PREFIX=/usr
	mv $(DESTDIR)/usr/share/doc/barnabas/LICENSE $(DESTDIR)/usr/share/doc/barnabas/copyright
	platform/debian/build.sh $(DESTDIR) $(TARGET)/debian

image:
	$(CARGO) build --release --locked --target $(STATIC)
	rm -rf $(TARGET)/image
	mkdir -p $(TARGET)/image/data $(TARGET)/image/tmp
	cp platform/docker/Dockerfile platform/docker/image.properties $(TARGET)/$(STATIC)/release/barnabas $(TARGET)/image
	$(if $(DOCKER),$(DOCKER) build --tag barnabas $(TARGET)/image)

image-test:
	tests/platform/image.sh --ready
	$(MAKE) image DOCKER=
	tests/platform/image.sh

# Rust's tests with the two drivers, which take what the suites leave: those are one long row each. Not the polled ring,
# which takes a processor.
RUST_TESTS := "nice $(CARGO) test --locked --workspace" \
	"nice env TEST_IO=uring $(CARGO) test --locked --workspace --test net_* --test broker_*"
POLLED_TESTS := TEST_IO=sqpoll $(CARGO) test --locked --workspace --test 'net_*'
# They start brokers and clients all the time.
SUITES := tests/clients/run.sh tests/oracle/run.sh "$(MAKE) -o build around"

# All of it beside each other, for most of it mostly waits.
test: setup build
	$(CARGO) test --locked --workspace --no-run
	tests/beside.sh $(RUST_TESTS) $(SUITES)
	$(POLLED_TESTS)

setup: kafka
	tests/clients/setup.sh

# Apache Kafka itself, and its message schemas, which Rust's tests read.
kafka:
	tests/oracle/setup.sh

unit: kafka
	$(CARGO) test --locked --workspace --no-run
	tests/beside.sh $(RUST_TESTS)
	$(POLLED_TESTS)

suites: build
	tests/beside.sh $(SUITES)

# What is around the broker.
around: build
	tests/beside.sh tests/console/run.sh tests/rest/run.sh tests/platform/run.sh tests/platform/prometheus.sh

clients: build
	tests/clients/run.sh

# The short churn: every client at once.
groups: build
	tests/churn/run.sh --short

oracle: build
	tests/oracle/run.sh

rest: build
	tests/rest/run.sh

console: build
	tests/console/run.sh

# What is installed, and what systemd and dpkg say of it.
platform: build
	tests/platform/run.sh
	tests/platform/prometheus.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) clippy --lib --bins --no-default-features --locked -- -D warnings
	$(CARGO) test --quiet --locked --test style --test config_docs --test readme
	for script in $(SCRIPTS); do bash -n "$$script" || exit 1; done

bench: build
	set -e; for bench in $(BENCH); do $(CARGO) bench --locked --bench "$$bench" -- $(BENCH_ARGS); done

yardstick: export YARDSTICK_WHY = $(ACCEPT)
yardstick: kafka build
	.cache/oracle-venv/bin/python tests/yardstick/yardstick.py $(if $(ACCEPT),--accept "$$YARDSTICK_WHY")

beside: kafka
	$(CARGO) build --release --locked --workspace
	.cache/oracle-venv/bin/python tests/oracle/beside.py $(BESIDE)

churn: build
	tests/churn/run.sh --seconds $(CHURN_SECONDS) $(if $(CHURN_SEED),--seed $(CHURN_SEED)) $(CHURN_ARGS)

sim: export SIM_SEEDS := $(SIM_SEEDS)
sim:
	$(CARGO) test --release --locked --test groups_sim -- --nocapture

# Stable Rust with the switches of a nightly one: libFuzzer needs them, the product does not.
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz: export PATH := $(TOOLS)/bin:$(PATH)
fuzz: $(TOOLS)/bin/cargo-fuzz
	set -e; for target in $(or $(FUZZ),$$($(CARGO) fuzz list)); do \
		echo "== $$target"; \
		$(CARGO) fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS); \
	done

# zstd's and others' C code would need a compiler for it.
check-macos:
	$(CARGO) check --locked --no-default-features --target aarch64-apple-darwin --lib --bins

docs:
	UPDATE_DOCS=1 $(CARGO) test --quiet --locked --test config_docs --test readme

deny: $(TOOLS)/bin/cargo-deny
	$(TOOLS)/bin/cargo-deny --all-features check licenses bans sources

$(TOOLS)/bin/cargo-fuzz $(TOOLS)/bin/cargo-deny:
	$(CARGO) install --root $(TOOLS) --locked $(notdir $@)

# Not ./data: what a broker has stored cannot be made again.
clean:
	$(CARGO) clean
	rm -rf .cache fuzz/target fuzz/corpus fuzz/artifacts
