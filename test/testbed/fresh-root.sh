#!/bin/bash
# Proves that the README's commands work on a machine where nothing was installed: bootstraps a
# minimal Debian, clones the repository into it and runs commands there.
#   fresh-root.sh [--suite bookworm|trixie] [--keep] COMMAND...
# A COMMAND is a shell line run in a clean clone of HEAD; each one gets its own clone.
#   fresh-root.sh './dev demo' './dev test'
# The root lies in $MUSTER_FRESH_ROOT (/var/tmp/muster-fresh-root-SUITE) and is made anew unless
# --keep is given. Package sources are those of this machine, so the suite must be in its archive.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd -P)

suite=bookworm keep=''
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=$2 && shift ;;
    --keep) keep=1 ;;
    *) break ;;
  esac
  shift
done
[ $# -gt 0 ] || {
  sed -n 2,9p "$0"
  exit 64
}
[ "$(id -u)" = 0 ] || {
  echo "error: needs root" >&2
  exit 1
}
root=${MUSTER_FRESH_ROOT:-/var/tmp/muster-fresh-root-$suite}

# The first address this machine takes Debian itself from.
mirror() {
  sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' /etc/apt/sources.list \
    /etc/apt/sources.list.d/* 2>/dev/null | tr ' ' '\n' | grep '/debian/\?$' | head -n 1 || true
}

bootstrap() {
  local url
  url=$(mirror)
  [ -n "$url" ] || {
    echo "no Debian archive in the sources of this machine's apt" >&2
    exit 1
  }
  rm -rf --one-file-system "$root" "$root.new"
  debootstrap --variant=minbase "$suite" "$root.new" "$url" >"$root.log" 2>&1 || {
    tail -n 5 "$root.log" >&2
    exit 1
  }
  echo "deb $url $suite main" >"$root.new/etc/apt/sources.list"
  # How this machine reaches the archive (proxies, names) is not part of what is being proven.
  cp -L /etc/resolv.conf /etc/hosts "$root.new/etc/"
  { grep -lri proxy /etc/apt/apt.conf.d 2>/dev/null || true; } |
    xargs -r cp -t "$root.new/etc/apt/apt.conf.d/"
  mv "$root.new" "$root"
}

# Runs inside a mount namespace of its own, so every mount ends with it. A command has the root for
# good, as on a machine of its own: from a mere chroot, who enters a container's mount namespace
# (runc exec) would come out in this machine's root.
inside() { # COMMAND...
  local number=0 command clone
  mount --bind "$root" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount --rbind /dev "$root/dev"
  for command in "$@"; do
    number=$((number + 1))
    clone=/src/muster-$number
    rm -rf --one-file-system "${root:?}$clone"
    git clone -q "$repo" "$root$clone"
    echo "== fresh $suite, clean clone: $command"
    SECONDS=0
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM="${TERM:-dumb}" \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
      ${MUSTER_TESTBED_INDEX:+MUSTER_TESTBED_INDEX="$MUSTER_TESTBED_INDEX"} \
      unshare -m --propagation private sh -c "
        cd '$root' && pivot_root . mnt && exec chroot . bash -c \"\$1\"" - \
      "umount -l /mnt && cd $clone && $command" </dev/null || {
      echo "== failed with $? after $SECONDS s: $command"
      exit 1
    }
    echo "== passed in $SECONDS s: $command"
  done
}

if [ "${MUSTER_FRESH_INSIDE:-}" ]; then
  inside "$@"
  exit
fi
if [ -z "$keep" ] || [ ! -d "$root" ]; then bootstrap; fi
MUSTER_FRESH_INSIDE=1 exec unshare -m --propagation private "$0" --suite "$suite" "$@"
