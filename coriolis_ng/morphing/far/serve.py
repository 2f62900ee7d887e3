# SPDX-License-Identifier: Apache-2.0
"""Answers requests about guests on the worker machine, one JSON line each.

One such program serves a whole morphing: a command over SSH costs an
emulated worker 50-100 ms, a line to a running program about one. It lives
in a mount namespace of its own, so whatever ends it also unmounts all.
Standard library only, Python 3.6 on.
"""

import base64
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from coriolis_ng.morphing.far import initrd
from coriolis_ng.morphing.far.tree import Tree

MAX_OUTPUT = 4 * 1024 * 1024
GUEST_ENVIRONMENT = {
    'PATH': '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME': '/root',
    'LC_ALL': 'C',
    'TERM': 'dumb',
    'DEBIAN_FRONTEND': 'noninteractive',
}
TREE_OPERATIONS = (
    'real',
    'exists',
    'kind',
    'list',
    'readlink',
    'symlink',
    'remove',
    'rename',
    'copy',
    'chmod',
    'mode',
    'size',
)


class Ended(Exception):
    """Nobody listens any more."""


def run(argv, root=None, given=b'', seconds=None, gone=None):
    """Run a command here, or inside ``root``.

    Files instead of pipes: a daemon that a package starts keeps a pipe open
    for ever. ``gone`` is a descriptor that becomes readable when nobody
    waits for the answer any more; the command is killed then, and so it is
    after ``seconds``. Gives (status, output, errors); status None means
    that the time was up, 127 that there is no such command.
    """
    environment = dict(os.environ, LC_ALL='C')
    if root is not None:
        argv = ['chroot', root] + list(argv)
        environment = GUEST_ENVIRONMENT
    new = tempfile.TemporaryFile
    with new() as stdin, new() as out, new() as err:
        stdin.write(given)
        stdin.seek(0)
        try:
            process = subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=out,
                stderr=err,
                cwd='/',
                env=environment,
                start_new_session=True,
            )
        except FileNotFoundError:
            return 127, b'', ('no command ' + argv[0]).encode()
        in_time = _wait(process, seconds, gone)
        out.seek(0)
        err.seek(0)
        status = process.returncode if in_time else None
        return status, out.read(MAX_OUTPUT), err.read(MAX_OUTPUT)


def _wait(process, seconds, gone):
    """Whether it ended in time; ``Ended`` when nobody waits any more."""
    ended, tell = os.pipe()

    def wait():
        process.wait()
        os.write(tell, b'.')

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        watched = [ended] if gone is None else [ended, gone]
        ready = select.select(watched, [], [], seconds)[0]
        if ended in ready:
            return True
        os.killpg(process.pid, signal.SIGKILL)
        if ready:
            raise Ended
        return False
    finally:
        thread.join()
        os.close(ended)
        os.close(tell)


def kill_inside(top):
    """Kill what still runs inside a tree; how many there were."""
    found = 0
    for pid in os.listdir('/proc'):
        if not pid.isdigit() or int(pid) == os.getpid():
            continue
        try:
            root = os.readlink('/proc/%s/root' % pid)
        except OSError:
            continue
        if root == top or root.startswith(top + '/'):
            os.kill(int(pid), signal.SIGKILL)
            found += 1
    return found


def reachable(addresses, seconds):
    """Which of the (host, port) pairs accept a connection in time."""
    found = []

    def look(host, port):
        try:
            socket.create_connection((host, port), seconds).close()
        except OSError:
            return
        found.append([host, port])

    threads = [
        threading.Thread(target=look, args=(host, port), daemon=True)
        for host, port in addresses
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        # Resolving a name has no deadline of its own.
        thread.join(seconds + 1)
    return list(found)


class Server:
    """Turns requests into calls."""

    def __init__(self, stdin):
        self._stdin = stdin
        self._folders = []

    def answer(self, request):
        """The answer to one request, ready for JSON."""
        kind = request['do']
        top = request.get('top')
        rest = request.get('with') or []
        if kind in TREE_OPERATIONS:
            return getattr(Tree(top), kind)(*rest)
        return getattr(self, 'do_' + kind)(top, *rest)

    def do_read(self, top, path):
        """A file of the guest, in base64."""
        return _text(Tree(top).read(path))

    def do_write(self, top, path, data, mode):
        """Replace a file of the guest by bytes in base64; ``mode`` may be
        None."""
        Tree(top).write(path, base64.b64decode(data), mode)

    def do_initrd(self, top, path):
        """Names of what an initrd holds, or why it cannot be read."""
        try:
            return initrd.names(Tree(top).real(path), top)
        except initrd.Unreadable as error:
            return {'unreadable': str(error)}

    def do_run(self, top, argv, given, seconds):
        """Run a command in the tree, or here when ``top`` is None: status
        (None when its time was over), output and errors in base64."""
        status, out, err = run(
            argv, top, base64.b64decode(given), seconds, self._stdin.fileno()
        )
        return [status, _text(out), _text(err)]

    def do_script(self, top, interpreter, payload, arguments, seconds):
        """Run a script of the user here; answers as ``do_run``."""
        # Not in /tmp, which may be on a disk; removed however it ends.
        with tempfile.NamedTemporaryFile(
            dir='/run', prefix='coriolis-user-script-'
        ) as file:
            file.write(base64.b64decode(payload))
            file.flush()
            argv = interpreter + [file.name] + arguments
            return self.do_run(top, argv, '', seconds)

    def do_folder(self, top):
        """A new folder to mount a guest on, gone when this program is."""
        self._folders.append(
            tempfile.mkdtemp(dir='/run', prefix='coriolis-guest-')
        )
        return self._folders[-1]

    def close(self):
        """Leave nothing behind, however the client left us."""
        for folder in self._folders:
            if not os.path.isdir(folder):
                continue
            if os.path.ismount(folder):
                kill_inside(folder)
                run(['umount', '-R', '-l', folder])
            try:
                os.rmdir(folder)  # never more: it may be the guest
            except OSError:
                pass

    def do_kill_inside(self, top):
        """End every process whose root or files are in the tree."""
        return kill_inside(top)

    def do_reachable(self, top, addresses, seconds):
        """Which of the addresses (host, port) accept a connection in so many
        seconds."""
        return reachable(addresses, seconds)


def _text(data):
    return base64.b64encode(data).decode()


def serve(stdin, stdout):
    """Answer until the input ends."""
    server = Server(stdin)
    try:
        _serve(server, stdin, stdout)
    except (Ended, BrokenPipeError):
        pass
    finally:
        server.close()


def _serve(server, stdin, stdout):
    while True:
        line = stdin.readline()
        if not line:
            return
        try:
            made = {'ok': server.answer(json.loads(line.decode()))}
        except OSError as error:
            made = {'errno': error.errno or 5, 'text': str(error)}
        stdout.write(json.dumps(made).encode() + b'\n')
        stdout.flush()


def main():
    """The program: asks on standard input, answers on standard output."""
    os.umask(0o022)
    serve(sys.stdin.buffer, sys.stdout.buffer)
