# Everything a developer runs. `make` alone lists it.
.DEFAULT_GOAL := help
BUN := node_modules/.bin/bun

.PHONY: help setup parts build cross check unit conformance e2e test demo bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the npm packages (Bun among them)
	@scripts/setup.sh

parts: ## install the real servers for tests and demo into .parts/ (Milvus, MinIO, Azurite, Cloud Storage emulator, pymilvus)
	@scripts/parts.sh

build: setup ## build dist/milvus-backup
	@$(BUN) scripts/build.ts

cross: setup ## build for Linux and macOS on x64 and arm64, and for Windows, into dist/<target>/
	@$(BUN) scripts/build.ts --target linux-x64 --target linux-arm64 --target linux-x64-musl --target linux-arm64-musl \
	  --target darwin-x64 --target darwin-arm64 --target windows-x64

check: setup ## types, lint, format and the rules of the architecture
	@$(BUN) scripts/run_tests.ts check unit -- architecture

unit: setup ## unit tests: no network, seconds
	@$(BUN) scripts/run_tests.ts unit

conformance: setup build ## the storage drivers against the driver contract (starts MinIO, Azurite and a Cloud Storage emulator)
	@scripts/parts.sh minio azurite gcs-emulator
	@$(BUN) scripts/run_tests.ts conformance

e2e: setup build parts ## the executable against real Milvus and MinIO
	@$(BUN) scripts/run_tests.ts e2e

test: setup build parts ## everything; installs what it needs; the last line counts
	@$(BUN) scripts/run_tests.ts

demo: setup build ## back up, restore and compare on a real Milvus, in minutes
	@scripts/parts.sh milvus-2.3.5
	@$(BUN) scripts/demo.ts

bench: setup build parts ## figures: throughput, memory, start-up
	@for file in bench/*.ts; do echo "== $$file"; $(BUN) $$file || exit 1; done

clean: ## remove what was built and the demo's data (not .parts/ and node_modules/)
	rm -rf dist .demo coverage
