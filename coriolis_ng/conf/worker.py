# SPDX-License-Identifier: Apache-2.0
"""Options of workers."""

from __future__ import annotations

from oslo_config import cfg

OPTIONS = [
    cfg.ListOpt(
        'providers',
        default=[],
        help='The providers that this worker offers; all that are '
        'installed, when none is named.',
    ),
    cfg.ListOpt(
        'kvm_directories',
        default=[
            '/var/lib/libvirt/images',
            '/var/lib/coriolis',
            '/var/cache/coriolis',
            '/var/tmp/coriolis',  # noqa: S108
        ],
        help='Where scratch_dir and worker_image of KVM environments may '
        'lead on this host, links followed. A worker image may also be in '
        'any started storage pool of the libvirt.',
    ),
    cfg.IntOpt(
        'capacity',
        default=8,
        min=1,
        help='How many tasks it is given at once. Cleanups go beyond it.',
    ),
    cfg.FloatOpt(
        'bandwidth_limit',
        default=0,
        min=0,
        mutable=True,
        help='How many million bytes a second all its copies take together; '
        '0: no limit. This and the next two are read again at SIGHUP.',
    ),
    cfg.MultiStrOpt(
        'bandwidth_window',
        default=[],
        mutable=True,
        sample_default=['mon-fri@08:00-18:00=50', '22:00-06:00=none'],
        help='Another limit at that time of day; the first that fits '
        'counts. May be given many times.',
    ),
    cfg.StrOpt(
        'bandwidth_time_zone',
        default='UTC',
        mutable=True,
        help='Where the times of bandwidth_window are meant, such as '
        'Europe/Bucharest.',
    ),
    cfg.FloatOpt(
        'beat_seconds',
        default=5,
        min=0.1,
        help='How often it tells that it lives, and what it does.',
    ),
    cfg.FloatOpt(
        'margin_seconds',
        default=15,
        min=0.1,
        help='How long before the end of a lease that could not be renewed '
        'it stops its tasks.',
    ),
    cfg.FloatOpt(
        'stop_grace_seconds',
        default=30,
        min=0,
        help='How long a task may take to stop when it is asked to.',
    ),
    cfg.FloatOpt(
        'drain_seconds',
        default=20,
        min=0,
        help='How long running tasks may go on when the worker is stopped; '
        'after that others go on with them.',
    ),
    cfg.FloatOpt(
        'query_seconds',
        default=60,
        min=1,
        help='How long a cloud may take to answer a question.',
    ),
    cfg.IntOpt(
        'query_slots',
        default=8,
        min=1,
        help='How many questions are asked at once.',
    ),
    cfg.FloatOpt(
        'cache_seconds',
        default=5,
        min=0,
        help='How long answers about what is in a cloud are kept.',
    ),
]
