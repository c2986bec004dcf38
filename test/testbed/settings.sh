# shellcheck shell=bash
# shellcheck disable=SC2034  # Used by those who source this.
# What all parts of the testbed agree on: where things live, what they are called, how we speak.
# Sourced by cluster.sh and demo.sh, never run.
#
#   MUSTER_TESTBED        the directory that holds all state (default /var/tmp/muster-testbed)
#   MUSTER_TESTBED_INDEX  0..99, picks addresses and the prefix of links, network namespaces and
#                         cgroups. Two testbeds with other directories and indexes do not meet.
#   MUSTER_DEBS           the directory of the packages for hosts with systemd (build/package/deb)
#   MUSTER_BUILD          the build directory the hosts run the programs from (build/debug)

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
TESTBED_SCRIPTS=$REPO/test/testbed
STATE=${MUSTER_TESTBED:-/var/tmp/muster-testbed}
BUILD=${MUSTER_BUILD:-$REPO/build/debug}
CACHE=$REPO/build/testbed  # Images, kept over `down`.
DEBS=${MUSTER_DEBS:-$REPO/build/package/deb}  # The packages that hosts with systemd get.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# The default directory has index 0; any other one gets a number from its name, so that nobody has
# to choose. Two names that fall on the same number are found when the bridge is made.
if [ -n "${MUSTER_TESTBED_INDEX:-}" ]; then
  INDEX=$MUSTER_TESTBED_INDEX
elif [ "$STATE" = /var/tmp/muster-testbed ]; then
  INDEX=0
else
  INDEX=$(printf %s "$STATE" | cksum | awk '{print $1 % 80 + 1}')
fi
PREFIX=mst$INDEX                  # "mst99-node-100" still fits into a link name of 15 bytes.
NET=10.123.$INDEX                 # Hosts: NET.0/24. The machine itself is NET.1, on the bridge.
NET6=fd00:10:123:$INDEX           # With --network bridge they have addresses of NET6::/64, too.
POD_NET=10.$((130 + INDEX))       # Pods of node-N: POD_NET.N.0/24.
REGISTRY=$NET.3:5000
LOCK=/run/lock/$PREFIX-testbed.lock

# Addresses of the testbed are never reached through a proxy.
export no_proxy='*' NO_PROXY='*'

say() { printf '%s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# wait_until SECONDS CMD...: true as soon as CMD is, false when it is not in time.
wait_until() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

host_dir() { echo "$STATE/hosts/$1"; }
host_root() { echo "$STATE/hosts/$1/root"; }  # The host's own "/", as seen from this machine.

host_ip() {
  case $1 in
    control) echo "$NET.2" ;;
    registry) echo "$NET.3" ;;
    node-*) echo "$NET.$((10 + ${1#node-}))" ;;
  esac
}

host_ip6() { local ip; ip=$(host_ip "$1"); echo "$NET6::${ip##*.}"; }

# Whether the agents make the network of pods; else the testbed does, with IPv4 only.
with_bridge() { [ -e "$STATE/bridge" ]; }

# Whether the hosts of this testbed are ones with systemd.
with_systemd() { [ -e "$STATE/systemd" ]; }

valid_node() { [[ $1 =~ ^node-([1-9]|[1-9][0-9]|1[0-9][0-9])$ ]]; }

# The host that runs the coordinator: "control", or the node named by `up --control-on`.
control_host() { cat "$STATE/control-host" 2>/dev/null || echo control; }

# "control" is a name for that host in every command, whichever it is.
resolve_host() { if [ "$1" = control ]; then control_host; else echo "$1"; fi; }

# Hosts that belong to this testbed, nodes in the order of their numbers.
hosts() {
  local dir
  for dir in "$STATE"/hosts/*/; do
    [ -d "$dir" ] && basename "$dir"
  done | sort -V
}
nodes() { hosts | grep '^node-' || true; }
