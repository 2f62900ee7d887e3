# SPDX-License-Identifier: Apache-2.0
"""Reports of a running process, by oslo.reports: its threads and where they
are, its options (secret ones masked), its release."""

from __future__ import annotations

import threading

from oslo_config import cfg
from oslo_reports import guru_meditation_report, opts

from coriolis_ng import version


def register(conf: cfg.ConfigOpts) -> None:
    """Makes ``[oslo_reports]`` known."""
    opts.set_defaults(conf)


def setup(conf: cfg.ConfigOpts, prog: str, *, signals: bool) -> None:
    """SIGUSR2, or a change of ``[oslo_reports] file_event_handler``, writes
    a report to the standard error or into ``log_dir``. A WSGI server's
    signals are its own: there only the file counts."""
    main = threading.current_thread() is threading.main_thread()
    guru_meditation_report.TextGuruMeditation.setup_autorun(
        _Version(),
        service_name=prog,
        conf=conf,
        setup_signal=signals and main,
    )


class _Version:
    """What a report asks of a release."""

    def vendor_string(self) -> str:
        return 'coriolis_ng'

    def product_string(self) -> str:
        return 'coriolis_ng'

    def version_string_with_package(self) -> str:
        return version.release()
