#!/bin/bash
# `./dev demo`: one DaemonSet on three real hosts, from apply to delete, told to a reader. Every
# step checks what it shows, so the demo fails where the product does.
# shellcheck disable=SC2317  # Much is called by name, from wait_until.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# A testbed of its own: a cluster that is up already stays as it is.
export MUSTER_TESTBED=${MUSTER_DEMO_TESTBED:-/var/tmp/muster-demo}
export MUSTER_TESTBED_INDEX=${MUSTER_TESTBED_INDEX:-90}
. "$here/settings.sh"
. "$here/cgroups.sh"
. "$here/network.sh"
. "$here/images.sh"
. "$here/hosts.sh"
. "$here/golden-root.sh"
. "$here/systemd-hosts.sh"
. "$here/host-kinds.sh"
. "$here/programs.sh"

manifest=daemonset_demo.yml
daemonset="daemonset-demo-prometheus"
export NO_COLOR=1

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi

tell() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
cluster() { "$here/cluster.sh" "$@"; }

# Runs musterctl and shows what a user would have typed and seen; the output stays in $output.
run() {
  printf '\n  $ musterctl %s\n' "$*"
  output=$(musterctl "$@" 2>&1) || {
    printf '%s\n' "$output"
    fail "musterctl $* failed"
  }
  printf '%s\n' "$output" | sed 's/^/  /'
}

fail() {
  printf '\nThe demo FAILED: %s\n' "$*" >&2
  {
    echo '--- pods'
    musterctl get pods -A -o wide
    echo '--- events'
    musterctl get events -A
    for node in $(nodes); do
      echo "--- agent on $node"
      service_log_tail "$node" agent
    done
    echo '--- coordinator'
    service_log_tail "$(control_host)" coordinator
  } >&2 2>&1 || true
  exit 1
}

expect() { # WHAT REGEX: the last output has a line like that
  grep -qE -- "$2" <<<"$output" || fail "expected $1: $2"
}

pods() { musterctl get pods -l name=prometheus-exporter -o json | jq -r "$@"; }
running() { # N: so many pods, all of them ready, on as many nodes
  local nodes
  nodes=$(pods '.items[] | select(.metadata.deletionTimestamp == null)
    | select(.status.conditions // [] | any(.type == "Ready" and .status == "True"))
    | .spec.nodeName' | sort -u | wc -l)
  [ "$nodes" = "$1" ] && [ "$(pods '.items | length')" = "$1" ]
}
await_running() { wait_until "$2" running "$1" || fail "not $1 running pods within $2 s"; }

# What no reader of tables is fooled by: containers that the nodes' own runtimes know.
containers_left() {
  local node
  for node in $(nodes); do host_exec "$node" ctr -n k8s.io containers ls -q; done
}
nothing_left() { [ -z "$(containers_left)" ]; }

main() {
  local started=$SECONDS ip node line
  trap 'cluster down' EXIT
  cluster down  # Of a demo that was interrupted.

  tell "Three hosts. Each has its own network, containerd and root directory; node-1 also runs the
coordinator. They joined with a one-time token, and every connection is mutual TLS."
  cluster up -n 3 --control-on node-1
  run get nodes -o wide
  expect "three Ready nodes" '^node-3 +Ready '

  tell "One DaemonSet: a Prometheus exporter for every host."
  sed 's/^/  | /' "$REPO/test/data/demo/$manifest"
  cd "$REPO/test/data/demo"
  run apply -f $manifest --record
  expect "it to be created" "^daemonset.apps/$daemonset created$"

  tell "Its pods: one per node."
  await_running 3 60
  run get daemonsets $daemonset -o wide
  line='prometheus +prom/node-exporter +name=prometheus-exporter,tier=monitoring'
  expect "3 3 3 3 3" "^$daemonset +3 +3 +3 +3 +3 +<none> +[0-9]+s +$line$"
  run get pods -o wide
  for node in node-1 node-2 node-3; do
    line="$daemonset-[a-z0-9]{5} +1/1 +Running +0 +[0-9]+s +10\.[0-9.]+"
    expect "a running pod on $node" "^$line +$node "
  done

  tell "What the coordinator knows of it."
  run describe daemonset $daemonset
  for line in 'Selector: +name=prometheus-exporter,tier=monitoring' 'Node-Selector: +<none>' \
    'Labels: +<none>' 'Annotations: +deprecated.daemonset.template.generation: 1' \
    " +kubernetes.io/change-cause: musterctl apply --filename=$manifest --record=true" \
    'Desired Number of Nodes Scheduled: 3' 'Current Number of Nodes Scheduled: 3' \
    'Number of Nodes Scheduled with Up-to-date Pods: 3' \
    'Number of Nodes Scheduled with Available Pods: 3' 'Number of Nodes Misscheduled: 0' \
    'Pods Status: +3 Running / 0 Waiting / 0 Succeeded / 0 Failed' 'Pod Template:' \
    ' +Image: +prom/node-exporter' ' +Port: +80/TCP'; do
    expect "this line" "^$line$"
  done
  [ "$(grep -c 'SuccessfulCreate.*Created pod: ' <<<"$output")" = 3 ] ||
    fail "expected three SuccessfulCreate events"

  tell "They are real: every pod answers on its own address (the exporter listens on 9100)."
  for ip in $(pods '.items[].status.podIP'); do
    line=$(curl -sf --max-time 5 "http://$ip:9100/metrics" | grep '^node_exporter_build_info') ||
      fail "no metrics from $ip"
    printf '\n  $ curl http://%s:9100/metrics\n  ...\n  %s\n  ...\n' "$ip" "$line"
  done

  tell "A fourth host joins. Nobody asks for it: a pod appears there."
  cluster add node-4
  await_running 4 60
  run get pods -o wide
  expect "a running pod on node-4" " Running .* node-4 "
  run get daemonsets $daemonset
  expect "4 4 4 4 4" "^$daemonset +4 +4 +4 +4 +4 "

  tell "The fourth host is taken away, without a word to anybody, and its node is deleted. What ran
there is collected once it is clear that it does not come back."
  cluster remove node-4
  run delete node node-4
  await_running 3 120
  run get pods -o wide
  run get daemonsets $daemonset
  expect "3 3 3 3 3" "^$daemonset +3 +3 +3 +3 +3 "

  tell "The end: the DaemonSet is deleted, and its pods go."
  run delete -f $manifest
  expect "it to be deleted" "^daemonset.apps \"$daemonset\" deleted"
  wait_until 60 running 0 || fail "pods are left after 60 s"
  run get pods
  wait_until 30 nothing_left || fail "containers are left: $(containers_left | paste -sd' ')"
  tell "No pod is left in the coordinator, and no container in any runtime."
  say "(the demo took $((SECONDS - started)) s)"
}

main "$@"
exit
