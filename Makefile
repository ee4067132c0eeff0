# `make run` needs Python 3.13 and nothing else. PORT, AWS_PORT and the other variables are explained in docs/local.md.
PYTHON := .venv/bin/python
READY := .venv/.ready
# What `sam build` installs comes out of uv.lock, with its hashes.
EXPORT := .venv/bin/uv export --quiet --frozen --no-annotate --no-header
# What the seconds in front of the progress lines are counted from.
export LOCAL_STARTED := $(shell date +%s)
# Where this is set, each of the hundreds of processes of a test run would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run deploy token mails reindex template schemas sam-local reset release smoke sign-in test test-all check lock bench

# The local stack: set up on first use, deployed, served until Ctrl-C.
run: $(READY) template.yaml
	@$(PYTHON) -m local run

# Changed code into the running stack.
deploy: $(READY) template.yaml
	@$(PYTHON) -m local deploy

# An ID token alone on standard output. Every shell has a USER of its own, so only one given to make counts.
token:
ifeq ($(if $(USER),$(origin USER)),command line)
	@test -x $(PYTHON) || { echo "The local stack is not running. Start it with make run." >&2; exit 1; }
	@$(PYTHON) -m local token "$$USER"
else
	@echo "Say whose: make -s token USER=agent@acme.example" >&2; exit 1
endif

# The mails that the local stack would have sent, the newest last: invitations, and codes.
mails: $(READY)
	@$(PYTHON) -m local mails

# New search indexes in the running stack, of one tenant or of all, while searches go on (docs/search-indexing.md has it for AWS).
reindex: $(READY)
	@$(PYTHON) -m local reindex $(TENANT)

# template.yaml, and what API Gateway imports, after a change of the fragments (stack/) or of the contract (openapi/).
template:
	@rm -f openapi/gateway.yaml template.yaml && $(MAKE) --no-print-directory template.yaml

template.yaml: $(READY) $(wildcard stack/*) openapi/gateway.yaml
	$(PYTHON) -m stack.compose >$@.new
	mv $@.new $@

openapi/gateway.yaml: $(READY) openapi/compose.py openapi/api.yaml
	$(PYTHON) -m openapi.compose >$@.new
	mv $@.new $@

# The events' JSON Schemas, after a change of the models (docs/events/).
schemas: $(READY)
	PYTHONPATH=layers/ticketing $(PYTHON) -m docs.events.generate

# The API once more, by `sam local start-api` in containers, on the data of the running stack (docs/sam-local.md).
sam-local: $(READY)
	@$(PYTHON) -m local sam-local -- $(SAM_ARGS)

# An empty .local/.
reset: $(READY)
	@$(PYTHON) -m local reset

# What `sam build` made, to an environment on AWS (docs/deploying.md).
release: $(READY)
	@$(PYTHON) -m stack.release "$(ENVIRONMENT)"

# What is looked at after each deployment: a stack on AWS, or the local one with ARGS="--api … --live …" (docs/deploying.md).
smoke: $(READY)
	@$(PYTHON) -m stack.smoke "$(STACK)" $(ARGS)

# An ID token of somebody in a stack on AWS, alone on standard output; passwords are asked for.
sign-in: $(READY)
ifeq ($(if $(USER),$(origin USER)),command line)
	@$(PYTHON) -m stack.sign_in "$(STACK)" "$$USER"
else
	@echo "Say whose: make -s sign-in STACK=ticket-system-prod USER=ada@example.com" >&2; exit 1
endif

# The essence of every suite, in minutes.
test: $(READY)
	@$(PYTHON) -m tests --short

# Every test; .ci/run calls it.
test-all: $(READY)
	@$(PYTHON) -m tests

check: $(READY)
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/mypy --platform darwin local
	$(PYTHON) -m openapi.compose | diff - openapi/gateway.yaml
	$(PYTHON) -m stack.compose | diff - template.yaml
	.venv/bin/cfn-lint template.yaml stack/bootstrap/account.yaml
	$(PYTHON) -m stack.policies.lint
	.venv/bin/openapi-spec-validator openapi/api.yaml
	SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=us-east-1 .venv/bin/sam validate --lint
	.ci/lint/run
	$(EXPORT) --no-default-groups --group timezones --no-emit-project | diff - layers/dependencies/shared.txt
	$(EXPORT) --only-group authorizer | diff - layers/dependencies/tokens.txt
	$(EXPORT) --only-group search | diff - layers/dependencies/search.txt

# After a change of pyproject.toml: uv.lock, and what `sam build` installs, from it.
lock: $(READY)
	.venv/bin/uv lock
	$(EXPORT) --no-default-groups --group timezones --no-emit-project --output-file layers/dependencies/shared.txt >/dev/null
	$(EXPORT) --only-group authorizer --output-file layers/dependencies/tokens.txt >/dev/null
	$(EXPORT) --only-group search --output-file layers/dependencies/search.txt >/dev/null

# Measurements: a table here, and .bench/results.json.
bench: $(READY)
	@$(PYTHON) -m bench

$(READY): uv.lock pyproject.toml local/bootstrap.sh
	@./local/bootstrap.sh
