# salespulse: `make` builds build/salespulse, `make help` lists the rest. Everything made goes under build/.
# Each variant (obj, asan, clang, …) is the same tree compiled with other flags under build/VARIANT.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL = $(BUILD)/salespulse

V ?=
Q := $(if $(V),,@)
SILENT := $(findstring s,$(firstword -$(MAKEFLAGS)))
say = $(if $(V)$(SILENT),@:,@printf '  %-7s %s\n' $(1) $(2))

BUILD := build
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 3

WARNINGS := -std=c11 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror
CPPFLAGS += -D_GNU_SOURCE -Iinclude
LIBS := -lrdkafka -lavro -lhiredis -lfyaml -ljansson -lcurl -lmicrohttpd -lxxhash -llz4 -lz \
	-lpthread -lm

# ---- what there is --------------------------------------------------------------------------------

ASSETS := $(wildcard deploy/kpis.yaml deploy/salespulse.yaml schemas/*.avsc processor/edge/*.lua)
MODULES := $(filter-out processor/main.c,$(wildcard processor/*.c processor/base/*.c \
	processor/core/*.c processor/edge/*.c)) $(BUILD)/gen/assets.c
UNIT_TESTS := $(wildcard tests/unit/test_*.c)
UNIT_HELPERS := $(filter-out $(UNIT_TESTS),$(wildcard tests/unit/*.c))
SCENARIO_SOURCES := $(wildcard tests/scenario/*.c)
SIM_SOURCES := $(wildcard tests/sim/*.c)
SEEDS ?= 2000
FUZZERS := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_HELPERS := $(filter-out $(FUZZERS),$(wildcard tests/fuzz/*.c))
BENCH_HELPERS := tests/bench/funnel.c tests/bench/rig.c
BENCHES := $(filter-out $(BENCH_HELPERS),$(wildcard tests/bench/*.c))
FORMATTED = $(shell find include processor tests -name '*.[ch]')

# ---- variants -------------------------------------------------------------------------------------

VARIANTS := obj asan ubsan tsan clang fuzz cover
SANITIZE := -fno-sanitize-recover=all -fno-omit-frame-pointer
# clang's checked arithmetic on __int128 calls a function that only its own runtime library has.
CLANG_RUNTIME := --rtlib=compiler-rt --unwindlib=libgcc

CC_obj := gcc
CFLAGS_obj := -O2 -g
CC_asan := gcc
CFLAGS_asan := -O1 -g -fsanitize=address,undefined $(SANITIZE)
CC_ubsan := gcc
CFLAGS_ubsan := -O2 -g -fsanitize=undefined $(SANITIZE)
CC_tsan := gcc
CFLAGS_tsan := -O1 -g -fsanitize=thread -fno-omit-frame-pointer
EXTRA_tsan := $(BUILD)/tsan/tests/tsan_threads.o
# librdkafka's rd_kafka_producev macros are statement expressions.
CLANG_FLAGS := -Wno-gnu-statement-expression

CC_clang := clang
CFLAGS_clang := -O1 -g $(CLANG_FLAGS)
LDFLAGS_clang := $(CLANG_RUNTIME)
CC_fuzz := clang
CFLAGS_fuzz := -O1 -g $(CLANG_FLAGS) -fsanitize=fuzzer-no-link,address,undefined $(SANITIZE)
LDFLAGS_fuzz := $(CLANG_RUNTIME)
CC_cover := gcc
CFLAGS_cover := -O0 -g --coverage

DEPS := $(BUILD)/.deps

define VARIANT_RULES
$(BUILD)/$(1)/%.o: %.c Makefile | $(DEPS)
	$$(call say,CC,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $(WARNINGS) $$(CFLAGS_$(1)) $$(CPPFLAGS) $$(CFLAGS) -MMD -MP -c $$< -o $$@

$(BUILD)/$(1)/lib.a: $(MODULES:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/gen/sources.list
	$$(call say,AR,$$@)
	$$(Q)rm -f $$@
	$$(Q)ar rcs $$@ $$(filter %.o,$$^)

$(BUILD)/$(1)/salespulse: $(BUILD)/$(1)/processor/main.o $(BUILD)/$(1)/lib.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) $$^ $$(LDFLAGS_$(1)) $(LIBS) -o $$@

$(BUILD)/$(1)/unit/%: $(BUILD)/$(1)/tests/unit/%.o $(UNIT_HELPERS:%.c=$(BUILD)/$(1)/%.o) \
		$(EXTRA_$(1)) $(BUILD)/$(1)/lib.a
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) $$^ $$(LDFLAGS_$(1)) $(LIBS) -lcmocka -o $$@

$(BUILD)/$(1)/scenario: $(SCENARIO_SOURCES:%.c=$(BUILD)/$(1)/%.o) $(UNIT_HELPERS:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/lib.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) $$^ $$(LDFLAGS_$(1)) $(LIBS) -lcmocka -o $$@

$(BUILD)/$(1)/sim: $(SIM_SOURCES:%.c=$(BUILD)/$(1)/%.o) $(UNIT_HELPERS:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/lib.a
	$$(call say,LINK,$$@)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) $$^ $$(LDFLAGS_$(1)) $(LIBS) -lcmocka -o $$@

$(BUILD)/$(1)/bench/%: $(BUILD)/$(1)/tests/bench/%.o $(BENCH_HELPERS:%.c=$(BUILD)/$(1)/%.o) $(BUILD)/$(1)/lib.a
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$(CC_$(1)) $$(CFLAGS_$(1)) $$^ $$(LDFLAGS_$(1)) $(LIBS) -o $$@
endef
$(foreach variant,$(VARIANTS),$(eval $(call VARIANT_RULES,$(variant))))

units = $(UNIT_TESTS:tests/unit/%.c=$(BUILD)/$(1)/unit/%)
FUZZ_PROGRAMS := $(FUZZERS:tests/fuzz/%.c=$(BUILD)/fuzz/bin/%)

$(BUILD)/fuzz/bin/%: $(BUILD)/fuzz/tests/fuzz/%.o $(FUZZ_HELPERS:%.c=$(BUILD)/fuzz/%.o) \
		$(BUILD)/fuzz/lib.a
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_fuzz) $(CFLAGS_fuzz) -fsanitize=fuzzer $^ $(LDFLAGS_fuzz) $(LIBS) -o $@

# Objects stay: make would remove them as intermediates of the pattern rules.
.SECONDARY:

# ---- generated ------------------------------------------------------------------------------------

# Lists of names, touched only when a file came or went, so that archives and assets follow a removal.
$(BUILD)/gen/%.list: force
	@mkdir -p $(@D)
	@printf '%s\n' $(LIST_$*) | cmp -s - $@ || printf '%s\n' $(LIST_$*) >$@
LIST_sources = $(MODULES)
LIST_assets = $(ASSETS)

$(BUILD)/gen/assets.c: $(ASSETS) $(BUILD)/gen/assets.list deploy/embed.sh
	$(call say,EMBED,$@)
	$(Q)deploy/embed.sh $(ASSETS) >$@

$(DEPS): deploy/packages.txt deploy/install_packages.sh
	$(Q)mkdir -p $(@D)
	$(Q)deploy/install_packages.sh deploy/packages.txt
	$(Q)touch $@

KAFKA_LIBS := $(BUILD)/kafka/.ready
$(KAFKA_LIBS): deploy/pom.xml | $(DEPS)
	$(call say,MAVEN,$(BUILD)/kafka/libs)
	$(Q)rm -rf $(BUILD)/kafka/libs
	$(Q)mvn -q -B -f deploy/pom.xml dependency:copy-dependencies \
		-DoutputDirectory=$(CURDIR)/$(BUILD)/kafka/libs
	$(Q)touch $@

# Python with what the oracle and the system tests import; nothing of it is in the program.
PYTHON := $(BUILD)/venv/.ready
$(PYTHON): tests/oracle/requirements.txt | $(DEPS)
	$(call say,VENV,$(BUILD)/venv)
	$(Q)python3 -m venv $(BUILD)/venv
	$(Q)$(BUILD)/venv/bin/pip install -q --disable-pip-version-check -r $<
	$(Q)touch $@

$(BUILD)/salespulse: $(BUILD)/obj/salespulse
	$(call say,COPY,$@)
	$(Q)cp -f $< $@.new
	$(Q)mv -f $@.new $@

# ---- targets --------------------------------------------------------------------------------------

.PHONY: all demo test unit one scenario sim system storms zombie years million golden docs symbols check-asan check-ubsan check-tsan check-clang \
	mutants check-valgrind analyze \
	fuzz bench tidy format cover install deps kafka clean help force
force:

all: $(BUILD)/salespulse ## the program, build/salespulse (also plain `make`)

demo: $(BUILD)/salespulse $(if $(filter apache,$(KAFKA)),$(KAFKA_LIBS)) ## the whole thing on screen; KAFKA=apache uses a real broker
	$(Q)$(BUILD)/salespulse demo $(if $(KAFKA),--kafka=$(KAFKA))

test: $(DEPS) ## every test, as CI runs it; the last line sums up
	$(Q)tests/run_all.sh

unit: $(call units,asan) ## unit tests with ASan and UBSan
	$(Q)tests/unit.sh unit $^

one: $(DEPS) ## T=index: that unit test; else build/one/salespulse; from whatever compiles
	-$(Q)$(MAKE) -k $(BUILD)/asan/lib.a $(BUILD)/asan/processor/main.o >$(BUILD)/one.log 2>&1 || \
		grep -E 'error|Error' $(BUILD)/one.log
	$(Q)tests/one.sh $(BUILD) "$(T)" '$(CC_asan) $(CFLAGS_asan)' '$(LIBS)' $(MODULES:%.c=$(BUILD)/asan/%.o)

scenario: $(if $(SCENARIO_SOURCES),$(BUILD)/asan/scenario) ## scenario files, with ASan and UBSan
	$(Q)tests/scenario/run.sh $(BUILD)/asan/scenario

sim: $(BUILD)/asan/sim ## random faults against the whole pipeline in memory; SEEDS=n
	$(Q)$< tests/sim/seeds $(SEEDS)

golden: $(BUILD)/asan/unit/test_golden ## bytes on the wire, compared with tests/golden
	$(Q)tests/golden/run.sh $<

system: $(BUILD)/salespulse $(KAFKA_LIBS) $(PYTHON) $(BENCHES:tests/bench/%.c=$(BUILD)/obj/bench/%) ## real Kafka, real Redis; T=replay for one
	$(Q)tests/system.sh $(if $(T),tests/system/test_$(T).sh)

zombie: $(BUILD)/salespulse $(KAFKA_LIBS) $(PYTHON) ## an instance that is stopped past its session and goes on, on the real broker (long)
	$(Q)tests/system.sh tests/system/long_zombie.sh

million: $(BUILD)/salespulse $(KAFKA_LIBS) $(PYTHON) ## a million events through the real broker, left alone and with three kill -9, against the oracle
	$(Q)MILLION=full tests/system.sh tests/system/test_million.sh

storms: $(BUILD)/salespulse $(KAFKA_LIBS) $(PYTHON) ## a million events, ten kill -9, a minute without Redis and one without the broker
	$(Q)STORMS=full tests/system.sh tests/system/test_storms.sh

years: $(BUILD)/salespulse $(KAFKA_LIBS) $(PYTHON) ## thirteen months of events through two instances that take over from each other
	$(Q)HISTORY=long tests/system.sh tests/system/test_hand_over.sh

check-asan: unit scenario ## unit tests and scenarios with ASan and UBSan

check-ubsan: $(call units,ubsan) ## unit tests with UBSan, optimized
	$(Q)tests/unit.sh check-ubsan $^

check-tsan: $(call units,tsan) ## unit tests with ThreadSanitizer (long)
	$(Q)UNIT_SECONDS_MAX=900 tests/unit.sh check-tsan $^

CLANG_OBJECTS := $(patsubst %.c,$(BUILD)/clang/%.o,$(UNIT_TESTS) $(UNIT_HELPERS) $(SCENARIO_SOURCES) $(BENCHES) $(BENCH_HELPERS))
check-clang: $(BUILD)/clang/salespulse $(CLANG_OBJECTS) ## everything through clang, warnings are errors
	@echo 'check-clang: $(words $(MODULES) $(CLANG_OBJECTS)) passed, 0 failed'

mutants: | $(DEPS) ## planted faults that tests must notice; M=name for one (long)
	$(Q)tests/mutants/run.py $(M)

# Left out: what takes more than half a minute there, by its many random cases (source_kafka: by a broker's time-outs).
VALGRIND_LONG := avro_file calendar codec_differential expr ledger shard_evict source_kafka store_model store_save zone
VALGRIND_UNITS ?= $(filter-out $(addprefix %/test_,$(VALGRIND_LONG)),$(call units,obj))
check-valgrind: $(VALGRIND_UNITS) $(BUILD)/obj/sim $(BUILD)/salespulse $(KAFKA_LIBS) ## unit tests, seeds, and the real program under valgrind (long)
	$(Q)SEEDS=$(or $(VALGRIND_SEEDS),20) tests/valgrind.sh $(BUILD)/obj/sim $(VALGRIND_UNITS)
	$(Q)tests/system.sh tests/system/long_valgrind.sh

# The core, the edge and the rest through clang's analyzer; a finding is a failure.
analyze: $(patsubst %.c,$(BUILD)/analyze/%.txt,$(filter-out $(BUILD)/%,$(MODULES)) processor/main.c) ## clang's analyzer over the program (long)
	$(Q)cat $^ | grep -E 'warning:' || true
	$(Q)cat $^ | awk '/warning:/ { n++ } END { printf "analyze: %d passed, %d failed\n", $(words $^), n; exit n > 0 }'

$(BUILD)/analyze/%.txt: %.c $(wildcard include/*/*.h) | $(DEPS)
	$(call say,ANALYZE,$<)
	$(Q)mkdir -p $(@D)
	$(Q)clang --analyze --analyzer-output text $(filter-out -Werror,$(WARNINGS)) $(CLANG_FLAGS) $(CPPFLAGS) -Xclang -analyzer-config \
		-Xclang aggressive-binary-operation-simplification=true $< -o /dev/null >$@ 2>&1

fuzz: $(FUZZ_PROGRAMS) ## every fuzz harness, FUZZ_SECONDS=3 each
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz.sh $^

bench: $(BUILD)/salespulse $(KAFKA_LIBS) $(BENCHES:tests/bench/%.c=$(BUILD)/obj/bench/%) ## raw consumption against `run`, on a real broker
	$(Q)tests/bench/run.sh

docs: $(BUILD)/kpis.html ## the catalogue of KPIs as a page; what README and deploy/KPIS.md say, against the program
	$(Q)python3 tests/docs.py

$(BUILD)/kpis.html: $(BUILD)/salespulse
	$(call say,PAGE,$@)
	$(Q)$(BUILD)/salespulse catalogue --format html >$@

symbols: $(BUILD)/salespulse ## no name of ours is a library's too
	$(Q)tests/symbols.sh $(BUILD)/obj/salespulse $(BUILD)/obj/lib.a

tidy: | $(DEPS) ## rules of the house that no compiler knows
	$(Q)tests/tidy.sh

format: | $(DEPS) ## clang-format in place; FILES=… for some
	$(Q)clang-format -i $(or $(FILES),$(FORMATTED))

cover: $(call units,cover) ## lines that the unit tests reach, per file
	$(Q)tests/cover.sh $(BUILD)/cover $^

install: $(BUILD)/salespulse ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 $(BUILD)/salespulse $(DESTDIR)$(PREFIX)/bin/salespulse
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/salespulse $(wildcard deploy/*.yaml)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/salespulse/schemas $(wildcard schemas/*.avsc)
	$(if $(wildcard deploy/salespulse.service),install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/system deploy/salespulse.service)

deps: ## Debian packages that are missing (deploy/packages.txt)
	$(Q)rm -f $(DEPS)
	$(Q)$(MAKE) -s $(DEPS)

kafka: $(KAFKA_LIBS) ## Apache Kafka into build/kafka/libs

clean: ## remove build/
	rm -rf $(BUILD)

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile
	@echo '  V=1 shows commands.'

-include $(foreach variant,$(VARIANTS),$(patsubst %.c,$(BUILD)/$(variant)/%.d,$(MODULES) processor/main.c \
	$(UNIT_TESTS) $(UNIT_HELPERS) $(SCENARIO_SOURCES) $(SIM_SOURCES) $(FUZZERS) $(FUZZ_HELPERS) $(BENCHES) $(BENCH_HELPERS)))
