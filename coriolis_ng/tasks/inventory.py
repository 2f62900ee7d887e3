# SPDX-License-Identifier: Apache-2.0
"""Tasks that only look."""

from __future__ import annotations

from coriolis_ng import errors
from coriolis_ng.engine.task import Side, Task, Work
from coriolis_ng.objects import Value
from coriolis_ng.objects.preflight import Severity
from coriolis_ng.objects.task import Level
from coriolis_ng.objects.transfer import StorageMappings
from coriolis_ng.objects.vm import Vm
from coriolis_ng.objects.volume import Volumes


class GetVm(Task):
    """Describe the machine as it is at the source now."""

    side = Side.SOURCE
    needs = ('inventory',)

    class Input(Value):
        name: str

    class Output(Value):
        vm: Vm

    def run(self, work: Work, given: Input) -> Output:
        vm = work.source.inventory.get_vm(given.name)
        if not vm.disks:
            raise errors.InvalidInput(
                f'The machine "{vm.name}" has no disks to replicate.'
            )
        size = sum(disk.size for disk in vm.disks)
        work.note(
            f'{vm.name}: {len(vm.disks)} disks, {size / 2**30:.1f} GiB, '
            f'{vm.cpus} CPUs, {vm.memory >> 20} MiB, {vm.power}'
        )
        return self.Output(vm=vm)


class Preflight(Task):
    """Fail before the hours of copying, never after."""

    side = Side.BOTH
    needs = ('exports', 'imports')

    class Input(Value):
        vm: Vm
        storage: StorageMappings = StorageMappings()
        existing: Volumes = Volumes()

    class Output(Value):
        vm: Vm

    def run(self, work: Work, given: Input) -> Output:
        findings = [
            *work.source.exports.preflight(given.vm, work.source_options),
            *work.target.imports.preflight(
                given.vm,
                given.storage,
                work.target_options,
                given.existing,
            ),
        ]
        for finding in findings:
            level = Level.INFO
            if finding.severity is not Severity.INFO:
                level = Level.WARNING
            work.note(f'{finding.meaning} {finding.remedy}', level)
        wrong = [f for f in findings if f.severity is Severity.ERROR]
        if wrong:
            raise errors.InvalidInput(
                ' '.join(f'{f.meaning} {f.remedy}' for f in wrong)
            )
        return self.Output(vm=given.vm)
