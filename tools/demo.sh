#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Show the main job, end to end: tools/demo.sh [--json FILE]
# Installs what is missing first; a second run installs nothing.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

tools/install.sh
exec .venv/bin/python -m tools.demo "$@"
