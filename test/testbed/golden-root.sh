# shellcheck shell=bash
# The root file system that hosts with systemd start from: minimal Debian, systemd and containerd,
# as an administrator finds it before Muster is installed. Made once, kept over `down`. Sourced.

GOLDEN=$CACHE/golden
GOLDEN_PACKAGES=systemd,systemd-sysv,dbus,libpam-systemd,containerd,runc,containernetworking-plugins
GOLDEN_PACKAGES+=,iproute2,iptables,nftables,procps,ca-certificates,rpm,init-system-helpers
GOLDEN_PACKAGES+=,curl,man-db,zsh,fish  # What the tests use there.

golden_mirror() { # The first address this machine takes Debian itself from.
  sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\(http[^ ]*\) .*/\2/p' /etc/apt/sources.list \
    /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null | tr ' ' '\n' |
    grep '/debian/\?$' | head -n 1 || true
}

# What Muster's packages depend on is there already, so that installing them needs no archive. A
# name that only others provide is taken for the one that does so on this machine.
golden_libraries() {
  local name
  for name in muster-agent muster-coordinator muster-ctl; do
    dpkg-deb -f "$(deb $name)" Depends
  done | tr , '\n' | sed 's/^ *//; s/[ (:|].*//' | sort -u | while read -r name; do
    dpkg-query -W -f='${Package},${Provides}\n' | awk -F '[, ]+' -v name="$name" '
      $1 == name { exact = name }
      { for (i = 2; i <= NF; i++) if ($i == name) provider = $1 }
      END { print exact ? exact : provider }'
  done | sort -u
}

golden_configure() ( # DIR
  set -e
  cd "$1"
  rm -rf var/cache/apt/archives/*.deb var/lib/apt/lists/* etc/hostname
  # Each host gets an id of its own; D-Bus' would win over it.
  : >etc/machine-id
  rm -f var/lib/dbus/machine-id
  mkdir -p var/log/journal etc/systemd/system etc/systemd/system.conf.d  # A journal that is kept.
  # The kernel is the machine's, and so are fs.* and vm.*; timers and consoles would only disturb.
  for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service \
    dpkg-db-backup.timer fstrim.timer console-getty.service getty.target systemd-sysctl.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount; do
    ln -sf /dev/null "etc/systemd/system/$unit"
  done
  # Pods of the cgroupfs driver are in no unit: systemd-shutdown waits so long for those that ignore
  # SIGTERM.
  printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >etc/systemd/system.conf.d/testbed.conf
  cat >sbin/testbed-init <<'INIT'
#!/bin/sh
# nspawn mounts the v1 hierarchies read-only; systemd looks when it starts, and runc writes there.
for dir in /sys/fs/cgroup/*/; do
  mountpoint -q "$dir" && mount -o remount,bind,rw,nosuid,nodev,noexec "$dir"
done
# As on a real host: mounts of pods reach whoever asks for them.
mount --make-rshared /
exec /lib/systemd/systemd "$@"
INIT
  chmod 755 sbin/testbed-init
)

golden_build() (
  set -e
  mkdir -p "$CACHE"
  exec 7>"$CACHE/golden.lock"
  flock 7
  libraries=$(golden_libraries | paste -sd,)
  packages=$GOLDEN_PACKAGES${libraries:+,$libraries}
  [ "$(cat "$GOLDEN/etc/testbed-golden" 2>/dev/null)" != "$packages" ] || exit 0
  mirror=$(golden_mirror)
  [ -n "$mirror" ] || die "no Debian archive in the sources of this machine's apt"
  say "making the root file system of hosts with systemd (once, a minute or two) ..."
  rm -rf --one-file-system "$GOLDEN" "$GOLDEN.new"
  # shellcheck disable=SC1091
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  debootstrap --variant=minbase --include="$packages" \
    "$suite" "$GOLDEN.new" "$mirror" >"$CACHE/golden.log" 2>&1 ||
    die "debootstrap failed: $(tail -n 3 "$CACHE/golden.log")"
  golden_configure "$GOLDEN.new"
  echo "$packages" >"$GOLDEN.new/etc/testbed-golden"
  mv "$GOLDEN.new" "$GOLDEN"
)
