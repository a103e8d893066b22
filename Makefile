# Every target first brings what it needs (test/cluster/node.sh, test/cluster/): see `make help`.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help up down status test test-unit test-control-plane test-app test-cluster proof bench-operator bench-app bench-data lint format clean

# Which cluster `make up` uses: local (built from Go modules, needs root on Linux), kind, or current (the kubeconfig in force).
CLUSTER ?= local
# The person's cluster; tests use clusters of their own names.
NAME ?= notejam
NODE := . test/cluster/node.sh && node

help: ## shows this list
	@printf 'Notejam operator. CLUSTER=local|kind|current says where it runs (now: %s).\n\n' '$(CLUSTER)'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' Makefile

up: ## builds what is missing, starts a cluster, installs the operator and a Notejam: ends with its URL
	@$(NODE) test/cluster/main.ts quickstart --name $(NAME) --provider $(CLUSTER)

down: ## stops the cluster of `make up` and leaves nothing of it behind but the cache
	@$(NODE) test/cluster/main.ts down --name $(NAME) --provider $(CLUSTER)

status: ## shows what runs: cluster, operator, instances
	@$(NODE) test/cluster/main.ts status --name $(NAME) --provider $(CLUSTER)

test: ## all tiers, lint first; ends with one line of sums
	@$(NODE) test/run.ts

test-unit: ## unit and property tests
	@$(NODE) test/run.ts unit

test-control-plane: ## against a real API server without nodes
	@$(NODE) test/run.ts control-plane

test-app: ## the app against PostgreSQL, MariaDB, SQLite, SMTP and Chromium
	@$(NODE) test/run.ts app

test-cluster: ## on a real cluster with nodes, pods and an Ingress
	@$(NODE) test/run.ts cluster

proof: ## the long proofs, or one: make proof NAME=...; records go to docs/proof/
	@$(NODE) test/proof/run.ts $(if $(filter command,$(origin NAME)),$(NAME))

bench-operator: ## speed, memory and calls of the operator beside a Go controller and a bare loop
	@$(NODE) test/bench/operator.ts

bench-app: ## speed of the app beside a bare server
	@$(NODE) test/bench/app.ts

bench-data: ## speed and memory of backup and restore beside the raw tools
	@$(NODE) test/bench/data.ts

lint: ## types, lint, format, dead code, layers, charts, docs
	@$(NODE) test/lint/run.ts

format: ## writes the house format
	@$(NODE) node_modules/.bin/oxfmt .

clean: ## removes build output, test results and the cache of built binaries and images
	@$(NODE) test/cluster/main.ts clean
