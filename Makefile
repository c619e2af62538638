# The developer's menu. What a word does stands in tools/; `make help` lists the words.
.DEFAULT_GOAL := help
.PHONY: help build demo test check fuzz soak bench image boot repro deb oci release site fmt tidy coverage map clean

help: ## this list
	@sed -n 's/^\([a-z]*\): ## \(.*\)/  make \1	\2/p' Makefile | expand -t 18

build: ## the programs, the tool at build/bin/claviger; APT=no installs no packages
	@tools/build

demo: ## the whole sign path on this machine: a bot, policies, attacks, receipts
	@tools/demo

test: ## everything that CI runs; T=name only tests whose name or group contains name
	@tools/test-all $(T)

check: ## format, house rules, structure, warnings of gcc and clang: what a commit must pass
	@tools/check

fuzz: ## libFuzzer, S=seconds each (60); T=name only fuzzers whose name contains name
	@tools/fuzz "$(T)" "$(S)"

soak: ## the long runs, resumable; T=name only those whose name contains name
	@tools/soak "$(T)"

bench: ## the figures of spec/performance.md, and one line of JSON at the end; T=load what attacks do to others, T=modules many policies
	@tools/bench $(T)

image: ## the appliance: build/image/claviger.efi, signed; the first time 10 minutes
	@tools/setup image && tools/build && tools/image

deb: ## the Debian package: build/package/claviger_VERSION_amd64.deb
	@tools/build && tools/package deb

oci: ## the container image: build/package/claviger_VERSION_oci.tar
	@tools/setup package && tools/build && tools/package oci

release: ## what is published of a version: image, packages, sources, list of parts, checksums: build/release
	@tools/setup image && tools/setup package && tools/build && tools/image && tools/package deb && tools/package oci && tools/release

site: ## the documentation as a site: build/site/index.html
	@tools/setup package && tools/site

repro: ## builds the image twice from scratch, as different users and in different folders: the same bits
	@tools/repro

boot: ## boots that image in a virtual machine with a TPM: a wallet, a signature, evidence, power off and on
	@tools/setup image && tools/build && tools/image && tests/image/appliance.py boot

fmt: ## clang-format everything in place
	@git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: ## clang-tidy with .clang-tidy; slow
	@tools/build asan && git ls-files 'lib/*.c' 'proc/*.c' 'cli/*.c' | xargs -P 2 -n 8 clang-tidy -p build/asan --quiet

coverage: ## line coverage of the tests, by folder
	@tools/coverage

map: ## which module uses which, which program links what
	@tools/build >/dev/null && tools/map

clean: ## remove build/ (the cache of libraries stays)
	@rm -rf build
