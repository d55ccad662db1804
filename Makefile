# Torua's commands. `make help` lists them; each works on a fresh clone with Node 20, npm, git and make.
# Variables: TORUA_PORT (8080) and NODES (3) for start, ARGS for test-bdd, SEEDS for simulate.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help start stop start-test run-coordinator run-node build test test-unit test-bdd coverage bench docs simulate fix clean

INSTALLED := node_modules/.package-lock.json

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

$(INSTALLED): package-lock.json
	npm ci --no-audit --no-fund
	@touch $@

start: export TORUA_PORT := $(TORUA_PORT)
start: export NODES := $(NODES)
start: build ## start a coordinator and three nodes, wait until green (TORUA_PORT=, NODES=); Ctrl-C ends it
	@node scripts/start.mjs

stop: ## end what start and start-test started
	@node scripts/stop.mjs

start-test: build ## start a throw-away cluster on ports 18080 to 18083
	@node scripts/start.mjs --test

run-coordinator: build ## run one coordinator with the environment as it is
	node dist/coordinator/main.js

run-node: build ## run one node with the environment as it is (NODE_ID and COORDINATOR_ADDR are required)
	node dist/node/main.js

build: $(INSTALLED) ## compile into dist/
	@node scripts/build.mjs

test: build ## check and run every suite; reports/ has the results
	@node scripts/test.mjs

test-unit: $(INSTALLED) ## run the unit tests
	npx vitest run --project unit --project kuzu

test-bdd: build ## run the features (ARGS= goes to Cucumber; TORUA_URL= uses a running cluster)
	@mkdir -p reports
	NODE_OPTIONS="--import tsx" npx cucumber-js $(ARGS)

coverage: build ## run the suites that fill reports/coverage
	npx vitest run --coverage

bench: build ## measure a real cluster; takes several minutes
	node --import tsx bench/run.ts

docs: $(INSTALLED) ## generate docs/reference and docs/roadmap.md
	node --import tsx scripts/docs.mjs

simulate: $(INSTALLED) ## play more seeds of the simulation (SEEDS=10000)
	SIMULATION_SEEDS="$(SEEDS)" npx vitest run --project simulation

fix: $(INSTALLED) ## format the code and repair what the linter can
	npx biome check --write .

clean: ## remove what was built and measured; ./data stays
	rm -rf dist reports coverage .torua node_modules/.cache/torua
