# shellcheck shell=bash
# Light hosts: real network, mount, pid, uts, ipc and cgroup namespaces on this machine, with their
# own root directory, whose pid 1 is host-init.sh. Sourced.
#
# SIGKILL to that pid 1 is a power cut: the kernel takes everything in the host with it, so there
# is no daemon to look for by pid file and no mount to undo afterwards.

# The host's pid 1 as this machine sees it; fails when the host is down. A pid that was given to
# somebody else meanwhile is not in the host's cgroup.
light_pid() { # HOST
  local pid
  pid=$(cat "$(host_dir "$1")/pid" 2>/dev/null) || return 1
  grep -qs "/$PREFIX/$1\(/init\)\?$" "/proc/$pid/cgroup" || return 1
  echo "$pid"
}
host_is_up() { host_pid "$1" >/dev/null; }

hosts_file() { # HOST
  local number
  echo "127.0.0.1 localhost"
  echo "$(host_ip "$1") $1"
  echo "$(host_ip "$(control_host)") control"
  echo "$(host_ip registry) registry"
  for number in $(seq 1 50); do echo "$(host_ip "node-$number") node-$number"; done
}

light_files() { # HOST: its directory and what it reads from /etc
  local dir etc
  dir=$(host_dir "$1")
  etc=$dir/etc  # Upper layer over this machine's /etc; only written while the host is down.
  mkdir -p "$dir"/root/testbed/services "$dir"/etc-own/{cni,containerd,muster} "$dir"/etc-work \
    "$etc"
  [ -e "$etc/machine-id" ] || tr -d - </proc/sys/kernel/random/uuid >"$etc/machine-id"
  echo "$1" >"$etc/hostname"
  hosts_file "$1" >"$etc/hosts"
  # A link of this machine's /etc (systemd-resolved) must not lead out of the host.
  rm -f "$etc/resolv.conf"
  echo "# Nothing outside of the testbed has a name here." >"$etc/resolv.conf"
  if valid_node "$1"; then containerd_files "$1"; fi
}

light_service_install() { # HOST SERVICE COMMAND...: started now and at each boot of the host
  local file
  file=$(host_root "$1")/testbed/services/$2
  printf '#!/bin/bash\nexec %s\n' "${*:3}" >"$file.new"
  chmod +x "$file.new"
  mv "$file.new" "$file"
}

host_ready() { [ -e "$(host_root "$1")/run/testbed/ready" ]; }
host_ready_or_gone() { host_ready "$1" || ! kill -0 "$2" 2>/dev/null; }

light_boot() { # HOST
  local dir launcher
  host_is_up "$1" && return 0
  dir=$(host_dir "$1")
  host_crash "$1"  # Nothing of a half-made host may be left.
  cgroup_make "$1"
  host_files "$1"
  rm -rf --one-file-system "$dir/root/run"
  (
    # pid 1 keeps this lock as long as it lives, so a data directory never has two of them.
    exec 8>"$dir/lock"
    flock -n 8 || die "$1 is still going down"
    cgroup_enter "$1"
    # shellcheck disable=SC2016  # Expanded inside.
    exec setsid nsenter --net="/run/netns/$PREFIX-$1" unshare --cgroup env -i \
      PATH="$PATH" LANG=C.UTF-8 HOME=/root PREFIX="$PREFIX" \
      ASAN_OPTIONS="${ASAN_OPTIONS:-}" TSAN_OPTIONS="${TSAN_OPTIONS:-}" \
      bash -c '. "$1/cgroups.sh"; cgroup_settle "$3"
               exec unshare -m -p -u -i --fork --kill-child "$1/host-init.sh" "${@:2}"' \
      - "$TESTBED_SCRIPTS" "$dir" "$1" "$REPO" "$BUILD"
  ) </dev/null >>"$dir/boot.log" 2>&1 9>&- &
  launcher=$!
  wait_until 30 host_ready_or_gone "$1" $launcher || true
  host_ready "$1" || die "$1 does not boot: $(tail -n 3 "$dir/boot.log")"
}

host_is_gone() { ! [ -d "/proc/$1" ]; }

light_crash() { # HOST: a power cut
  local pid
  if pid=$(host_pid "$1"); then kill -9 "$pid" 2>/dev/null || true; fi
  cgroup_remove "$1"
  rm -f "$(host_dir "$1")/pid"
}

light_shutdown() { # HOST: services are asked to stop first
  local pid
  if pid=$(host_pid "$1"); then
    kill -TERM "$pid" 2>/dev/null || true
    wait_until 30 host_is_gone "$pid" || say "$1 does not shut down, cutting its power"
  fi
  host_crash "$1"
}

# Runs a command inside a host, in its cgroups and with the built programs in PATH.
light_exec() { # HOST COMMAND...
  local pid host=$1
  shift
  pid=$(host_pid "$host") || die "$host is down (./dev cluster start $host)"
  (
    cgroup_join "$host"
    # -r: where this machine is itself a chroot, the host's root is not that of its namespace.
    exec nsenter -t "$pid" -m -p -u -i -n -C -r -w -- env -i PATH="$(host_path)" LANG=C.UTF-8 \
      HOME=/root TERM="${TERM:-dumb}" ASAN_OPTIONS="${ASAN_OPTIONS:-}" "$@"
  )
}
host_path() { echo "$BUILD/ctl:$BUILD/agent:$BUILD/coordinator:$PATH"; }

host_remove() { # HOST: as if it had never been
  host_crash "$1"
  host_net_down "$1"
  rm -rf --one-file-system "$(host_dir "$1")"
}

# Services of a host: service.sh keeps each one running, its pids are in the host's /run/testbed.
light_services() { # HOST: names of the services it has
  local file
  for file in "$(host_root "$1")"/testbed/services/*; do
    if [ -x "$file" ]; then basename "$file"; fi
  done
}
light_service_exists() { [ -x "$(host_root "$1")/testbed/services/$2" ]; }
service_pid() { cat "$(host_root "$1")/run/testbed/$2.pid" 2>/dev/null; }  # As the host sees it.
light_service_alive() {
  local pid
  pid=$(service_pid "$1" "$2") && host_exec "$1" test -d "/proc/$pid"
}

light_service_start() { # HOST SERVICE
  host_exec "$1" setsid --fork "$TESTBED_SCRIPTS/service.sh" "$2" </dev/null >/dev/null 2>&1 9>&-
  wait_until 10 service_alive "$1" "$2" ||
    die "$2 does not start on $1: $(tail -n 3 "$(host_root "$1")/var/log/$2.log" 2>/dev/null)"
}

light_service_stop() { # HOST SERVICE: orderly, and it stays down until it is started
  host_exec "$1" "$TESTBED_SCRIPTS/service.sh" --stop "$2"
}

light_service_kill() { # HOST SERVICE: SIGKILL; it is started again at once, as systemd does
  local pid
  # It may just be coming back from the last one.
  wait_until 5 service_alive "$1" "$2" || die "$2 is not running on $1"
  pid=$(service_pid "$1" "$2")
  host_exec "$1" kill -9 "$pid"
  wait_until 10 process_gone "$1" "$pid" || die "$2 on $1 survives SIGKILL"
}
process_gone() { ! host_exec "$1" test -d "/proc/$2"; }

light_run_dir() { echo "$(host_root "$1")/run"; }
light_service_log_tail() { tail -n 5 "$(host_root "$1")/var/log/$2.log" 2>/dev/null || true; }

containerd_socket() { echo "$(host_run_dir "$1")/containerd/containerd.sock"; }
containerd_answers() {
  ctr --address "$(containerd_socket "$1")" --connect-timeout 1s version >/dev/null 2>&1
}
containerd_wait() {
  wait_until 60 containerd_answers "$1" ||
    die "containerd on $1 does not answer: $(service_log_tail "$1" containerd)"
}

containerd_files() { # NODE
  local etc registry
  etc=$(host_dir "$1")/etc-own
  mkdir -p "$etc/cni/net.d" "$etc/containerd/certs.d"
  cat >"$etc/containerd/config.toml" <<EOF
version = 2
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
]
[plugins."io.containerd.grpc.v1.cri"]
  # Without CAP_SYS_RESOURCE a negative score makes runc fail.
  restrict_oom_score_adj = true
  sandbox_image = "$PAUSE_IMAGE"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
EOF
  # Every registry there is, is our own one: nothing is ever fetched from outside.
  for registry in docker.io registry.k8s.io _default; do
    mkdir -p "$etc/containerd/certs.d/$registry"
    cat >"$etc/containerd/certs.d/$registry/hosts.toml" <<EOF
server = "http://${REGISTRY:?}"
[host."http://$REGISTRY"]
  capabilities = ["pull", "resolve"]
EOF
  done
  if with_bridge; then return 0; fi
  cat >"$etc/cni/net.d/10-muster.conflist" <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "ranges": [[{"subnet": "$POD_NET.${1#node-}.0/24"}]],
            "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
EOF
}
