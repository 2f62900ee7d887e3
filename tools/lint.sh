#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Everything that judges the source without running it. All of it is run,
# then the names of what failed are printed; LINT_BIN holds the programs
# (default: .venv/bin, made by tools/install.sh).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

if [ -z "${LINT_BIN:-}" ]; then
    tools/install.sh
    LINT_BIN=$PWD/.venv/bin
fi

# Where a type error would travel far: the words, the rules and the contracts.
STRICT=(
    coriolis_ng/objects coriolis_ng/engine coriolis_ng/scheduler
    coriolis_ng/transport coriolis_ng/providers/base.py coriolis_ng/rpc
)
AGENT=coriolis_ng/transport/agent

failed=()
run() {
    local name=$1
    shift
    echo "== $name"
    "$@" </dev/null || failed+=("$name")
}

existing() {
    local path
    for path in "$@"; do [ ! -e "$path" ] || echo "$path"; done
}

run "ruff check" "$LINT_BIN/ruff" check .
run "ruff format" "$LINT_BIN/ruff" format --check --quiet .
run "lint-imports" "$LINT_BIN/lint-imports"
mapfile -t strict < <(existing "${STRICT[@]}")
[ "${#strict[@]}" = 0 ] || run mypy "$LINT_BIN/mypy" "${strict[@]}"
# The agent runs on whatever Python the worker's image has.
[ ! -d "$AGENT" ] ||
    run vermin "$LINT_BIN/vermin" -q --no-tips --target=3.6- "$AGENT"
# -W: a warning is an error. The reference is made of the routes themselves.
for book in doc api-ref; do
    run "sphinx $book" "$LINT_BIN/sphinx-build" -q -W -j auto \
        -b html "$book/source" "$book/build/html"
done
mapfile -t scripts < <(
    git ls-files -z --cached --others --exclude-standard tools .ci |
        xargs -0 grep -lE '^#!/bin/(ba)?sh' --
)
run shellcheck shellcheck "${scripts[@]}"

if [ "${#failed[@]}" -gt 0 ]; then
    echo "lint FAILED: ${failed[*]}"
    exit 1
fi
echo "lint: all passed"
