#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A virtual host and its user, in RabbitMQ. May be repeated.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

has() { $RABBITMQCTL -q "$1" --no-table-headers | cut -f1 | grep -qx coriolis; }

has list_vhosts || $RABBITMQCTL -q add_vhost coriolis
# Without a password as argument it is read from the standard input.
if has list_users; then
    password broker | $RABBITMQCTL -q change_password coriolis
else
    password broker | $RABBITMQCTL -q add_user coriolis
fi
$RABBITMQCTL -q set_permissions -p coriolis coriolis '.*' '.*' '.*'
