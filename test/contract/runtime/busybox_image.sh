#!/bin/bash
# busybox_image.sh OUT.tar NAME:TAG...: an image of this machine's busybox as an archive that
# `ctr images import` reads. It sleeps until killed unless it is told what to run, so that it can
# serve as the sandbox image too. Needs nothing but coreutils and tar.
set -euo pipefail
out=$1
shift
work=$(mktemp -d "${out%/*}/image.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/rootfs/{bin,etc,proc,sys,dev,tmp}
cp "$(command -v busybox)" "$work/rootfs/bin/busybox"
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$work/rootfs/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >"$work/rootfs/etc/passwd"
echo 'root:x:0:' >"$work/rootfs/etc/group"
tar --owner=0 --group=0 -C "$work/rootfs" -cf "$work/layer.tar" .
layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
cat >"$work/config.json" <<JSON
{"architecture":"$(dpkg --print-architecture)","os":"linux",
 "config":{"Env":["PATH=/bin"],"Cmd":["sleep","2147483647"]},
 "rootfs":{"type":"layers","diff_ids":["sha256:$layer"]},"history":[{"created_by":"muster tests"}]}
JSON
tags=$(printf ',"%s"' "$@")
echo "[{\"Config\":\"config.json\",\"RepoTags\":[${tags:1}],\"Layers\":[\"layer.tar\"]}]" \
  >"$work/manifest.json"
tar -C "$work" -cf "$out" manifest.json config.json layer.tar
