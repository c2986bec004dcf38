# shellcheck shell=bash
# The images of the demo and the tests, built offline from Debian's packages as OCI layouts in
# CACHE/images/NAME, and the registry that serves them. Sourced.

PAUSE_IMAGE=registry.k8s.io/pause:3.6

# image_build OUT ROOTFS [UMOCI_CONFIG_ARGS...]: an OCI layout with one image tagged "latest"
image_build() (
  set -e
  out=$1 rootfs=$2
  shift 2
  work=$(mktemp -d "$CACHE/image.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  {
    umoci init --layout "$work/oci"
    umoci new --image "$work/oci:latest"
    umoci unpack --image "$work/oci:latest" "$work/bundle"
    cp -a "$rootfs/." "$work/bundle/rootfs/"
    umoci repack --image "$work/oci:latest" "$work/bundle"
    umoci config --image "$work/oci:latest" "$@"
    umoci gc --layout "$work/oci"
  } >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  rm -rf "$out"
  mv "$work/oci" "$out"
)

rootfs_busybox() { # DIR
  local applet
  mkdir -p "$1"/{bin,etc,root,tmp,var}
  chmod 1777 "$1/tmp"
  cp /bin/busybox "$1/bin/"
  for applet in $(/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "$1/bin/$applet"
  done
  echo 'root:x:0:0:root:/root:/bin/sh' >"$1/etc/passwd"
  echo 'root:x:0:' >"$1/etc/group"
}

rootfs_pause() { # DIR
  mkdir -p "$1"
  # Sleeps until it is told to stop, and reaps what a shared pid namespace hands to it.
  cc -Os -static -s -o "$1/pause" -x c - <<'EOF'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void stop(int signal) { (void)signal; _exit(0); }
static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0) {} }
int main(void) {
  signal(SIGTERM, stop);
  signal(SIGINT, stop);
  signal(SIGCHLD, reap);
  for (;;) pause();
}
EOF
}

# Its binary out of Debian's package, and the libraries that needs.
rootfs_node_exporter() { # DIR
  local unpacked=$1.deb file
  mkdir -p "$unpacked" "$1"/{bin,tmp}
  dpkg -x "$CACHE"/debs/prometheus-node-exporter_*.deb "$unpacked" ||
    die "the package of node-exporter was not downloaded: ./dev setup"
  cp "$unpacked/usr/bin/prometheus-node-exporter" "$1/bin/node_exporter"
  for file in $(ldd "$1/bin/node_exporter" | grep -o '/[^ ]*'); do
    mkdir -p "$1${file%/*}"
    cp -L "$file" "$1$file"
  done
}

# Builds what is not there yet. Kept over `down`: an image depends on nothing of the testbed.
images_build() (
  set -e
  mkdir -p "$CACHE/images"
  exec 8>"$CACHE/lock"
  flock 8
  work=$(mktemp -d "$CACHE/rootfs.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  cd "$CACHE/images"
  if [ ! -d busybox ]; then
    rootfs_busybox "$work/busybox"
    image_build "$PWD/busybox" "$work/busybox" --config.cmd sh --config.env PATH=/bin
  fi
  if [ ! -d pause ]; then
    rootfs_pause "$work/pause"
    image_build "$PWD/pause" "$work/pause" --config.entrypoint /pause
  fi
  if [ ! -d node-exporter ]; then
    rootfs_node_exporter "$work/node-exporter"
    image_build "$PWD/node-exporter" "$work/node-exporter" \
      --config.entrypoint /bin/node_exporter --config.user 65534 --config.exposedports 9100/tcp
  fi
)

registry_files() { # The registry is a light host of its own, so its port is free on any machine.
  local root
  root=$(host_root registry)
  mkdir -p "$root/testbed" "$root/var/lib/registry"
  cat >"$root/testbed/registry.yml" <<EOF
version: 0.1
log: {level: info, accesslog: {disabled: false}}
storage: {filesystem: {rootdirectory: /var/lib/registry}, delete: {enabled: true}}
http: {addr: "0.0.0.0:5000", secret: testbed}
EOF
}

registry_answers() { curl -sf -o /dev/null --max-time 2 "http://$REGISTRY/v2/"; }

registry_up() {
  bridge_up
  mkdir -p "$(host_dir registry)"
  host_net_up registry
  registry_files
  host_files registry
  service_install registry registry docker-registry serve /testbed/registry.yml
  host_boot registry
  wait_until 20 registry_answers || die "the registry does not answer on $REGISTRY"
}

# The path by which our registry knows an image: docker.io and registry.k8s.io are both mirrored
# by it, so their names are left out. "busybox" -> "library/busybox:latest"
registry_path() { # NAME[:TAG]
  local name=$1
  case $name in
    docker.io/*) name=${name#docker.io/} ;;
    registry.k8s.io/*) registry_tagged "${name#registry.k8s.io/}"; return ;;
  esac
  case $name in
    */*) ;;
    *) name=library/$name ;;
  esac
  registry_tagged "$name"
}
registry_tagged() { case ${1##*/} in *:*) echo "$1" ;; *) echo "$1:latest" ;; esac; }

registry_has() { # PATH:TAG
  curl -sf -o /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    "http://$REGISTRY/v2/${1%:*}/manifests/${1##*:}"
}

registry_push_layout() { # OCI_LAYOUT NAME[:TAG]
  local out
  out=$(skopeo --insecure-policy copy -q --dest-tls-verify=false \
    "oci:$1:latest" "docker://$REGISTRY/$(registry_path "$2")" 2>&1) || die "push of $2: $out"
}

registry_push_ours() {
  local layout name
  while read -r layout name; do
    registry_has "$(registry_path "$name")" || registry_push_layout "$CACHE/images/$layout" "$name"
  done <<EOF
pause $PAUSE_IMAGE
busybox docker.io/library/busybox:latest
node-exporter docker.io/prom/node-exporter:latest
EOF
}

# registry_push NAME[:TAG] ROOTFS_DIR [ENTRYPOINT...]: makes an image of a directory and pushes it
registry_push() {
  local name=$1 rootfs=$2 work word
  local -a config=()
  shift 2
  [ -d "$rootfs" ] || die "$rootfs is not a directory"
  registry_answers || die "there is no registry: bring it up with ./dev cluster up"
  for word in "$@"; do config+=(--config.entrypoint "$word"); done
  mkdir -p "$CACHE"
  work=$(mktemp -d "$CACHE/push.XXXXXX")
  image_build "$work/oci" "$rootfs" --config.env PATH=/usr/sbin:/usr/bin:/sbin:/bin "${config[@]}"
  registry_push_layout "$work/oci" "$name"
  rm -rf "$work"
  say "pushed $(registry_path "$name")"
}
