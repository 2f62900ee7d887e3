#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tables, and whether this release may be started on them.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

config=(--config-file "$CORIOLIS_ETC/coriolis.conf")
"$CORIOLIS_BIN/coriolis-manage" "${config[@]}" db sync
"$CORIOLIS_BIN/coriolis-status" "${config[@]}" upgrade check
