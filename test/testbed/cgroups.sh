# shellcheck shell=bash
# shellcheck disable=SC2013  # Controllers are words on one line.
# One cgroup subtree /PREFIX/HOST for each host, in every mounted hierarchy (v1, hybrid or v2).
# All processes of a host are in its subtree, so it also tells what is left to kill. Sourced.

cgroup_v2() { [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; }

cgroup_hierarchies() {
  local dir
  if cgroup_v2; then
    echo /sys/fs/cgroup
    return
  fi
  for dir in /sys/fs/cgroup/*/; do
    dir=${dir%/}
    if [ ! -L "$dir" ] && [ -e "$dir/cgroup.procs" ]; then echo "$dir"; fi
  done
}

cgroup_make() { # HOST
  local hierarchy dir controller
  [ -n "$(cgroup_hierarchies)" ] || die "no cgroup hierarchy is mounted on /sys/fs/cgroup"
  for hierarchy in $(cgroup_hierarchies); do
    for dir in "$hierarchy/$PREFIX" "$hierarchy/$PREFIX/$1"; do
      mkdir -p "$dir" || die "cannot make the cgroup $dir: is /sys/fs/cgroup writable here?"
      if cgroup_v2; then
        for controller in $(cat "${dir%/*}/cgroup.controllers"); do
          echo "+$controller" >"${dir%/*}/cgroup.subtree_control" 2>/dev/null || true
        done
      elif [ -e "$dir/cpuset.cpus" ]; then  # A v1 cpuset is empty until told otherwise.
        cat "${dir%/*}/cpuset.cpus" >"$dir/cpuset.cpus"
        cat "${dir%/*}/cpuset.mems" >"$dir/cpuset.mems"
      fi
    done
    # v2 allows no processes beside children with controllers: the host's own go to "init".
    if cgroup_v2; then mkdir -p "$hierarchy/$PREFIX/$1/init"; fi
  done
}

# Moves the calling (sub)shell to the top of the host's subtree.
cgroup_enter() { # HOST
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do
    echo "$BASHPID" >"$hierarchy/$PREFIX/$1/cgroup.procs"
  done
}

# Moves the calling (sub)shell to where the host's own processes are.
cgroup_join() { # HOST
  if cgroup_v2; then
    echo "$BASHPID" >"/sys/fs/cgroup/$PREFIX/$1/init/cgroup.procs"
  else
    cgroup_enter "$1"
  fi
}

# v2 only: moves the calling shell on to the host's "init" and hands it the controllers. Separate,
# because a cgroup namespace made in between has the top as its root.
cgroup_settle() { # HOST
  local dir=/sys/fs/cgroup/$PREFIX/$1 controller
  cgroup_v2 || return 0
  echo "$BASHPID" >"$dir/init/cgroup.procs"
  for controller in $(cat "$dir/cgroup.controllers"); do
    echo "+$controller" >"$dir/cgroup.subtree_control" 2>/dev/null || true
  done
}

cgroup_pids() { # HOST
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do
    find "$hierarchy/$PREFIX/$1" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done | sort -un | sed '/^0$/d'
}

cgroup_kill_all() { # HOST: true when nothing is left in it
  local pids
  pids=$(cgroup_pids "$1")
  [ -z "$pids" ] && return 0
  # shellcheck disable=SC2086  # One word each.
  kill -9 $pids 2>/dev/null || true
  return 1
}

cgroup_remove_dirs() { # HOST
  local hierarchy left=0
  for hierarchy in $(cgroup_hierarchies); do
    [ -d "$hierarchy/$PREFIX/$1" ] || continue
    find "$hierarchy/$PREFIX/$1" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$hierarchy/$PREFIX/$1" ] && left=1
  done
  return $left
}

cgroup_remove() { # HOST: kills what is in it, then removes it
  wait_until 20 cgroup_kill_all "$1" || die "$1: processes survive SIGKILL: $(cgroup_pids "$1")"
  wait_until 10 cgroup_remove_dirs "$1" || die "$1: its cgroups cannot be removed"
}

cgroup_remove_top() {
  local hierarchy
  for hierarchy in $(cgroup_hierarchies); do
    rmdir "$hierarchy/$PREFIX" 2>/dev/null || true
  done
}

cgroup_hosts() { # Names of hosts that have a subtree, also half-made ones.
  local hierarchy dir
  for hierarchy in $(cgroup_hierarchies); do
    for dir in "$hierarchy/$PREFIX"/*/; do
      [ -d "$dir" ] && basename "$dir"
    done
  done
}
