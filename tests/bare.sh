#!/bin/sh
# bare.sh [COMMAND...] - does a machine with nothing on it get as far as ours? By hand, as root; needs debootstrap and the network.
#
# Makes a bare Debian 12 in a temporary folder (or in $BARE_ROOT, kept and used again), copies the committed tree into it and runs there
# `./run demo` and `./run test`, or the commands given. $MIRROR, and the apt configuration of this machine, say where packages come from.
set -eu
tree=$(cd "$(dirname "$0")/.." && pwd)
[ "$(id -u)" = 0 ] || { echo 'bare: must be root' >&2; exit 2; }
command -v debootstrap >/dev/null || { echo 'bare: debootstrap is not installed' >&2; exit 2; }
[ $# -gt 0 ] || set -- './run demo' './run test'

bare=${BARE_ROOT:-$(mktemp -d)}
cleanup()
{
    for inner in dev proc sys; do
        umount --recursive --lazy "$bare/$inner" 2>/dev/null || :
    done
    [ -n "${BARE_ROOT:-}" ] || rm -rf --one-file-system "$bare"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

[ -x "$bare/usr/bin/apt-get" ] || debootstrap --variant=minbase bookworm "$bare" ${MIRROR:+"$MIRROR"}
for part in sources.list sources.list.d apt.conf.d keyrings trusted.gpg.d; do
    [ ! -e "/etc/apt/$part" ] || cp -a "/etc/apt/$part" "$bare/etc/apt/"
done
cp -L /etc/resolv.conf /etc/hosts "$bare/etc/"
mount -t proc proc "$bare/proc"
mount -t sysfs sysfs "$bare/sys"
mount --rbind /dev "$bare/dev"
mount --make-rslave "$bare/dev"

rm -rf "$bare/home/callosum"
git clone --quiet "$tree" "$bare/home/callosum"
for command; do
    echo "bare: $command"
    chroot "$bare" sh -c "cd /home/callosum && $command"
done
