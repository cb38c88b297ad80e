# Headway. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN      := bin/headway
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
WEB      := dashboards/preview/web
TOOLS    := $(CURDIR)/bin/tools
GO_TEST  := go test -race -shuffle=on -timeout=20m

.PHONY: help
help: ## List the targets
	@awk 'BEGIN{FS=":.*## "} /^[a-z-]+:.*## /{printf "  %-18s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start everything with the sample organisation and print the URLs
	@$(BIN) demo

.PHONY: build
build: web ## Build bin/headway
	@echo "building $(BIN)"
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/headway

.PHONY: web
web: $(WEB)/dist/preview.js ## Bundle the preview's JavaScript

$(WEB)/dist/preview.js: $(WEB)/package-lock.json $(wildcard $(WEB)/src/*)
	@echo "bundling the preview"
	@cd $(WEB) && npm ci --no-fund --no-audit --loglevel=error && npm run --silent build

.PHONY: test
test: test-needs web ## Run every test: unit, contract, whole system, browser
	@npm --prefix $(WEB) test --silent
	$(GO_TEST) $$(go list ./... | grep -v '/headway/test/')
	$(GO_TEST) -p 1 ./test/...

.PHONY: test-needs
test-needs: ## Install what the tests need and this machine lacks (Debian)
	@tools/need.sh chromium gcc

.PHONY: test-kafka
test-kafka: ## Run the Kafka and pipeline tests against a real Apache Kafka
	@tools/need.sh gcc java mvn
	go run ./internal/kafka/kafkatest/cmd/realkafka -- $(GO_TEST) ./internal/kafka/... ./pipeline/...

.PHONY: lint
lint: $(TOOLS)/golangci-lint ## Run the linters
	$(TOOLS)/golangci-lint run ./...

.PHONY: format
format: $(TOOLS)/golangci-lint ## Format the code
	$(TOOLS)/golangci-lint fmt ./...

$(TOOLS)/golangci-lint: tools/go.mod tools/go.sum
	@echo "building the linters (a few minutes the first time)"
	@cd tools && GOBIN=$(TOOLS) go install tool
	@touch $@

.PHONY: generate
generate: ## Regenerate dashboards, reference docs and the configuration schema
	go run ./cmd/headway generate

.PHONY: check-generated
check-generated: generate ## Fail when a committed generated file is out of date
	@git diff --exit-code -- deploy docs || { echo "generated files are out of date: run 'make generate' and commit"; exit 1; }

.PHONY: bench
bench: build ## Measure throughput and freshness, a twentieth of a large organisation's year, and a large repository
	@$(BIN) bench
	@$(BIN) bench year --scale 0.05
	@$(BIN) bench repository

.PHONY: compose-secrets
compose-secrets: ## Make random passwords for deploy/compose.yaml, once
	@test ! -e deploy/.env || { echo "deploy/.env is there already"; exit 0; }; \
	umask 077; for name in HEADWAY_CLICKHOUSE_PASSWORD HEADWAY_CLICKHOUSE_READ_PASSWORD HEADWAY_API_TOKEN \
	  HEADWAY_GITHUB_WEBHOOK_SECRET GRAFANA_ADMIN_PASSWORD; do \
	  echo "$$name=$$(od -An -tx1 -N24 /dev/urandom | tr -d ' \n')"; done > deploy/.env; echo "wrote deploy/.env"

.PHONY: clean
clean: ## Remove what was built; data directories stay
	rm -rf bin $(WEB)/dist/*.js $(WEB)/dist/*.css $(WEB)/node_modules test/artifacts
