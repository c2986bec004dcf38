# shellcheck shell=bash
# One bridge, one network namespace for each host with eth0 on that bridge. A host's address lives
# in its network namespace and so survives a reboot of the host. Sourced.

BRIDGE=$PREFIX-br

bridge_up() {
  local other
  if ! ip link show "$BRIDGE" >/dev/null 2>&1; then
    other=$(ip -o -4 addr show | awk -v ip="$NET.1/24" '$4 == ip {print $2}')
    [ -z "$other" ] || die "$NET.1 is taken by $other: set MUSTER_TESTBED_INDEX to another number"
    ip link add "$BRIDGE" type bridge
  fi
  ip addr replace "$NET.1/24" dev "$BRIDGE"
  if with_bridge; then ip addr replace "$NET6::1/64" dev "$BRIDGE" nodad; fi
  ip link set "$BRIDGE" up
  firewall_open
}

# Where Docker runs, bridged packets go through a FORWARD chain that drops what it does not know.
firewall_open() {
  [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" = 1 ] || return 0
  iptables -C FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT 2>/dev/null ||
    iptables -I FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT
}

bridge_down() {
  while iptables -D FORWARD -i "$BRIDGE" -o "$BRIDGE" -j ACCEPT 2>/dev/null; do :; done
  ip link del "$BRIDGE" 2>/dev/null || true
}

host_net_up() { # HOST
  local ns=$PREFIX-$1
  # The alias is set last: what has none is half-made and is made again.
  [ "$(cat "/sys/class/net/$ns/ifalias" 2>/dev/null)" = ready ] && return 0
  host_net_down "$1"
  ip netns add "$ns"
  ip link add "$ns" type veth peer name eth0 netns "$ns"
  ip link set "$ns" master "$BRIDGE" up
  ip -n "$ns" -batch - <<EOF
link set lo up
addr add $(host_ip "$1")/24 dev eth0
link set eth0 up
route add default via $NET.1
EOF
  if with_bridge; then
    ip -n "$ns" addr add "$(host_ip6 "$1")/64" dev eth0 nodad
    ip -n "$ns" route add default via "$NET6::1"
  else
    ip netns exec "$ns" sysctl -qw net.ipv4.ip_forward=1
  fi
  ip link set "$ns" alias ready
}

host_net_down() { # HOST
  ip netns del "$PREFIX-$1" 2>/dev/null || true
  ip link del "$PREFIX-$1" 2>/dev/null || true
}

# Every host and this machine reach every node's pods through that node; nothing is masqueraded.
pod_routes() { # HOST (empty: this machine)
  local node
  for node in $(nodes); do
    if [ "$node" != "$1" ]; then
      echo "route replace $POD_NET.${node#node-}.0/24 via $(host_ip "$node")"
    fi
  done
}

routes_up() {
  local host
  if with_bridge; then return 0; fi
  pod_routes '' | ip -batch -
  for host in $(hosts); do
    if [ -e "/run/netns/$PREFIX-$host" ]; then
      pod_routes "$host" | ip -n "$PREFIX-$host" -batch -
    fi
  done
}

host_cut() { ip link set "$PREFIX-$1" down; }   # The cable is pulled: no carrier on both ends.
host_heal() { ip link set "$PREFIX-$1" up; }

network_hosts() { # Names of hosts of which some piece of network is left.
  local path
  for path in "/run/netns/$PREFIX-"* "/sys/class/net/$PREFIX-"*; do
    if [ -e "$path" ] && [ "${path##*/}" != "$BRIDGE" ]; then echo "${path##*/"$PREFIX"-}"; fi
  done
}
