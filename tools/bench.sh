#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Run one benchmark, its peer beside it: tools/bench.sh NAME [--json FILE]
# Without a name it lists what there is.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

name=${1:-}
name=${name%.py}
name=${name//-/_}
if [ -z "$name" ] || { [ ! -e "tests/bench/$name.py" ] &&
    [ ! -e "tests/bench/$name/__main__.py" ]; }; then
    echo "usage: tools/bench.sh NAME [--json FILE]; NAME is one of:" >&2
    for path in tests/bench/[a-z]*.py tests/bench/*/__main__.py; do
        [ -e "$path" ] || continue
        path=${path%/__main__.py}
        basename "${path//_/-}" .py >&2
    done
    exit 2
fi
shift
tools/install.sh
exec .venv/bin/python -m "tests.bench.$name" "$@"
