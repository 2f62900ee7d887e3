# SPDX-License-Identifier: Apache-2.0
"""``replica ...``: transfers by the name and with the options of before."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar

from coriolis_ng.client.api import Json
from coriolis_ng.client.cli import ends, execution, transfer
from coriolis_ng.client.cli.command import Pages, ShowOne


class OfReplicas(transfer.OfTransfers):
    noun: ClassVar[str] = 'replica'
    examples = ''

    @property
    def many(self) -> Any:
        return self.client.replicas

    def executions(self, transfer_id: str) -> Any:
        return self.client.replicas.executions(transfer_id)


class Create(OfReplicas, ShowOne):
    """Create a replica: endpoints by name or id, or right here."""

    examples = """
  {} replica create --origin-provider vmware_vsphere \\
      --origin-connection-secret $SECRET_URL \\
      --destination-provider openstack --instance web1 \\
      --target-environment '{"network_map": {"VM Network": "private"}}'
"""

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        ends.options(parser)
        parser.add_argument(
            '--skip-os-morphing',
            action='store_true',
            default=None,
            help='do not adapt the guests to the destination',
        )

    def thing(self, given: argparse.Namespace) -> Json:
        found = ends.said(self.client, given, self.program)
        made: Json = self.many.create(
            **found, skip_os_morphing=given.skip_os_morphing
        )
        return made


class List(OfReplicas, Pages):
    """List replicas, the newest first."""

    columns = {
        'ID': 'id',
        'Instances': 'instances',
        'Notes': 'notes',
        'Last Execution Status': 'last_execution_status',
        'Created': 'created_at',
    }
    examples = """
  {} replica list --all
"""

    def rows(self, given: argparse.Namespace) -> list[Json]:
        return self.page(self.many, given)


class Show(OfReplicas, transfer.Show):
    """Show a replica."""


class Update(OfReplicas, transfer.Update):
    """Change a replica; maps and environments are merged."""


class Delete(OfReplicas, transfer.Delete):
    """Delete replicas that keep nothing on the destination any more."""


class Execute(OfReplicas, transfer.Execute):
    """Bring a replica up to date: a delta where that is possible."""

    examples = """
  {} replica execute REPLICA --wait
"""


class DeleteDisks(OfReplicas, transfer.DeleteDisks):
    """Delete what a replica keeps: points, volumes, checkpoints."""


class ExecutionList(OfReplicas, execution.List):
    """List the executions of a replica, the newest first."""


class ExecutionShow(OfReplicas, execution.Show):
    """Show an execution with its tasks (-f json: everything)."""


class ExecutionWatch(OfReplicas, execution.Watch):
    """Follow an execution to its end; exit code 1 when it failed."""


class ExecutionCancel(OfReplicas, execution.Cancel):
    """Stop an execution; what it made is cleaned up."""


class ExecutionDelete(OfReplicas, execution.Delete):
    """Forget an execution that ended; its recovery points stay."""


COMMANDS = {
    'replica create': Create,
    'replica list': List,
    'replica show': Show,
    'replica update': Update,
    'replica delete': Delete,
    'replica execute': Execute,
    'replica disks delete': DeleteDisks,
    'replica execution list': ExecutionList,
    'replica execution show': ExecutionShow,
    'replica execution watch': ExecutionWatch,
    'replica execution cancel': ExecutionCancel,
    'replica execution delete': ExecutionDelete,
}
