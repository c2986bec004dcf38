# shellcheck shell=bash
# Two kinds of hosts, light ones (hosts.sh) and ones with systemd (systemd-hosts.sh): each verb goes
# to the kind of its host, which is decided when the host is made. Sourced.

host_kind() { # HOST
  if [ -e "$(host_dir "$1")/systemd" ]; then echo systemd; else echo light; fi
}
of_kind() { # VERB HOST ARGS...
  local verb=$1
  shift
  "$(host_kind "$1")_$verb" "$@"
}

host_pid() { of_kind pid "$@"; }
host_files() { of_kind files "$@"; }
host_boot() { of_kind boot "$@"; }
host_crash() { of_kind crash "$@"; }
host_shutdown() { of_kind shutdown "$@"; }
host_exec() { of_kind exec "$@"; }
host_run_dir() { of_kind run_dir "$@"; }  # The host's /run, as seen from this machine.
services() { of_kind services "$@"; }
service_exists() { of_kind service_exists "$@"; }
service_install() { of_kind service_install "$@"; }
service_alive() { of_kind service_alive "$@"; }
service_start() { of_kind service_start "$@"; }
service_stop() { of_kind service_stop "$@"; }
service_kill() { of_kind service_kill "$@"; }
service_log_tail() { of_kind service_log_tail "$@"; }
