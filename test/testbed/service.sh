#!/bin/bash
# Keeps one service of a light host running, as systemd does with Restart=always.
#   service.sh NAME         runs /testbed/services/NAME again and again until told to stop
#   service.sh --stop NAME  stops the service and its keeper, returns when both are gone
# /run/testbed/NAME.pid is the service, NAME.keeper this script, which holds a lock on the latter.
set -uo pipefail
run=/run/testbed

keep() {
  local name=$1 child='' stopping='' started
  exec 7>>"$run/$name.keeper"
  flock -n 7 || return 0  # Somebody keeps it already.
  echo $$ >"$run/$name.keeper"
  trap 'stopping=1; [ -z "$child" ] || kill -TERM "$child" 2>/dev/null' TERM
  while [ -z "$stopping" ]; do
    started=$SECONDS
    "/testbed/services/$name" >>"/var/log/$name.log" 2>&1 </dev/null 7>&- &
    child=$!
    echo "$child" >"$run/$name.pid"
    [ -z "$stopping" ] || kill -TERM "$child" 2>/dev/null
    while kill -0 "$child" 2>/dev/null; do wait "$child"; done
    rm -f "$run/$name.pid"
    child=''
    [ -z "$stopping" ] || break
    # systemd's RestartSec; longer for a program that dies at once.
    sleep "$((SECONDS - started < 1 ? 1 : 0)).1" 7>&- &
    wait $!
  done
  rm -f "$run/$name.keeper"
}

stop() {
  local name=$1 keeper
  keeper=$(cat "$run/$name.keeper" 2>/dev/null) || return 0
  flock -n "$run/$name.keeper" true && return 0  # Nobody keeps it.
  [ -n "$keeper" ] && kill -TERM "$keeper" 2>/dev/null
  if ! flock -w 30 "$run/$name.keeper" true; then
    echo "error: $name does not stop within 30 s" >&2
    return 1
  fi
  rm -f "$run/$name.keeper"
}

case $1 in
  --stop) stop "$2" ;;
  *) keep "$1" ;;
esac
exit
