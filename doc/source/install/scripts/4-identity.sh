#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The service's user in Keystone, with the role service in the project of
# services, and its place in the catalog. You are the administrator, by the
# usual OS_* variables. May be repeated.
set -euo pipefail
# shellcheck source=doc/source/install/scripts/settings.sh
. "$(dirname "$0")/settings.sh"

PASSWORD=$(password identity) "$CORIOLIS_BIN/python" -W ignore - <<'PYTHON'
import os
import openstack

cloud = openstack.connect().identity
project = cloud.find_project('service') or cloud.create_project(
    name='service', domain_id='default'
)
user = cloud.find_user('coriolis')
if user is None:
    user = cloud.create_user(name='coriolis', domain_id='default')
cloud.update_user(user, password=os.environ['PASSWORD'])
role = cloud.find_role('service') or cloud.create_role(name='service')
cloud.assign_project_role_to_user(project, user, role)
PYTHON

"$CORIOLIS_BIN/coriolis-manage" catalog register \
    --region "$OS_REGION_NAME" --public-url "http://$API_HOST:$API_PORT"
