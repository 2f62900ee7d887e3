# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What all steps agree on; set any of it before the first one.
: "${CORIOLIS_ETC:=/etc/coriolis}"      # configuration, keys, passwords
: "${CORIOLIS_LOGS:=/var/log/coriolis}"
: "${CORIOLIS_BIN:=/opt/coriolis/bin}"  # where pip has put the programs
: "${CORIOLIS_GROUP:=coriolis}"         # who may read the configuration
: "${API_HOST:=127.0.0.1}" "${API_PORT:=7667}"
: "${MARIADB:=mariadb}"                 # a client that is root there
: "${MARIADB_HOST:=127.0.0.1:3306}"
: "${RABBITMQCTL:=rabbitmqctl}"
: "${RABBITMQ_HOST:=127.0.0.1:5672}"
: "${MEMCACHED_HOST:=127.0.0.1:11211}"
: "${OS_AUTH_URL:=http://127.0.0.1:5000/v3}"
: "${OS_REGION_NAME:=RegionOne}"
: "${WORKER_PROVIDERS:=kvm}"

# A password is made when it is first asked for, and nobody else reads it:
# password NAME
password() {
    local file=$CORIOLIS_ETC/passwords/$1
    if [ ! -s "$file" ]; then
        (
            umask 077
            mkdir -p "$CORIOLIS_ETC/passwords"
            od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
        )
    fi
    cat "$file"
}
