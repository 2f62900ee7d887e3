#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An empty database and its user, in MariaDB. May be repeated.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

# By standard input: arguments are seen by everybody on the machine.
# shellcheck disable=SC2086  # the client may come with arguments
$MARIADB <<SQL
CREATE DATABASE IF NOT EXISTS coriolis CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS coriolis@'127.0.0.1';
ALTER USER coriolis@'127.0.0.1' IDENTIFIED BY '$(password database)';
GRANT ALL ON coriolis.* TO coriolis@'127.0.0.1';
SQL
