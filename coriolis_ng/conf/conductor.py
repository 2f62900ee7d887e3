# SPDX-License-Identifier: Apache-2.0
"""Options of conductors."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.IntOpt(
        'lease_seconds',
        default=90,
        min=2,
        help='A worker that was not heard for so long is lost, and its '
        'tasks are given to others.',
    ),
    cfg.FloatOpt(
        'reap_seconds',
        default=5,
        min=0.1,
        help='How often lost workers are looked for.',
    ),
    cfg.FloatOpt(
        'advance_seconds',
        default=5,
        min=0.1,
        help='How often all running executions are looked at. What happens '
        'is acted upon at once; this is for what was missed.',
    ),
    cfg.IntOpt(
        'max_lost',
        default=3,
        min=1,
        help='How often in a row a task may be lost, or fail in a way that '
        'may pass, without any progress.',
    ),
    cfg.IntOpt(
        'max_attempts',
        default=20,
        min=1,
        help='How often a task is given to workers at most.',
    ),
    cfg.FloatOpt(
        'retry_seconds',
        default=2,
        min=0,
        help='The pause before a second attempt; it doubles with each.',
    ),
    cfg.FloatOpt(
        'retry_max_seconds',
        default=60,
        min=0,
        help='The longest pause between two attempts.',
    ),
    cfg.FloatOpt(
        'query_seconds',
        default=60,
        min=1,
        help='How long a cloud may take to answer a question.',
    ),
    cfg.IntOpt(
        'max_instances',
        default=500,
        min=1,
        help='How many instances a transfer may have.',
    ),
    cfg.FloatOpt(
        'audit_seconds',
        default=60,
        min=0.1,
        help='How often leftovers in clouds are looked for.',
    ),
    cfg.FloatOpt(
        'audit_delay_seconds',
        default=600,
        min=0,
        help='How long after its end an execution is looked for once more '
        'in its clouds: a creation may land late.',
    ),
    cfg.FloatOpt(
        'audit_retry_seconds',
        default=60,
        min=0,
        help='The pause before a second try to remove something that was '
        'left over in a cloud; it doubles with each.',
    ),
    cfg.FloatOpt(
        'audit_retry_max_seconds',
        default=21600,
        min=0,
        help='The longest pause between two such tries.',
    ),
    cfg.FloatOpt(
        'schedule_grace_seconds',
        default=300,
        min=0,
        help='A run of a schedule that starts so long after its due time is '
        'on time; later, its policy for missed runs holds.',
    ),
    cfg.IntOpt(
        'endpoint_slots',
        default=0,
        min=0,
        help='How many tasks run at once on an endpoint that does not say '
        'itself how many; 0: as many as the workers can do.',
    ),
    cfg.IntOpt(
        'host_slots',
        default=4,
        min=0,
        help='How many machines of one host of a source are copied at once; '
        '0: no limit.',
    ),
    cfg.IntOpt(
        'storage_slots',
        default=16,
        min=0,
        help='How many copies read from or write to one storage at once; 0: '
        'no limit.',
    ),
    cfg.FloatOpt(
        'ageing_seconds',
        default=3600,
        min=0,
        help='What is urgent (final deployments, then first copies, then '
        'deltas) overtakes what waits for a slot, but for each rank not '
        'what has waited so much longer.',
    ),
    cfg.IntOpt(
        'threads',
        default=16,
        min=1,
        help='How many calls are answered at once.',
    ),
    cfg.IntOpt(
        'question_threads',
        default=12,
        min=1,
        help='How many calls that ask clouds are answered at once; users '
        'who only look at clouds leave two of them to others.',
    ),
    cfg.IntOpt(
        'project_questions',
        default=6,
        min=1,
        help='How many of them one project has at once.',
    ),
    cfg.FloatOpt(
        'events_days',
        default=14,
        min=0.01,
        help='How long events are kept.',
    ),
]
