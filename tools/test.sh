#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run the tests: tools/test.sh [GROUP ...] [-- PYTEST ARGUMENTS]
#
# Groups: unit functional conformance golden integration, a folder of
# integration (integration/kvm), ci (the default), all.
# integration/chaos takes CHAOS_SEED and CHAOS_KILLS from the environment.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# Folders of integration that run on every change; the others take longer or
# need a whole cloud.
CI_INTEGRATION=(
    chaos services beds morphing kvm galera openapi identity secrets
)

usage() {
    sed -n '3,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

say() { printf '%s\n' "test: $*" >&2; }

# Most of the time of a test is waiting, for a server or a guest. The tests of
# one file stay together: they share what it took to start. What takes longest
# comes first, so that nothing is waited for alone in the end.
SIDE_BY_SIDE=(
    -n "${CORIOLIS_TEST_JOBS:-2}" --dist loadfile --no-loadscope-reorder
    --durations 20
)

folders=()
chosen=()
add() {  # a group that is part of a larger one may not be there yet
    local name=$1 asked=${2:-}
    if [ -d "tests/$name" ]; then
        folders+=("tests/$name")
    elif [ -n "$asked" ]; then
        say "no such group: $name"
        usage
    else
        say "SKIPPED: there is no tests/$name"
    fi
}

groups=()
while [ $# -gt 0 ]; do
    case $1 in
        --) shift && break ;;
        -*) usage ;;
        *) groups+=("$1") && shift ;;
    esac
done
[ "${#groups[@]}" -gt 0 ] || groups=(ci)

for group in "${groups[@]}"; do
    case $group in
        ci)
            chosen=(-m 'not thorough' "${SIDE_BY_SIDE[@]}")
            for name in "${CI_INTEGRATION[@]/#/integration/}" \
                functional conformance unit golden; do
                add "$name"
            done
            ;;
        all)
            chosen=("${SIDE_BY_SIDE[@]}")
            export CHAOS_KILLS="${CHAOS_KILLS:-200}"
            for name in integration functional conformance unit golden; do
                add "$name"
            done
            ;;
        unit | functional | conformance | golden | integration | \
            integration/*)
            add "${group%/}" asked
            ;;
        *)
            say "no such group: $group"
            usage
            ;;
    esac
done
[ "${#folders[@]}" -gt 0 ] || {
    say "nothing to run"
    exit 1
}

tools/install.sh
exec .venv/bin/python -m pytest "${chosen[@]}" "${folders[@]}" "$@" </dev/null
