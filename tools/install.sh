#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Make this checkout ready to run: the Debian packages that are missing, and
# a virtual environment in .venv. Run it as often as you like; the second run
# installs nothing and needs no network.
#
# The heavy part of the environment is kept in ~/.cache/coriolis-ng, under a
# hash of the requirement files, so a second clone is ready in seconds.
# Where packages come from is the business of apt's and pip's own settings.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

PYTHON=${CORIOLIS_PYTHON:-/usr/bin/python3}
CACHE=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/coriolis-ng

PACKAGES=(
    ca-certificates git iproute2 iptables openssh-client procps util-linux
    python3 python3-venv python3-libvirt python3-libnbd python3-rbd
    python3-rados
    libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients
    qemu-system-x86 qemu-utils seabios ipxe-qemu ovmf dnsmasq-base
    mmdebstrap fdisk e2fsprogs zstd genisoimage
    rabbitmq-server mariadb-server galera-4 galera-arbitrator-4 memcached
    shellcheck
)

# What a package would start with the machine.
declare -A UNITS=(
    [rabbitmq-server]=rabbitmq-server
    [mariadb-server]=mariadb
    [galera-arbitrator-4]=garb
    [memcached]=memcached
    [libvirt-daemon-system]='libvirtd.service libvirtd.socket
        libvirtd-ro.socket libvirtd-admin.socket libvirt-guests.service'
)

say() { printf '%s\n' "install: $*" >&2; }

# Installers say much; it is worth reading only when one fails.
quietly() {
    local log code=0
    log=$(mktemp)
    "$@" </dev/null >"$log" 2>&1 || code=$?
    [ "$code" = 0 ] || cat "$log" >&2
    rm -f "$log"
    return "$code"
}

missing_packages() {
    local name
    for name in "${PACKAGES[@]}"; do
        # shellcheck disable=SC2016  # dpkg-query expands it, not the shell
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" \
            = installed ] || echo "$name"
    done
}

# Installing a server must not leave one running: maintainer scripts ask
# policy-rc.d before they start anything, and a unit that would start with
# the machine is disabled when it came with this run.
install_packages() {
    local names=("$@") policy=/usr/sbin/policy-rc.d ours='' unit
    [ "$(id -u)" = 0 ] || {
        say "must be root to install: ${names[*]}"
        exit 1
    }
    say "installing ${names[*]}"
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
        ours=yes
    fi
    local code=0
    export DEBIAN_FRONTEND=noninteractive
    quietly apt-get update -q || say "apt-get update failed; going on"
    quietly apt-get install -qy --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "${names[@]}" || code=$?
    [ -z "$ours" ] || rm -f "$policy"
    [ "$code" = 0 ] || exit "$code"
    [ -d /run/systemd/system ] || return 0
    for unit in "${!UNITS[@]}"; do
        case " ${names[*]} " in
            *" $unit "*)
                # shellcheck disable=SC2086  # they are several words
                systemctl disable -q ${UNITS[$unit]} || : ;;
        esac
    done
}

# Debian's bindings of libvirt, libnbd and rbd are not, or not usably, on a
# package index. Only these modules are let in; the rest of the system's
# Python stays out.
link_system_modules() {
    local into=$1 from=/usr/lib/python3/dist-packages
    mkdir -p "$into/debian"
    (
        shopt -s nullglob
        for path in "$from"/libvirt*.py "$from"/libvirtmod*.so \
            "$from"/nbd.py "$from"/libnbdmod*.so \
            "$from"/rbd*.so "$from"/rados*.so; do
            ln -sf "$path" "$into/debian/"
        done
    )
    echo "$into/debian" >"$into/debian.pth"
}

site_of() { "$1/bin/python" -c 'import sysconfig as s
print(s.get_path("purelib"))'; }

base_environment() {
    local key
    key=$({
        "$PYTHON" -VV
        # A comment does not make another environment.
        sed 's/ *#.*//' requirements.txt test-requirements.txt
    } | sha256sum | cut -c1-16)
    BASE=$CACHE/venv-$key
    mkdir -p "$CACHE"
    exec 9>"$CACHE/venv.lock"
    flock 9
    if [ ! -e "$BASE/complete" ]; then
        say "making $BASE (some minutes, once)"
        rm -rf "$BASE"
        "$PYTHON" -m venv "$BASE"
        quietly "$BASE/bin/python" -m pip install -q -U pip
        quietly "$BASE/bin/python" -m pip install -q -r requirements.txt \
            -r test-requirements.txt
        touch "$BASE/complete"
    fi
    exec 9>&-
}

# The checkout's own environment holds nothing but the project itself; all
# else is seen through one .pth line. Programs get this interpreter.
own_environment() {
    local want site path first
    want=$({
        echo "$BASE $PWD"
        cat setup.cfg setup.py pyproject.toml tools/install.sh
    } | sha256sum | cut -c1-16)
    [ "$(cat .venv/ready 2>/dev/null)" != "$want" ] || return 0
    say "making $PWD/.venv"
    rm -rf .venv
    "$PYTHON" -m venv --without-pip .venv
    site=$(site_of .venv)
    echo "import site; site.addsitedir('$(site_of "$BASE")')" \
        >"$site/_base.pth"
    link_system_modules "$site"
    for path in "$BASE"/bin/*; do
        case ${path##*/} in
            python* | pip* | activate* | Activate*) continue ;;
        esac
        IFS= read -r first <"$path" 2>/dev/null || first=
        if [ "${first#\#!"$BASE"/bin/python}" != "$first" ]; then
            sed "1s|.*|#!$PWD/.venv/bin/python|" "$path" \
                >".venv/bin/${path##*/}"
            chmod 755 ".venv/bin/${path##*/}"
        else
            ln -s "$path" .venv/bin/
        fi
    done 2>/dev/null
    # A clone without tags has no version that PBR could find.
    if ! git describe --tags >/dev/null 2>&1 && [ ! -e PKG-INFO ]; then
        export PBR_VERSION=${PBR_VERSION:-0.1.0.dev0}
    fi
    quietly .venv/bin/python -m pip install -q --no-deps \
        --no-build-isolation --no-index -e .
    echo "$want" >.venv/ready
}

mapfile -t MISSING < <(missing_packages)
[ "${#MISSING[@]}" = 0 ] || install_packages "${MISSING[@]}"
base_environment
own_environment
