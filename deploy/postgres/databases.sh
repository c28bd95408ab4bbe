#!/usr/bin/env bash
# Makes the roles and databases of an empty Postgres: Temporal's two, and Placet's. The image runs
# it once, when its volume is new. Placet's own roles and tables come from `placet db migrate`.
set -euo pipefail

: "${TEMPORAL_DB_PASSWORD:?set it in deploy/.env}"
: "${PLACET_ADMIN_PASSWORD:?set it in deploy/.env}"

# The passwords are read by psql from its environment, so they are on no command line.
psql --no-psqlrc --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv temporal_password TEMPORAL_DB_PASSWORD
\getenv admin_password PLACET_ADMIN_PASSWORD
set password_encryption = 'scram-sha-256';
create role temporal login password :'temporal_password';
create role placet_admin login createrole password :'admin_password';
create database temporal owner temporal;
create database temporal_visibility owner temporal;
create database placet owner placet_admin;
revoke all on database temporal, temporal_visibility, placet from public;
SQL
