# shellcheck shell=bash
# The tests, in their order: which part a stage belongs to, its name, its command. scripts/test reads this.
#
# A change must pass the parts `fast` and `landing` (./meteo test); every other part runs by its name
# (./meteo test full PART) or with all the others (./meteo test full). A node_stage makes nodes.

stage fast ruff ruff check .
stage fast format ruff format --check .
stage fast mypy-jobs scripts/jobs-python mypy
stage fast mypy mypy
stage fast yamllint yamllint --strict .
stage fast ansible-lint ansible-lint
stage fast shellcheck scripts/shellcheck-all
stage fast meteo pytest tests/meteo
stage fast jobs scripts/jobs-python pytest -m 'not batch and not kafka and not postgres and not spark and not zookeeper and not package_data and not oracle'

stage landing artifacts pytest tests/artifacts
stage landing operations pytest tests/operations
stage landing checks pytest tests/base tests/preflight tests/secrets tests/firewall tests/docs
stage landing roles pytest tests/render tests/hdfs tests/kafka tests/postgres
stage landing airflow pytest tests/dags tests/airflow
node_stage landing molecule-default scripts/molecule default

stage components jobs-stores scripts/jobs-python pytest -m 'kafka or postgres or spark or zookeeper or package_data'
stage components jobs-batch scripts/jobs-python pytest -m batch
stage components jobs-oracles scripts/oracles-python pytest -m oracle tests/test_derived_oracles.py tests/test_alerts.py
node_stage components local-nodes pytest tests/nodes

node_stage debian12 molecule-debian12 scripts/molecule debian12
node_stage batch molecule-batch scripts/molecule batch
node_stage kills molecule-kills scripts/molecule kills
node_stage components molecule-zookeeper scripts/molecule zookeeper
node_stage components molecule-kafka scripts/molecule kafka
node_stage components molecule-hdfs scripts/molecule hdfs
node_stage components molecule-postgres scripts/molecule postgres
node_stage bench bench tests/bench/run --inventory tests/bench/inventory fresh all
