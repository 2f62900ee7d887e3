# SPDX-License-Identifier: Apache-2.0
"""Replicates a machine and deploys a test of it.

    python replicate.py SOURCE DESTINATION MACHINE

SOURCE and DESTINATION are names of endpoints. The service is the one of
CORIOLIS_ENDPOINT, with the token in the file CORIOLIS_TOKEN_FILE.
"""

import os
import sys

from keystoneauth1 import session

from coriolis_ng.client import Client, Failed, LocalToken
from coriolis_ng.client.runs import Run

auth = LocalToken(
    os.environ['CORIOLIS_ENDPOINT'],
    token_file=os.environ['CORIOLIS_TOKEN_FILE'],
)
client = Client(session.Session(auth=auth))

source, destination, machine = sys.argv[1:]
ids = {endpoint.name: endpoint.id for endpoint in client.endpoints.list()}
transfer = client.transfers.create(
    origin_endpoint_id=ids[source],
    destination_endpoint_id=ids[destination],
    instances=[machine],
    skip_os_morphing=True,
)


def show(run: Run) -> None:
    """Called with every look at what runs."""
    for task in run.tasks:
        for item in task.progress:
            print(f'{task.task_type} {item.item}: {item.done}/{item.total}')


try:
    executions = client.executions.of(transfer.id)
    execution = executions.create()
    execution = executions.wait(execution.id, progress=show, poll=0.2)
except Failed as error:
    sys.exit(f'{machine} was not copied: {error}')

for point in client.recovery_points.of(transfer.id):
    print(f'{point.mode} point, {point.bytes_sent} bytes sent')

deployment = client.deployments.create(transfer_id=transfer.id, purpose='test')
deployment = client.deployments.wait(deployment.id)
print(f'deployed: {deployment.deployed[0].vm_id}')
client.deployments.delete(deployment.id)
