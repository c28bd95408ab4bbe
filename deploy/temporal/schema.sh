#!/bin/sh
# Brings Temporal's two databases to the schema of this image's version. Runs before every start of
# the server; a database that is up to date stays as it is.
set -eu

: "${POSTGRES_SEEDS:?the host of Postgres}"
: "${SQL_PASSWORD:?the password of the role temporal}"

for pair in temporal:temporal temporal_visibility:visibility; do
    database=${pair%%:*}
    schema=${pair#*:}
    sql_tool() {
        temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_SEEDS" -p "${DB_PORT:-5432}" \
            -u temporal --db "$database" "$@"
    }
    sql_tool setup-schema -v 0.0
    sql_tool update-schema -d "/etc/temporal/schema/postgresql/v12/$schema/versioned"
done
