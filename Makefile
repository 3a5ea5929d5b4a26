# One line per target: the logic is in the programs it calls.
.DEFAULT_GOAL := help
PYTHON ?= python3
BOOTSTRAP := $(PYTHON) pushboard/bootstrap.py

.PHONY: help demo test test-browser test-postgres lint format lock battery-quick battery-faults battery-kill battery-honesty interop bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## everything on this machine, no Salesforce: PORT=8000 SPEED=120 ORGS=2000 RESET=1 LOOP=1
	@$(BOOTSTRAP) demo manage.py demo $(if $(PORT),--port $(PORT)) $(if $(SPEED),--speed $(SPEED)) $(if $(ORGS),--orgs $(ORGS)) $(if $(RESET),--reset) $(if $(LOOP),--loop)

.PHONY: simulator
simulator: ## the simulated Salesforce alone: ORGS=2000 SEED=7 SPEED=60 FAULTS=0.05 TLS=1 ROLE=devhub PORT=8081 LMO_PORT=8082
	@$(BOOTSTRAP) demo -m rollouts.simulator --tell --data var/simulator-alone $(if $(ORGS),--orgs $(ORGS)) $(if $(SEED),--seed $(SEED)) $(if $(SPEED),--speed $(SPEED)) $(if $(FAULTS),--fault-rate $(FAULTS)) $(if $(TLS),--tls) $(if $(ROLE),--role $(ROLE)) $(if $(PORT),--port $(PORT)) $(if $(LMO_PORT),--lmo-port $(LMO_PORT)) $(ARGS)

test: ## every check and test that needs no browser; some tests: ARGS="tests/domain -x"
	@$(BOOTSTRAP) dev -m tests.gate $(ARGS)

test-browser: ## the stories in a real Chromium (Debian's package chromium)
	@$(BOOTSTRAP) dev -m tests.browser_gate $(ARGS)

test-postgres: ## the tests on PostgreSQL, as production runs (Debian's, or one from a wheel)
	@$(BOOTSTRAP) dev -m tests.postgres_gate $(ARGS)

lint: ## the checks without the tests
	@$(BOOTSTRAP) dev -m tests.gate lint

format: ## let ruff lay out the code
	@$(BOOTSTRAP) dev -m ruff format .

lock: ## renew requirements/*.txt from pyproject.toml (needs uv)
	@$(BOOTSTRAP) dev -m tests.relock

battery-quick: ## all stories, and a part of each battery that needs no demo; CI runs it
	@$(BOOTSTRAP) dev -m tests.batteries --quick $(ARGS)

battery-faults: ## every kind of call under every fault, in process, over TLS and through the engine
	@$(BOOTSTRAP) dev -m tests.batteries.faults $(ARGS)

.PHONY: battery-model battery-policy battery-mutations
battery-model: ## the dispatch protocol in every order of events, and with its guards removed
	@$(BOOTSTRAP) dev -m tests.batteries.dispatch $(ARGS)

battery-policy: ## how often the default policy halts for nothing, and how soon for something
	@$(BOOTSTRAP) dev -m tests.batteries.policy $(ARGS)

battery-mutations: ## take safety rules away and see that something notices
	@$(BOOTSTRAP) dev -m tests.batteries.mutations $(ARGS)

battery-kill: ## kill every process of the demo at random and count pushes
	@$(BOOTSTRAP) dev -m tests.batteries.kill $(ARGS)

battery-honesty: ## compare every figure on the pages with the simulator
	@$(BOOTSTRAP) dev -m tests.batteries.honesty $(ARGS)

.PHONY: battery battery-schedules battery-storms battery-restores battery-processes
battery: ## every battery in full, writing docs/reliability.md; some: ARGS="--only storms"
	@$(BOOTSTRAP) dev -m tests.batteries $(ARGS)

battery-schedules: ## seeded fault schedules on real PostgreSQL: ARGS="--quantity 400"
	@$(BOOTSTRAP) dev -m tests.batteries.schedules $(ARGS)

battery-storms: ## doubled wake-ups for eight workers at once: ARGS="--quantity 100"
	@$(BOOTSTRAP) dev -m tests.batteries.storms $(ARGS)

battery-restores: ## put older dumps back and match them: ARGS="--quantity 20"
	@$(BOOTSTRAP) dev -m tests.batteries.restores $(ARGS)

battery-processes: ## outages of processes, Redis and PostgreSQL under the demo: ARGS="--kills 40"
	@$(BOOTSTRAP) dev -m tests.batteries.processes $(ARGS)

.PHONY: battery-planning
battery-planning: ## what planning promises, in full quantity: every zone over ten years and more
	@$(BOOTSTRAP) dev -m tests.batteries.planning $(ARGS)

interop: ## Salesforce CLI and CumulusCI against the simulated org (needs npm, git and the network)
	@$(BOOTSTRAP) dev -m tests.interop $(ARGS)

bench: ## what a sync, a dispatch and following cost; one of them: ARGS="sync --runs 1"
	@$(BOOTSTRAP) dev -m tests.bench $(ARGS)
