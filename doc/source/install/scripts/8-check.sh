#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whether all of it works: the API's health, and a worker that was heard.
# You are any administrator of a project, by the usual OS_* variables.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

"$CORIOLIS_BIN/python" - "http://$API_HOST:$API_PORT/healthcheck" <<'PYTHON'
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())
PYTHON
for _ in $(seq 60); do
    services=$("$CORIOLIS_BIN/coriolis" service list -f value)
    if grep -q 'coriolis-worker.* UP' <<<"$services"; then
        printf '%s\n' "$services"
        exit 0
    fi
    sleep 1
done
printf 'No worker was heard:\n%s\n' "$services" >&2
exit 1
