#!/bin/bash
# Runs one host with systemd until it is powered off: nspawn, and again after each reboot. Only
# systemd-hosts.sh starts it: systemd-host.sh HOST
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/cgroups.sh"

readonly asks_for_reboot=133  # nspawn's status with --keep-unit.

boot_once() {
  # A real host can write to /sys and /proc/sys; CNI and privileged pods do.
  export SYSTEMD_NSPAWN_TMPFS_TMP=0 SYSTEMD_NSPAWN_API_VFS_WRITABLE=yes
  cgroup_enter "$host"
  # Without --register=no and --keep-unit it wants a machined and a scope. The lock is kept as long
  # as nspawn lives, so a root directory never has two of them.
  exec systemd-nspawn --quiet -D "$dir/root" --machine="$PREFIX-$host" --hostname="$host" \
    --uuid="$(cat "$dir/machine-id")" --register=no --keep-unit --kill-signal=SIGRTMIN+3 \
    --console=read-only --link-journal=no --resolv-conf=off --timezone=off \
    --network-namespace-path="/run/netns/$PREFIX-$host" --capability=all \
    --system-call-filter='@keyring bpf perf_event_open' \
    --bind="$dir/containerd:/var/lib/containerd" --bind="$dir/pod-logs:/var/log/pods" \
    /sbin/testbed-init
}

host=$1
dir=$(host_dir "$host")
exec 8>"$dir/lock"
flock -n 8 || die "$host is still going down"
echo $$ >"$dir/supervisor"
while :; do
  status=0
  (boot_once) || status=$?
  [ $status = $asks_for_reboot ] || exit $status
  cgroup_remove "$host"
  cgroup_make "$host"
done
