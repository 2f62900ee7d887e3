#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether all of it works: the API's health, and a worker that was heard.
# You are any administrator of a project, by the usual OS_* variables.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

healthy() {
    "$CORIOLIS_BIN/python" - "http://$API_HOST:$API_PORT/healthcheck" <<'PYTHON'
import sys, urllib.request
try:
    urllib.request.urlopen(sys.argv[1], timeout=30)
except OSError as error:
    sys.exit(str(error))
PYTHON
}

# Programs have only just been started: for a minute or two that may be why.
said=
for _ in $(seq 60); do
    if said=$(healthy 2>&1) &&
        said=$("$CORIOLIS_BIN/coriolis" service list -f value 2>&1) &&
        grep -q 'coriolis-worker.* UP' <<<"$said"; then
        printf '%s\n' "$said"
        exit 0
    fi
    sleep 1
done
printf 'It does not work yet: %s\n' "$said" >&2
exit 1
