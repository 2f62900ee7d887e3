#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run one benchmark, its peer beside it: tools/bench.sh NAME [--json FILE]
# Without a name it lists what there is.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ $# = 0 ] || [ ! -e "tests/bench/${1%.py}.py" ]; then
    echo "usage: tools/bench.sh NAME [--json FILE]; NAME is one of:" >&2
    for path in tests/bench/[a-z]*.py; do
        [ ! -e "$path" ] || basename "$path" .py >&2
    done
    exit 2
fi
name=${1%.py}
shift
tools/install.sh
exec .venv/bin/python -m "tests.bench.$name" "$@"
