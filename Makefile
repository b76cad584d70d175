# Postern's commands. `make demo` is the first one, `make test` the second.

GO      ?= go
BIN     := bin
LDFLAGS := -s -w
# The runner of go build is compiled with the same flags, so that both share what they have of the standard library.
BUILD   := CGO_ENABLED=0 $(GO) run -trimpath ./internal/gobuild -trimpath -ldflags "$(LDFLAGS)"

# The race detector needs a C compiler; without one the tests run all the same, and say so.
RACE := $(shell $(GO) env CGO_ENABLED | grep -q 1 && command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)

.PHONY: demo build test bench lint generate fuzz clean

demo: build
	@$(BIN)/postern demo

build:
	@mkdir -p $(BIN)
	@echo "building $(BIN)/postern, $(BIN)/postern-agent and $(BIN)/postern-s3 (the first time: one to two minutes of two processors, and 1 GB of memory)"
	@$(BUILD) -o $(BIN)/ ./cmd/postern ./cmd/postern-agent ./cmd/postern-s3

test: build
	@test -n "$(RACE)" || echo "no C compiler found: the tests run without the race detector (install gcc to have it)"
	$(GO) vet $(RACE) ./...
	$(GO) run ./internal/testreport $(RACE) -timeout 20m ./...

bench: build
	$(GO) run ./bench

lint:
	$(GO) tool -modfile=tools/go.mod golangci-lint run --allow-parallel-runners ./...

generate:
	$(GO) generate ./...

# Each fuzz target for FUZZTIME.
FUZZTIME ?= 20s
fuzz:
	@for target in $$(grep -rEo --include=*_test.go 'func Fuzz[A-Za-z0-9]+' . | sed 's/func //'); do \
		dir=$${target%/*}; name=$${target##*:}; echo "$$dir $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) $$dir || exit 1; \
	done

clean:
	rm -rf $(BIN)
