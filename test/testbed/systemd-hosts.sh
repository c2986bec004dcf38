# shellcheck shell=bash
# Hosts with Debian and systemd as pid 1, in systemd-nspawn, on the network of the light ones.
# Muster is installed on them from its packages. Sourced.
#
# Every process of a host is in its cgroups, so a power cut is the end of all of these.

systemd_unit() { # SERVICE
  case $1 in
    containerd) echo containerd.service ;;
    *) echo "muster-$1.service" ;;
  esac
}

# Pid 1 of the host as this machine sees it: the process whose innermost pid is 1.
systemd_pid() { # HOST
  local pid
  for pid in $(cgroup_pids "$1"); do
    if grep -qsE '^NSpid:[[:space:]]+[0-9]+[[:space:]]+1$' "/proc/$pid/status"; then
      echo "$pid"
      return
    fi
  done
  return 1
}
systemd_run_dir() { echo "/proc/$(systemd_pid "$1")/root/run"; }

systemd_files() { # HOST: its directory; what it reads from /etc is written while it is down
  local dir
  dir=$(host_dir "$1")
  mkdir -p "$dir"/{root,upper,work,containerd,pod-logs} "$dir"/etc-own/{cni,containerd,muster}
  [ -e "$dir/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$dir/machine-id"
  if ! mountpoint -q "$dir/root"; then
    mkdir -p "$dir/upper/etc"
    echo "$1" >"$dir/upper/etc/hostname"
    hosts_file "$1" >"$dir/upper/etc/hosts"
    if valid_node "$1"; then
      containerd_files "$1"
      cp -rT "$dir/etc-own/cni" "$dir/upper/etc/cni"
      cp -rT "$dir/etc-own/containerd" "$dir/upper/etc/containerd"
    fi
  fi
}

# containerd starts by itself on nodes; Muster's services come with its packages.
systemd_service_install() { :; }

systemd_boot() { # HOST
  local dir
  systemd_pid "$1" >/dev/null && return 0
  dir=$(host_dir "$1")
  systemd_crash "$1"
  cgroup_make "$1"
  systemd_files "$1"
  mount -t overlay "$PREFIX-$1" \
    -o "lowerdir=$GOLDEN,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
  valid_node "$1" || ln -sf /dev/null "$dir/root/etc/systemd/system/containerd.service"
  setsid "$TESTBED_SCRIPTS/systemd-host.sh" "$1" </dev/null >>"$dir/boot.log" 2>&1 9>&- &
  wait_until 60 systemd_is_up "$1" || die "$1 does not boot: $(tail -n 3 "$dir/boot.log")"
}
systemd_is_up() { # The default target is reached; units may have failed.
  systemd_pid "$1" >/dev/null &&
    systemd_exec "$1" systemctl --quiet is-active multi-user.target 2>/dev/null
}

systemd_supervisor() { # HOST: pid of its systemd-host.sh
  local pid
  pid=$(cat "$(host_dir "$1")/supervisor" 2>/dev/null) || return 1
  grep -qs systemd-host.sh "/proc/$pid/cmdline" && echo "$pid"
}
systemd_is_gone() { ! systemd_supervisor "$1" >/dev/null; }

systemd_crash() { # HOST: a power cut
  local dir pid
  dir=$(host_dir "$1")
  if pid=$(systemd_supervisor "$1"); then kill -9 "$pid" 2>/dev/null || true; fi
  cgroup_remove "$1"
  wait_until 10 systemd_is_gone "$1" || die "$1: its supervisor survives SIGKILL"
  rm -rf "/run/systemd/nspawn/propagate/$PREFIX-$1" \
    "/run/systemd/nspawn/locks/inode-$(stat -c %d:%i "$dir/root" 2>/dev/null)"
  while mountpoint -q "$dir/root"; do umount -l "$dir/root"; done
}

systemd_shutdown() { # HOST
  if systemd_pid "$1" >/dev/null; then
    # The connection to the service manager ends before its answer comes.
    systemd_exec "$1" systemctl poweroff >/dev/null 2>&1 || true
    wait_until 60 systemd_is_gone "$1" || say "$1 does not shut down, cutting its power"
  fi
  systemd_crash "$1"
}

systemd_exec() { # HOST COMMAND...
  local pid host=$1
  shift
  # Between two boots there is nobody, for a moment.
  if ! systemd_is_gone "$host"; then wait_until 5 systemd_pid "$host" >/dev/null || true; fi
  pid=$(systemd_pid "$host") || die "$host is down (./dev cluster start $host)"
  (
    cgroup_join "$host"
    exec nsenter -t "$pid" -m -p -u -i -n -C -r -w -- env -i \
      PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
      HOME=/root TERM="${TERM:-dumb}" "$@"
  )
}

systemd_services() { # HOST: those that are installed on it
  local service
  for service in agent containerd coordinator; do
    if systemd_service_exists "$1" $service; then echo $service; fi
  done
}
systemd_service_exists() {
  case $2 in
    containerd) valid_node "$1" ;;
    *) [ -x "$(host_root "$1")/usr/bin/muster-$2" ] ||
      [ -x "$(host_dir "$1")/upper/usr/bin/muster-$2" ] ;;
  esac
}
systemd_service_alive() {
  systemd_exec "$1" systemctl --quiet is-active "$(systemd_unit "$2")"
}
systemd_service_start() {
  systemd_exec "$1" systemctl start "$(systemd_unit "$2")" ||
    die "$2 does not start on $1: $(systemd_service_log_tail "$1" "$2")"
}
systemd_service_stop() { systemd_exec "$1" systemctl stop "$(systemd_unit "$2")"; }
systemd_service_kill() {
  systemd_service_alive "$1" "$2" || die "$2 is not running on $1"
  systemd_exec "$1" systemctl kill -s KILL "$(systemd_unit "$2")"
}
systemd_service_log_tail() {
  systemd_exec "$1" journalctl -q -u "$(systemd_unit "$2")" -n 5 -o cat 2>/dev/null || true
}

# Muster on such hosts, as an administrator installs it.

deb() { # NAME: path of the package
  local file
  for file in "$DEBS/$1"_*.deb; do
    if [ -e "$file" ]; then echo "$file"; fi
  done | sort -V | tail -n 1
}
debs_built() {
  local name
  for name in muster-agent muster-coordinator muster-ctl; do
    [ -n "$(deb $name)" ] || die "$DEBS has no package $name: ./dev package deb"
  done
  [ -x "$STATE/musterctl/usr/bin/musterctl" ] || dpkg-deb -x "$(deb muster-ctl)" "$STATE/musterctl"
}

deb_install() { # HOST NAME...
  local host=$1 name output
  shift
  local -a files=()
  for name in "$@"; do
    cp "$(deb "$name")" "$(host_root "$host")/var/tmp/$name.deb"
    files+=("/var/tmp/$name.deb")
  done
  output=$(systemd_exec "$host" env DEBIAN_FRONTEND=noninteractive dpkg -i "${files[@]}" 2>&1) ||
    die "$* cannot be installed on $host: $output"
}

systemd_coordinator_up() { # HOST [CONFIG_FILE]
  [ -x "$(host_root "$1")/usr/bin/muster-coordinator" ] ||
    deb_install "$1" muster-coordinator muster-ctl
  if [ -n "${2:-}" ]; then
    cp "$2" "$(host_root "$1")/etc/muster/coordinator.yaml"
    systemd_exec "$1" systemctl restart muster-coordinator
  fi
  wait_until 30 coordinator_answers ||
    die "the coordinator does not answer: $(systemd_service_log_tail "$1" coordinator)"
}

systemd_agent_up() { # NODE
  [ -x "$(host_root "$1")/usr/bin/muster-agent" ] || deb_install "$1" muster-agent
  node_join "$1"
  systemd_exec "$1" systemctl --quiet enable --now muster-agent ||
    die "the agent does not start on $1: $(systemd_service_log_tail "$1" agent)"
}
