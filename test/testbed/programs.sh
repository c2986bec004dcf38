# shellcheck shell=bash
# Muster's own programs on the hosts: the coordinator, joining, the agents. Sourced.

admin_socket() { echo "$(host_run_dir "$(control_host)")/muster/coordinator.sock"; }

musterctl() { "$(ctl_dir)/musterctl" --server "unix:$(admin_socket)" "$@"; }

# Where musterctl for this machine is: of the build, or of the package that the hosts have.
ctl_dir() { if with_systemd; then echo "$STATE/musterctl/usr/bin"; else echo "$BUILD/ctl"; fi; }

programs_built() {
  local program
  if with_systemd; then
    debs_built
    return
  fi
  for program in coordinator/muster-coordinator agent/muster-agent ctl/musterctl; do
    [ -x "$BUILD/$program" ] || die "$BUILD/$program is not built: ./dev build"
  done
}

coordinator_answers() { musterctl version >/dev/null 2>&1; }

coordinator_up() { # [CONFIG_FILE]
  local host
  host=$(control_host)
  if with_systemd; then
    systemd_coordinator_up "$host" "${1:-}"
    return
  fi
  if [ -n "${1:-}" ]; then cp "$1" "$(host_dir "$host")/etc-own/muster/coordinator.yaml"; fi
  service_install "$host" coordinator "$BUILD/coordinator/muster-coordinator"
  service_start "$host" coordinator
  wait_until 30 coordinator_answers ||
    die "the coordinator does not answer: $(service_log_tail "$host" coordinator)"
}

node_has_joined() { # NODE
  if with_systemd; then
    host_exec "$1" test -e /var/lib/muster/agent/pki/node.crt
  else
    grep -qs '^coordinator:' "$(host_dir "$1")/etc-own/muster/agent.yaml"
  fi
}

node_settings() { # NODE
  local file
  if with_systemd; then
    file=$(host_root "$1")/etc/muster/agent.yaml
  else
    file=$(host_dir "$1")/etc-own/muster/agent.yaml
  fi
  grep -qs '^evictionHard:' "$file" || cat "$TESTBED_SCRIPTS/agent.yaml" >>"$file"
  if with_bridge && ! grep -qs '^network:' "$file"; then echo 'network: bridge' >>"$file"; fi
}

# Enrols a node unless it is already, as an administrator would: a token made on the control host,
# the printed line run on the node.
node_join() { # NODE
  local line target token hash output
  node_has_joined "$1" && return 0
  node_settings "$1"
  line=$(musterctl token create) || die "no token for $1"
  read -r _ _ target _ token _ hash <<<"$line"
  output=$(host_exec "$1" muster-agent join "$target" --token "$token" --ca-hash "$hash" \
    --node-name "$1" 2>&1) || die "$1 cannot join: $output"
}

agent_up() { # NODE
  if with_systemd; then
    systemd_agent_up "$1"
    return
  fi
  node_join "$1"
  service_install "$1" agent "$BUILD/agent/muster-agent"
  service_start "$1" agent
}

nodes_ready() { # NODE...
  local table node
  table=$(musterctl get nodes --no-headers 2>/dev/null) || return 1
  for node in "$@"; do
    grep -qE "^$node +Ready\b" <<<"$table" || return 1
  done
}

nodes_wait_ready() { # NODE...
  wait_until 60 nodes_ready "$@" || {
    say "$(musterctl get nodes 2>&1)"
    die "not every node became Ready; for example $1: $(service_log_tail "$1" agent)"
  }
}
