# SPDX-License-Identifier: Apache-2.0
"""Keys of machines of pools: sealed, read by who works in the machine, and
gone with it."""

from __future__ import annotations

import msgspec
import pytest

from coriolis_ng import errors
from coriolis_ng.conductor import (
    endings,
    minion_pools,
    transfers,
    vault,
)
from coriolis_ng.conductor.advance import advance
from coriolis_ng.db import api as db
from coriolis_ng.objects import to_plain
from coriolis_ng.objects.execution import ExecutionState
from coriolis_ng.objects.minion import Minion, Ssh
from coriolis_ng.objects.minion_pool import MachineState, PoolState, Power
from coriolis_ng.objects.resource import Resource, ResourceKind, Side
from coriolis_ng.objects.transfer import Transfer
from coriolis_ng.rpc.wire import Assignment, Result
from coriolis_ng.secrets import seal
from tests.unit.conductor.conftest import Site
from tests.unit.conductor.test_minion_pools import (
    find,
    pool,
    pooled,
    states,
)

__all__ = ['pooled']  # the fixture

PRIVATE = b'-----BEGIN OPENSSH PRIVATE KEY----- pool'


def keep(site: Site, given: Assignment, payload: bytes = PRIVATE) -> str:
    sealed = seal.seal(given.seal_to, payload)
    return vault.secret_put(site.parts, given.task_id, given.attempt, sealed)


def read(site: Site, given: Assignment, ref: str) -> bytes:
    sealed = vault.secret_get(site.parts, ref, given.task_id, given.attempt)
    assert PRIVATE.decode() not in sealed
    return seal.open_sealed(site.worker.key, sealed)


def make(site: Site, given: Assignment) -> Minion:
    """As a provider does whose machines are reached over SSH."""
    key = keep(site, given)
    minion = Minion(
        id=f'vm-{given.tag}',
        ssh=Ssh(host='192.0.2.9', user='root', key=key, host_key='ssh-x y'),
    )
    site.worker.make(given, minion.id, ResourceKind.VM)
    for name in ('root', 'seed'):
        vault.created(
            site.parts,
            given.task_id,
            given.attempt,
            Resource(
                kind=ResourceKind.FILE,
                id=f'default/{given.tag}-{name}',
                tag=given.tag,
                side=Side.TARGET,
                parent=minion.id,
            ),
        )
    return minion


def drop(site: Site, given: Assignment, minion: Minion) -> None:
    """As a task that finds it dead, or has to remove it."""
    vault.dropped(
        site.parts, given.task_id, given.attempt, ResourceKind.VM, minion.id
    )
    assert minion.ssh is not None
    vault.secret_drop(site.parts, minion.ssh.key, given.task_id, given.attempt)


def do(site: Site, given: Assignment, died: bool = False) -> Minion | None:
    """What the task of that name does; the machine it leaves."""
    plain = given.input.get('minion')
    minion = msgspec.convert(plain, Minion) if plain else None
    if given.name not in {'KeepMachine', 'TakeFromPool', 'DropMachine'}:
        site.worker.do(given)
        return minion
    if minion is not None and (died or given.name == 'DropMachine'):
        drop(site, given, minion)
        minion = None
    if given.name == 'DropMachine':
        site.worker.do(given)
        return None
    minion = minion or make(site, given)
    site.worker.finish(
        given, Result(state='done', output={'minion': to_plain(minion)})
    )
    return minion


def work(site: Site, died: bool = False) -> None:
    site.taken()
    while site.worker.held:
        for given in list(site.worker.held.values()):
            do(site, given, died)
        site.taken()


def ready(site: Site, transfer: Transfer | None = None) -> tuple[str, str]:
    """The ids of an allocated pool that the transfer uses, and of the key
    of its only machine."""
    transfer = transfer or site.transfer('a')
    id = pool(site, transfer)
    minion_pools.allocate(site.parts, site.who, id)
    work(site)
    transfers.update(
        site.parts,
        site.who,
        transfer.id,
        {'destination_minion_pool_id': id},
    )
    [machine] = find(site, id).machines
    assert machine.key is not None
    return id, machine.key


def secrets(site: Site) -> list[str]:
    """Those of the ledger."""
    rows = site.parts.database.read(db.ledger.rows)
    return [r.resource.id for r in rows if r.resource.kind == 'secret']


def test_it_outlives_the_execution_that_made_it(pooled: Site) -> None:
    id, key = ready(pooled)
    assert pooled.last_of(id).state is ExecutionState.DONE
    endings.forget_all_secrets(pooled.parts)
    assert pooled.store.kept[key] == ('p', PRIVATE)
    assert secrets(pooled) == [key]
    # Neither its row nor the story of the pool has more than the reference.
    found = str(to_plain(find(pooled, id)))
    assert key in found
    assert PRIVATE.decode() not in found


def test_it_goes_with_the_machine(pooled: Site) -> None:
    id, key = ready(pooled)
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    work(pooled)
    assert find(pooled, id).state is PoolState.DEALLOCATED
    assert key not in pooled.store.kept
    assert secrets(pooled) == []


def test_who_works_in_the_machine_reads_it(pooled: Site) -> None:
    transfer = pooled.transfer('a')
    _, key = ready(pooled, transfer)
    pooled.execute(transfer)
    take = pooled.next('TakeFromPool')
    assert read(pooled, take, key) == PRIVATE
    do(pooled, take)
    look = pooled.next('Look')
    with pytest.raises(errors.Forbidden):
        read(pooled, look, key)  # it works at the source
    do(pooled, look)
    assert read(pooled, pooled.next('Copy'), key) == PRIVATE


def test_nobody_else_reads_it_or_drops_it(pooled: Site) -> None:
    _, key = ready(pooled)
    other = pooled.transfer('a')
    ready(pooled, other)
    pooled.execute(other)
    given = pooled.next('TakeFromPool')
    with pytest.raises(errors.Forbidden):
        read(pooled, given, key)
    vault.secret_drop(pooled.parts, key, given.task_id, given.attempt)
    assert key in pooled.store.kept


def test_each_instance_has_its_own(pooled: Site) -> None:
    transfer = pooled.transfer('a', 'b')
    id, _ = ready(pooled, transfer)
    minion_pools.deallocate(pooled.parts, pooled.who, id, force=False)
    work(pooled)
    spec = {'minimum_minions': 2, 'maximum_minions': 2}
    minion_pools.update(pooled.parts, pooled.who, id, spec)
    minion_pools.allocate(pooled.parts, pooled.who, id)
    work(pooled)
    pooled.execute(transfer)
    keys = {m.instance: m.key for m in find(pooled, id).machines}
    for given in pooled.taken():
        if given.name == 'TakeFromPool':
            for instance, key in keys.items():
                assert key is not None
                if instance == given.instance:
                    assert read(pooled, given, key) == PRIVATE
                else:
                    with pytest.raises(errors.Forbidden):
                        read(pooled, given, key)
    assert set(keys) == {'a', 'b'}


def test_a_machine_made_anew_has_another_one(pooled: Site) -> None:
    transfer = pooled.transfer('a')
    id, before = ready(pooled, transfer)
    execution = pooled.execute(transfer)
    work(pooled, died=True)
    assert pooled.execution(execution.id).state is ExecutionState.DONE
    [machine] = find(pooled, id).machines
    assert machine.key not in {None, before}
    assert before not in pooled.store.kept
    # It is the pool's, though an execution of a transfer made it.
    endings.forget_all_secrets(pooled.parts)
    assert machine.key in pooled.store.kept
    assert secrets(pooled) == [machine.key]


def test_one_of_a_machine_that_came_to_nothing_is_forgotten(
    pooled: Site,
) -> None:
    id = pool(pooled)
    minion_pools.allocate(pooled.parts, pooled.who, id)
    [given] = pooled.taken()
    make(pooled, given)
    pooled.worker.fail(given, 'it never answered')
    work(pooled)
    assert find(pooled, id).state is PoolState.ERROR
    assert secrets(pooled) == []
    assert list(pooled.store.kept.values()).count(('p', PRIVATE)) == 0


def test_files_of_a_machine_are_the_pools(pooled: Site) -> None:
    id, _ = ready(pooled)

    def strays() -> list[str]:
        found = pooled.parts.database.read(lambda s: db.strays.list(s, 'p'))
        return [one.resource_id for one in found]

    assert strays() == []
    # No cleanup of the pool takes them for leftovers.
    minion_pools.refresh(pooled.parts, pooled.who, id)
    pooled.taken()
    left = []
    while pooled.worker.held:
        for given in list(pooled.worker.held.values()):
            left += [one.id for one in given.leftovers]
            do(pooled, given)
        pooled.taken()
    assert left == []
    # Those of one that is gone are nobody's, and are removed.
    [machine] = find(pooled, id).machines
    gone = msgspec.structs.replace(machine, minion=None)
    pooled.parts.database.write(
        lambda s: db.minion_pools.save_machine(s, gone)
    )
    assert machine.minion is not None
    assert machine.minion.id in strays()
    assert len(strays()) == 3


def give_back(site: Site, result: Result | None) -> None:
    """Everything up to the end; the machine is given back like this, or
    its worker is lost each time (None)."""
    site.taken()
    while site.worker.held:
        for given in list(site.worker.held.values()):
            if given.name != 'GiveBack':
                do(site, given)
            elif result is not None:
                site.worker.finish(given, result)
            else:
                site.worker.held.pop(given.task_id)
                site.parts.database.write(
                    lambda s, g=given: db.tasks.close(
                        s,
                        g.task_id,
                        g.attempt,
                        'running',
                        'failed',
                        'Its worker was lost.',
                    )
                )
                advance(site.parts, given.execution_id)
        site.taken()


@pytest.mark.parametrize(
    'result', [Result(state='failed', message='no answer'), None]
)
def test_what_was_not_given_back_is_made_anew(
    pooled: Site, result: Result | None
) -> None:
    transfer = pooled.transfer('a')
    id, _ = ready(pooled, transfer)
    pooled.execute(transfer)
    give_back(pooled, result)
    [machine] = find(pooled, id).machines
    assert machine.state is MachineState.ERROR
    # This tells whoever heals it that nothing of it can be kept.
    assert machine.power is Power.UNINITIALIZED
    minion_pools.refresh(pooled.parts, pooled.who, id)
    keep_it = pooled.next('KeepMachine', machine.id)
    assert keep_it.input['power'] == 'uninitialized'
    do(pooled, keep_it, died=False)
    work(pooled)
    assert states(pooled, id) == ['available']
    assert find(pooled, id).machines[0].power is Power.ON


def test_one_that_begins_anew_is_free_but_not_known_to_be_on(
    pooled: Site,
) -> None:
    transfer = pooled.transfer('a')
    id, _ = ready(pooled, transfer)
    pooled.execute(transfer)
    [machine] = find(pooled, id).machines
    assert machine.minion is not None
    again = msgspec.structs.replace(
        machine.minion,
        ssh=Ssh(host='192.0.2.9', user='root', key='k2', host_key='ssh-x z'),
    )
    give_back(pooled, Result(state='done', output={'minion': to_plain(again)}))
    [machine] = find(pooled, id).machines
    assert machine.state is MachineState.AVAILABLE
    assert machine.power is Power.UNKNOWN
    assert machine.key == 'k2'
