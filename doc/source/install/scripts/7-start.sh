#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Starts all services, now and with the machine.
set -euo pipefail
systemctl daemon-reload
systemctl enable --now coriolis-conductor coriolis-worker coriolis-api
