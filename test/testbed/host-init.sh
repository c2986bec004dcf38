#!/bin/bash
# Pid 1 of a light host. Runs in new namespaces, builds the host's own "/", starts its services
# and reaps. Only hosts.sh runs it: host-init.sh DIR NAME REPO BUILD
#
# The root directory is the host's own (DIR/root, kept over reboots) with this machine's /usr bound
# read-only and its /etc as the lower layer of an overlay: a workload that writes to the host
# writes to this host, never to the machine of whoever runs the tests.
set -euo pipefail

bind_read_only() { # PATH
  mkdir -p "$root$1" 2>/dev/null || true  # Exists already when it is below a bound directory.
  mount --bind -o ro "$1" "$root$1"
}

mount_cgroups() {
  local controllers name options type
  if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    return
  fi
  mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
  while IFS=: read -r _ controllers _; do
    case $controllers in
      '') name=unified options=rw type=cgroup2 ;;
      name=*) name=${controllers#name=} options=none,$controllers type=cgroup ;;
      *) name=$controllers options=$controllers type=cgroup ;;
    esac
    [ -d "/sys/fs/cgroup/$name" ] || continue  # Not in use on this machine.
    mkdir "$root/sys/fs/cgroup/$name"
    mount -t $type -o "$options" cgroup "$root/sys/fs/cgroup/$name"
  done </proc/self/cgroup
}

build_root() {
  local dir repo=$1 build=$2
  mkdir -p "$root"/{dev,etc,home,mnt,opt,proc,root,run,srv,sys,tmp,usr,var/{cache,lib,log,tmp}}
  mount --bind "$root" "$root"
  for dir in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$dir" ]; then
      ln -sfn "$(readlink "$dir")" "$root$dir"
    elif [ -d "$dir" ]; then
      bind_read_only "$dir"
    fi
  done
  bind_read_only /usr
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=$state/etc,workdir=$state/etc-work" \
    "$root/etc"
  for dir in cni containerd muster; do  # Nothing of this machine's own set-up may show through.
    mkdir -p "$root/etc/$dir"
    mount --bind "$state/etc-own/$dir" "$root/etc/$dir"
  done
  mount --rbind /dev "$root/dev"
  mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
  mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
  mount -t sysfs sysfs "$root/sys"
  mount_cgroups

  rm -rf --one-file-system "$root"/tmp/*
  chmod 1777 "$root/tmp" "$root/var/tmp"
  ln -sfn /run "$root/var/run"
  mkdir -p "$root"/run/{containerd,lock,muster,netns,testbed}
  # Each boot has its own id, as after a real reboot.
  cat /proc/sys/kernel/random/uuid >"$root/run/testbed/boot_id"
  mount --bind "$root/run/testbed/boot_id" "$root/proc/sys/kernel/random/boot_id"

  bind_read_only "$repo"
  if [ -d "$build" ] && [ ! -e "$root$build" ]; then bind_read_only "$build"; fi

  cd "$root"
  mkdir -p .old
  pivot_root . .old
  cd /
  umount -l /.old
  rmdir /.old
  mount --make-rshared /
}

# shellcheck disable=SC2317  # Called by the trap.
stop_services() {
  local keeper
  for keeper in agent coordinator containerd registry; do  # The agent goes before its runtime.
    "$scripts/service.sh" --stop "$keeper"
  done
  exit 0
}

main() {
  local service pid
  state=$1 root=$1/root scripts=$3/test/testbed
  # This /proc is still the one of the machine: it shows our pid as the machine sees it.
  read -r pid _ </proc/self/stat
  echo "$pid" >"$state/pid"
  mount --make-rprivate /
  hostname "$2"
  build_root "$3" "$4"
  trap stop_services TERM
  for service in /testbed/services/*; do
    if [ -x "$service" ]; then "$scripts/service.sh" "${service##*/}" 8>&- & fi
  done
  touch /run/testbed/ready
  # Bash reaps whatever is handed to it while it waits.
  while :; do
    sleep infinity 8>&- &
    wait $! || true
  done
}

main "$@"
exit
