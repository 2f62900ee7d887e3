# SPDX-License-Identifier: Apache-2.0
"""SSH keys that live as long as one worker VM: the user's and the host's."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from coriolis_ng import errors


def make_keypair(comment: str = '') -> tuple[str, str]:
    """A fresh Ed25519 key: (private key in OpenSSH's PEM, public line).

    The same form serves as a user's key and as a host key that cloud-init
    puts into the machine and we pin.
    """
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    ).decode()
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return private, ' '.join([public.decode(), comment]).strip()


def split_public(line: str) -> tuple[str, str]:
    """The kind and the base64 body of a public key line.

    Options, host names and comments around them are not wanted here:
    ``InvalidInput`` when the line does not begin with a kind of key.
    """
    words = line.split()
    if len(words) < 2 or not words[0].startswith(('ssh-', 'ecdsa-')):
        raise errors.InvalidInput(
            'This is not the public line of an SSH key.', field='host_key'
        )
    return words[0], words[1]
