#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The configuration of all services of this machine. Writes it anew.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

# Tokens are checked once in five minutes, not with each request.
cache=
if "$CORIOLIS_BIN/python" -c 'import memcache' 2>/dev/null; then
    cache="memcached_servers = $MEMCACHED_HOST"
fi

umask 027
cat >"$CORIOLIS_ETC/coriolis.conf" <<CONF
[DEFAULT]
transport_url = rabbit://coriolis:$(password broker)@$RABBITMQ_HOST/coriolis
log_dir = $CORIOLIS_LOGS

[oslo_messaging_rabbit]
rabbit_quorum_queue = true

[database]
connection = mysql+pymysql://coriolis:$(password database)@$MARIADB_HOST/coriolis?charset=utf8mb4

[secrets]
backend = barbican
key_file = $CORIOLIS_ETC/secrets.key

[keystone_authtoken]
auth_type = password
auth_url = $OS_AUTH_URL
www_authenticate_uri = $OS_AUTH_URL
username = coriolis
password = $(password identity)
project_name = service
user_domain_id = default
project_domain_id = default
$cache

[api]
bind_host = $API_HOST
bind_port = $API_PORT

[audit]
file = $CORIOLIS_LOGS/audit.log

[worker]
providers = $WORKER_PROVIDERS
CONF
chgrp "$CORIOLIS_GROUP" "$CORIOLIS_ETC/coriolis.conf"
