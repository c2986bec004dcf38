#!/bin/sh
# Sets Muster up from where it was unpacked: units, settings, users. Run it as root.
#   install.sh agent|coordinator    what this host is to be; may be run for both
# The programs stay where they are: unpack the archive in its place first, such as /opt/muster.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

usage() {
  sed -n '2,4s/^# \{0,1\}//p' "$0" >&2
  exit 64
}

unit() { # NAME
  sed "s#/usr/bin/#$here/bin/#" "$here/share/muster/systemd/$1" >"/etc/systemd/system/$1"
}

settings() { # NAME: kept when they are there
  mkdir -p /etc/muster
  [ -e "/etc/muster/$1" ] || cp "$here/share/muster/$1" "/etc/muster/$1"
}

# Whose members may look.
viewers() { getent group muster >/dev/null || groupadd -r muster; }

case ${1:-} in
  agent)
    settings agent.yaml
    viewers
    unit muster-agent.service
    unit muster-agent.socket
    unit muster-node-ready.service
    unit muster-node-ready.target
    systemctl daemon-reload
    echo "Next: $here/bin/muster-agent join ..., with the line of 'musterctl token create'"
    ;;
  coordinator)
    settings coordinator.yaml
    viewers
    getent passwd muster-coordinator >/dev/null ||
      useradd -r -M -d /var/lib/muster/coordinator -s /usr/sbin/nologin muster-coordinator
    unit muster-coordinator.service
    unit muster-coordinator.socket
    systemctl daemon-reload
    systemctl enable --now muster-coordinator.service
    echo "Next: $here/bin/musterctl token create"
    ;;
  *) usage ;;
esac
