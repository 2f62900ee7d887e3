# SPDX-License-Identifier: Apache-2.0
"""KVM under libvirt, as a source and as a destination."""
