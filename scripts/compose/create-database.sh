#!/bin/sh
# Runs once, in the postgres container, when its volume is empty: the API's database and its owner, who is no superuser.
# The superuser is left without a password: it gets in from inside the container only.
set -eu
psql --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<'SQL'
\getenv password POSTGRES_PASSWORD
CREATE ROLE crm LOGIN CREATEROLE PASSWORD :'password';
CREATE DATABASE crm OWNER crm;
ALTER ROLE postgres PASSWORD NULL;
SQL
