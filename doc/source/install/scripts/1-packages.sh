#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Debian's servers, and coriolis_ng from its source in an environment of its
# own. Run it as root in a checkout.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends \
    rabbitmq-server mariadb-server mariadb-client memcached \
    keystone barbican-api barbican-keystone-listener \
    python3-venv python3-libvirt python3-libnbd git

# libvirt's and libnbd's bindings are Debian's, so it sees the system's
# packages.
python3 -m venv --system-site-packages "${CORIOLIS_BIN%/bin}"
"$CORIOLIS_BIN/pip" install -q . python-memcached

adduser --system --group --home /var/lib/coriolis "$CORIOLIS_GROUP"
install -d -m 750 -o coriolis -g "$CORIOLIS_GROUP" \
    "$CORIOLIS_ETC" "$CORIOLIS_LOGS"
for unit in api conductor worker; do
    ln -sf "$CORIOLIS_BIN/coriolis-$unit" /usr/bin/
    install -m 644 "etc/systemd/coriolis-$unit.service" /etc/systemd/system/
done
