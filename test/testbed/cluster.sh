#!/bin/bash
# The testbed: real hosts on this machine, each with its own containerd, a coordinator, and a
# registry. `./dev cluster` and `./dev registry` run it; see usage below for the verbs.
#
# Every verb is idempotent, and each one may be killed at any moment: the next one mends or
# removes what it left. Verbs that change the testbed hold a lock, one at a time.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/settings.sh"
. "$here/cgroups.sh"
. "$here/network.sh"
. "$here/images.sh"
. "$here/hosts.sh"
. "$here/golden-root.sh"
. "$here/systemd-hosts.sh"
. "$here/host-kinds.sh"
. "$here/programs.sh"

usage() {
  cat <<'EOF'
./dev cluster up [-n N] [--systemd] [--network bridge] [--control-on node-I] [--bare]
                 [--coordinator-config FILE]
                                   N hosts (3), a coordinator, a registry; reports a running one.
                                   --systemd: hosts with systemd as pid 1, and Muster installed from
                                   its packages; otherwise light ones that run what was built.
                                   --network bridge: hosts with IPv4 and IPv6 and without any
                                   CNI configuration, whose agents make the network of pods
./dev cluster status               hosts, addresses, services
./dev cluster env                  shell exports: eval "$(./dev cluster env)"
./dev cluster exec HOST -- CMD...  run a command inside a host
./dev cluster add [HOST] [--no-join]   one more node
./dev cluster remove HOST          power off and throw away (its Node object stays)
./dev cluster kill HOST [SERVICE]  SIGKILL a service (it restarts), or cut the host's power
./dev cluster stop HOST [SERVICE]  stop a service or the host until it is started again
./dev cluster start HOST [SERVICE]
./dev cluster reboot HOST          shut it down and boot it again
./dev cluster cut|heal HOST        pull the network cable, plug it in again
./dev cluster down                 remove everything

HOST is control, registry or node-1, node-2, ...; SERVICE is agent, containerd or coordinator.
State is in $MUSTER_TESTBED (/var/tmp/muster-testbed); another directory is another testbed.
EOF
}

usage_error() {
  printf 'error: %s\n\n' "$*" >&2
  usage >&2
  exit 64
}

need_root() {
  [ "$(id -u)" = 0 ] || die "real hosts need root (namespaces, mounts, cgroups): run it as root"
}

lock() {
  mkdir -p "${LOCK%/*}"
  exec 9>>"$LOCK"
  flock -n 9 && return 0
  say "waiting for another ./dev cluster command on $STATE ..."
  flock 9
}

state_filesystem() { stat -f -c %T "$1"; }

# Containers' root filesystems are overlays, which cannot lie on another overlay (as "/" is inside
# most containers): there the state goes to memory.
state_up() {
  local left
  mkdir -p "$STATE"
  if [ ! -e "$STATE/.muster-testbed" ]; then
    left=$(ls -A "$STATE")
    [ -z "$left" ] || die "$STATE is not empty and not a testbed: choose another MUSTER_TESTBED"
    if [ "$(state_filesystem "$STATE")" = overlayfs ]; then
      say "$STATE is on overlayfs: keeping the testbed's state in memory instead"
      mount -t tmpfs -o mode=755 muster-testbed "$STATE"
    fi
    touch "$STATE/.muster-testbed"
  fi
  mkdir -p "$STATE/hosts"
}

node_make() { # NODE: its network and files; nothing runs yet
  host_dir_make "$1"
  host_net_up "$1"
  host_files "$1"
  service_install "$1" containerd containerd
}

host_dir_make() { # HOST
  mkdir -p "$(host_dir "$1")"
  if with_systemd; then touch "$(host_dir "$1")/systemd"; fi
}

control_make() {
  host_dir_make control
  host_net_up control
  host_files control
}

need_host() { # HOST
  [ -d "$(host_dir "$1")" ] ||
    die "there is no host $1 (hosts: $(hosts | paste -sd' '); ./dev cluster up makes them)"
}
need_up() { [ -e "$STATE/.muster-testbed" ] || die "no cluster here: ./dev cluster up"; }

boot_all() { # NODE...: boots those that are down, at the same time
  local node pid
  local -a pids=()
  for node in "$@"; do
    host_boot "$node" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || die "not every host came up"; done
  for node in "$@"; do containerd_wait "$node"; done
}

up() {
  local count=3 control=control bare='' settings='' systemd='' network='' node
  while [ $# -gt 0 ]; do
    case $1 in
      -n) count=${2:-} && shift ;;
      --control-on) control=${2:-} && shift ;;
      --coordinator-config) settings=${2:-} && shift ;;
      --bare) bare=1 ;;  # Hosts and registry only: what runs on them is the caller's business.
      --systemd) systemd=1 ;;
      --network) network=${2:-} && shift ;;
      *) usage_error "cluster up: what is $1?" ;;
    esac
    shift || usage_error "cluster up: a value is missing"
  done
  [[ $count =~ ^([1-9]|[1-4][0-9]|50)$ ]] || usage_error "-n wants a number from 1 to 50"
  [ "$control" = control ] || valid_node "$control" || usage_error "--control-on wants node-I"
  [ -z "$settings" ] || [ -r "$settings" ] || die "cannot read $settings"
  [ -z "$network" ] || [ "$network" = bridge ] || usage_error "--network wants bridge"
  need_root
  lock
  state_up
  if [ "$network" ]; then
    [ -z "$(nodes)" ] || with_bridge ||
      die "this cluster has another network: ./dev cluster down first"
    touch "$STATE/bridge"
  fi
  [ -e "$STATE/control-host" ] || echo "$control" >"$STATE/control-host"
  if [ "$systemd" ]; then
    [ -z "$(nodes)" ] || with_systemd ||
      die "this cluster has light hosts: ./dev cluster down first"
    touch "$STATE/systemd"
  fi
  for node in $(seq -f 'node-%g' "$count"); do host_dir_make "$node"; done

  if with_systemd; then
    programs_built
    golden_build
  fi
  images_build
  registry_up
  registry_push_ours
  for node in $(nodes); do node_make "$node"; done
  [ "$(control_host)" = control ] && control_make
  routes_up
  # shellcheck disable=SC2046  # One word each.
  boot_all $(nodes)
  [ "$(control_host)" = control ] && host_boot control
  if [ -z "$bare" ]; then
    programs_built
    coordinator_up "$settings"
    for node in $(nodes); do agent_up "$node"; done
    # shellcheck disable=SC2046
    nodes_wait_ready $(nodes)
  fi
  status
}

add() {
  local node='' join=1 number
  while [ $# -gt 0 ]; do
    case $1 in
      --no-join) join='' ;;
      *) node=$1 ;;
    esac
    shift
  done
  need_root
  lock
  need_up
  if [ -z "$node" ]; then
    number=$(nodes | sed 's/node-//' | tail -n 1)
    node=node-$((number + 1))
  fi
  valid_node "$node" || usage_error "a host is called node-I"
  node_make "$node"
  routes_up
  boot_all "$node"
  if [ "$join" ] && service_exists "$(control_host)" coordinator; then
    agent_up "$node"
    nodes_wait_ready "$node"
  fi
  say "$node is up ($(host_ip "$node"))"
}

remove() { # HOST
  [ $# = 1 ] || usage_error "cluster remove HOST"
  valid_node "$1" || usage_error "only nodes can be removed; ./dev cluster down removes all"
  need_root
  lock
  need_host "$1"
  [ "$1" != "$(control_host)" ] || die "$1 runs the coordinator"
  host_remove "$1"
}

need_service() { # HOST SERVICE
  case $2 in
    agent | containerd | coordinator | registry) ;;
    *) usage_error "a service is agent, containerd or coordinator" ;;
  esac
  service_exists "$1" "$2" || die "$1 has no $2 (it has: $(services "$1" | paste -sd' '))"
}

# kill|stop|start HOST [SERVICE]
power() {
  local verb=$1 host service
  shift
  [ $# = 1 ] || [ $# = 2 ] || usage_error "cluster $verb HOST [SERVICE]"
  need_root
  lock
  need_up
  host=$(resolve_host "$1")
  service=${2:-}
  need_host "$host"
  if [ -z "$service" ]; then
    case $verb in
      kill) host_crash "$host" ;;
      stop) host_shutdown "$host" ;;
      start)
        host_boot "$host"
        if valid_node "$host"; then containerd_wait "$host"; fi
        ;;
    esac
    return
  fi
  need_service "$host" "$service"
  host_is_up "$host" || die "$host is down (./dev cluster start $host)"
  "service_$verb" "$host" "$service"
}

reboot() { # HOST
  local host
  [ $# = 1 ] || usage_error "cluster reboot HOST"
  need_root
  lock
  need_up
  host=$(resolve_host "$1")
  need_host "$host"
  host_shutdown "$host"
  host_boot "$host"
  if valid_node "$host"; then containerd_wait "$host"; fi
}

cable() { # cut|heal HOST
  local host
  [ $# = 2 ] || usage_error "cluster $1 HOST"
  need_root
  need_up
  host=$(resolve_host "$2")
  need_host "$host"
  "host_$1" "$host"
}

in_host() { # HOST -- CMD...
  local host
  [ $# -ge 2 ] || usage_error "cluster exec HOST -- CMD..."
  need_root
  need_up
  host=$(resolve_host "$1")
  shift
  [ "$1" != -- ] || shift
  need_host "$host"
  host_exec "$host" "$@"
}

status() {
  local host service state list pods
  need_up
  printf '%-10s %-14s %-6s %-16s %s\n' HOST ADDRESS STATE PODS SERVICES
  for host in $(hosts); do
    state=up list=
    host_is_up "$host" || state=down
    for service in $(services "$host"); do
      if [ $state = down ] || ! service_alive "$host" "$service"; then service="$service(down)"; fi
      list+="$service "
    done
    [ "$(cat "/sys/class/net/$PREFIX-$host/carrier" 2>/dev/null)" = 1 ] || state+=,cut
    case $host in
      node-*)
        pods=$POD_NET.${host#node-}.0/24
        if with_bridge; then pods=-; fi
        printf '%-10s %-14s %-6s %-16s %s\n' "$host" "$(host_ip "$host")" $state "$pods" "$list"
        ;;
      *) printf '%-10s %-14s %-6s %-16s %s\n' "$host" "$(host_ip "$host")" $state - "$list" ;;
    esac
  done
}

environment() {
  need_up
  echo "export MUSTER_SERVER=unix:$(admin_socket)"
  if with_systemd; then
    echo "export PATH=$(ctl_dir):\$PATH"
  else
    echo "export PATH=$BUILD/ctl:$BUILD/agent:$BUILD/coordinator:\$PATH"
  fi
  echo "export MUSTER_TESTBED=$STATE"
  echo "export MUSTER_TESTBED_INDEX=$INDEX"
}

leftovers() { # Hosts of which anything is left, also of a testbed whose directory is gone.
  { hosts; network_hosts; cgroup_hosts; } | sort -u
}

down() {
  local host
  need_root
  lock
  for host in $(leftovers); do host_remove "$host" & done
  wait
  bridge_down
  cgroup_remove_top
  if [ -e "$STATE/.muster-testbed" ]; then
    rm -rf --one-file-system "$STATE/hosts"
    if mountpoint -q "$STATE"; then umount "$STATE"; fi
    rm -rf --one-file-system "$STATE"
  fi
  [ -z "$(leftovers)" ] || die "left over: $(leftovers | paste -sd' ')"
}

main() {
  local verb=${1:-}
  [ $# = 0 ] || shift
  case $verb in
    up) up "$@" ;;
    add) add "$@" ;;
    remove) remove "$@" ;;
    kill | stop | start) power "$verb" "$@" ;;
    reboot) reboot "$@" ;;
    cut | heal) cable "$verb" "$@" ;;
    exec) in_host "$@" ;;
    status) status ;;
    env) environment ;;
    down) down ;;
    push)
      [ $# -ge 2 ] || usage_error "registry push NAME[:TAG] ROOTFS_DIR [ENTRYPOINT...]"
      need_root
      registry_push "$@"
      ;;
    help | -h | --help) usage ;;
    *) usage_error "cluster: what is '$verb'?" ;;
  esac
}

main "$@"
exit
