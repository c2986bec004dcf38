#!/bin/bash
# Builds the packages of Muster from a copy of the tree. `./dev package` runs it:
#   package.sh deb [--twice]   Debian packages into build/package/deb, checked by lintian, with a
#                              list of what they consist of (muster.spdx.json, SPDX); --twice
#                              builds them again elsewhere and compares byte by byte
#   package.sh deb-next        the same programs under a higher version, in build/package/deb-next,
#                              to test upgrades and downgrades with
#   package.sh rpm [--twice]   RPM packages into build/package/rpm, from the same install
#   package.sh tarball         build/package/muster-VERSION-ARCH.tar.gz, for any place on any host
# Nothing is built when the packages are newer than the sources. With MUSTER_BUILT_IN=DIR packages
# are made of what is built in DIR, which is for working on them and for testing them; they come
# into build/package-of-DIR, away from those that are for others.
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
out=$repo/build/package${MUSTER_BUILT_IN:+-of-${MUSTER_BUILT_IN##*/}}
shown=${out#"$repo"/}
cd "$repo"

say() { printf '%s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

version() { sed -n "s/^  version: '\(.*\)',$/\1/p" meson.build; }
# When the newest entry of the changelog was written: the one time that packages know.
source_date() { dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp; }

sources() { git ls-files --cached --others --exclude-standard; }
stamp() { # What the packages are made of, in one number.
  sources | LC_ALL=C sort | while read -r file; do
    if [ -e "$file" ]; then sha256sum "$file"; fi
  done | sha256sum
}
# With MUSTER_BUILT_IN what is packed may have changed although no source did.
fresh() { # KIND
  [ -z "${MUSTER_BUILT_IN:-}" ] && [ "$(cat "$out/$1.stamp" 2>/dev/null)" = "$(stamp)" ]
}
built() { # KIND
  if [ -z "${MUSTER_BUILT_IN:-}" ]; then stamp >"$out/$1.stamp"; else rm -f "$out/$1.stamp"; fi
}

stage() { # DIR: a copy of the sources in it
  rm -rf "$1"
  mkdir -p "$1"
  sources | while read -r file; do
    if [ -e "$file" ]; then echo "$file"; fi
  done | tar -c -T - | tar -x -C "$1"
  find "$1" -exec touch -h -d "@$(source_date)" {} +
}

# What compiled once need not again, wherever the copy lies. debhelper hides the home directory.
use_ccache() {
  export CCACHE_DIR=${CCACHE_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/ccache} CCACHE_NOHASHDIR=1
}

logged() { # LOG COMMAND...
  local log=$1
  shift
  mkdir -p "${log%/*}"
  "$@" >"$log" 2>&1 || {
    tail -n 40 "$log" >&2
    die "failed: $1 (log: $log)"
  }
}

# --- Debian ----------------------------------------------------------------------------------

build_debs() { # STAGE OUT_DIR
  stage "$1/muster"
  mv "$1/muster/packaging/debian" "$1/muster/debian"
  pack_debs "$1" "$2"
}

pack_debs() { # STAGE OUT_DIR: of the copy in it
  local dir=$1/muster
  use_ccache
  # A copy is no clone, whatever directory it lies in: its version is that of the package.
  logged "$2.log" env -C "$dir" GIT_CEILING_DIRECTORIES="$1" SOURCE_DATE_EPOCH="$(source_date)" \
    DEB_BUILD_OPTIONS="parallel=${MUSTER_JOBS:-$(nproc)} ${DEB_BUILD_OPTIONS:-}" \
    dpkg-buildpackage --build=binary --no-sign
  rm -rf "$2"
  mkdir -p "$2"
  mv "$1"/*.deb "$1"/*.changes "$1"/*.buildinfo "$2"
  /usr/bin/python3 packaging/sbom.py "$(source_date)" "$2"/*.deb >"$2/muster.spdx.json"
}

check_debs() { # DIR
  say "package: lintian"
  # Suppressed: an upload to Debian would close the bug that asks for the package; this is none.
  lintian --fail-on error,warning --tag-display-limit 0 --allow-root \
    --suppress-tags initial-upload-closes-no-bugs "$1"/*.changes ||
    die "lintian found something in $1"
}

compare() { # DIR DIR ENDING: the packages are the same, byte by byte
  local file
  for file in "$1"/*."$3"; do
    cmp "$file" "$2/${file##*/}" || die "${file##*/} came out differently the second time"
    say "package: ${file##*/} came out the same twice"
  done
}

deb() { # [--twice]
  local started=$SECONDS
  if ! fresh deb; then
    build_debs "$out/stage" "$out/deb"
    check_debs "$out/deb"
    built deb
  fi
  if [ "${1:-}" = --twice ]; then
    build_debs "$out/stage-again/elsewhere" "$out/deb-again"
    compare "$out/deb" "$out/deb-again" deb
  fi
  say "package: $(find "$out/deb" -name '*.deb' | wc -l) packages in $shown/deb" \
    "($((SECONDS - started)) s)"
}

# The version after this one: only its number differs, so that a test may go back and forth.
next_version=0.9.9
deb_next() {
  local dir=$out/stage-next started=$SECONDS
  if fresh deb-next; then return; fi
  stage "$dir/muster"
  mv "$dir/muster/packaging/debian" "$dir/muster/debian"
  sed -i "s/^  version: '.*',$/  version: '$next_version',/" "$dir/muster/meson.build"
  sed -i "1s/(.*)/($next_version)/" "$dir/muster/debian/changelog"
  if [ -n "${MUSTER_BUILT_IN:-}" ]; then
    # The cache has nearly all of it, for a build that lies as that one does in its sources.
    use_ccache
    if command -v mold >/dev/null; then export CC_LD=mold CXX_LD=mold; fi
    local -a options
    mapfile -t options < <(meson introspect --buildoptions "$MUSTER_BUILT_IN" | jq -r '
      .[] | select(.name == "buildtype" or .name == "optimization") | "-D\(.name)=\(.value)"')
    logged "$dir/setup.log" meson setup "$dir/muster/build/next" "$dir/muster" -Dtests=false \
      "${options[@]}"
    logged "$dir/build.log" ninja -C "$dir/muster/build/next" -j "${MUSTER_JOBS:-$(nproc)}"
    # Nobody debugs these.
    DEB_BUILD_OPTIONS="noautodbgsym ${DEB_BUILD_OPTIONS:-}" \
      MUSTER_BUILT_IN=$dir/muster/build/next pack_debs "$dir" "$out/deb-next"
  else
    pack_debs "$dir" "$out/deb-next"
  fi
  built deb-next
  say "package: version $next_version in $shown/deb-next ($((SECONDS - started)) s)"
}

# --- what RPM packages and the tarball are made of ---------------------------------------------

# The tree that Debian's packages were made of: built by `deb`, or in MUSTER_BUILT_IN.
install_tree() { # DIR
  rm -rf "$1"
  if [ -z "${MUSTER_BUILT_IN:-}" ]; then
    if ! fresh deb || [ ! -d "$out/stage/muster/build/package" ]; then deb; fi
  fi
  logged "$1.log" env DESTDIR="$1" SOURCE_DATE_EPOCH="$(source_date)" \
    meson install -C "${MUSTER_BUILT_IN:-$out/stage/muster/build/package}" --no-rebuild
}

# --- RPM -------------------------------------------------------------------------------------

build_rpms() { # WORK OUT_DIR
  rm -rf "$1" "$2"
  mkdir -p "$1" "$2"
  install_tree "$1/installed"
  logged "$2.log" env SOURCE_DATE_EPOCH="$(source_date)" rpmbuild -bb --define "_topdir $1/top" \
    --define "installed $1/installed" --define "muster_version $(version)" \
    packaging/rpm/muster.spec
  mv "$1"/top/RPMS/*/*.rpm "$2"
}

rpm_says() { # FILE QUERY PATTERN
  grep -qE "$3" <<<"$(rpm -qp "$2" "$1" 2>/dev/null)" ||
    die "${1##*/}: nothing like '$3' in 'rpm -qp $2'"
}

# Payload, scriptlets and dependencies, and that it goes into another root and out of it again.
check_rpms() { # DIR
  local name file root
  for name in agent coordinator; do
    file=$(echo "$1"/muster-$name-*.rpm)
    rpm_says "$file" -l "^/usr/bin/muster-$name$"
    rpm_says "$file" -l "^/usr/lib/systemd/system/muster-$name.service$"
    rpm_says "$file" -l "^/usr/lib/systemd/system/muster-$name.socket$"
    rpm_says "$file" -l "^/usr/share/man/man8/muster-$name.8.gz$"
    rpm_says "$file" -c "^/etc/muster/$name.yaml$"
    rpm_says "$file" -R '^libgrpc\+\+\.so'
    rpm_says "$file" --scripts "disable --now muster-$name.service"
    rpm_says "$file" --scripts "try-restart muster-$name.service"
  done
  file=$(echo "$1"/muster-ctl-*.rpm)
  rpm_says "$file" -l '^/usr/bin/musterctl$'
  rpm_says "$file" -l '^/usr/share/zsh/site-functions/_musterctl$'
  if grep -qE 'libsystemd|sqlite' <<<"$(rpm -qp -R "$file" 2>/dev/null)"; then
    die "musterctl needs more than it should"
  fi
  root=$out/rpm-root
  rm -rf "$root"
  mkdir -p "$root"
  rpm --root "$root" --nodeps --noscripts -i "$1"/*.rpm 2>/dev/null
  rpm --root "$root" -V --nodeps --noscripts muster-agent muster-coordinator muster-ctl \
    2>/dev/null || die "what was installed is not what is in the packages"
  "$root/usr/bin/muster-agent" --version >/dev/null
  rpm --root "$root" --nodeps --noscripts -e muster-agent muster-coordinator muster-ctl 2>/dev/null
  [ -z "$(find "$root" -iname '*muster*' -not -type d)" ] || die "rpm -e leaves files behind"
  rm -rf "$root"
  say "package: rpmlint"
  rpmlint --strict --config packaging/rpm/rpmlint.toml "$1"/*.rpm >"$1.lint.log" 2>&1 || {
    cat "$1.lint.log" >&2
    die "rpmlint found something in $1"
  }
}

rpm_packages() { # [--twice]
  build_rpms "$out/rpm-work" "$out/rpm"
  check_rpms "$out/rpm"
  if [ "${1:-}" = --twice ]; then
    build_rpms "$out/rpm-work-again/elsewhere" "$out/rpm-again"
    compare "$out/rpm" "$out/rpm-again" rpm
  fi
  say "package: $(find "$out/rpm" -name '*.rpm' | wc -l) packages in $shown/rpm"
}

# --- tarball ---------------------------------------------------------------------------------

# All that the programs are linked with, but for what belongs to the C library of the host.
libraries_of() { # FILE...
  local file
  for file in "$@"; do ldd "$file"; done | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u |
    grep -vE '/(ld-linux[^/]*|lib(c|m|dl|rt|pthread|resolv|util|anl))\.so[^/]*$'
}

tarball() {
  local name dir library
  name=muster-$(version)-$(uname -m)
  dir=$out/tarball/$name
  install_tree "$out/tarball-tree"
  rm -rf "$out/tarball"
  mkdir -p "$dir"/{bin,lib/muster,share/muster/systemd}
  cp "$out"/tarball-tree/usr/bin/* "$dir/bin/"
  strip "$dir"/bin/*
  for library in $(libraries_of "$dir"/bin/*); do cp -L "$library" "$dir/lib/muster/"; done
  # Each finds the libraries beside it, wherever the whole lies.
  # shellcheck disable=SC2016  # The dynamic linker's own word.
  patchelf --set-rpath '$ORIGIN/../lib/muster' "$dir"/bin/*
  # shellcheck disable=SC2016
  patchelf --set-rpath '$ORIGIN' "$dir"/lib/muster/*
  cp -r "$out/tarball-tree/usr/share/." "$dir/share/"
  find "$out/tarball-tree" -path '*/systemd/system/*' -type f \
    -exec cp -t "$dir/share/muster/systemd" {} +
  cp "$out"/tarball-tree/etc/muster/*.yaml "$dir/share/muster/"
  cp packaging/tarball/install.sh README.md LICENSE CHANGELOG.md "$dir/"
  cp -r docs "$dir/share/muster/docs"
  tar -C "$out/tarball" --sort=name --mtime="@$(source_date)" --owner=0 --group=0 --numeric-owner \
    -c "$name" | gzip -9n >"$out/$name.tar.gz"
  check_tarball "$out/$name.tar.gz" "$name"
  say "package: $shown/$name.tar.gz"
}

# Unpacked elsewhere, the programs run, and find no library but their own and the C library's.
check_tarball() { # FILE NAME
  local work=$out/tarball-check program
  rm -rf "$work"
  mkdir -p "$work/some where"
  tar -x -C "$work/some where" -f "$1"
  for program in muster-agent muster-coordinator musterctl; do
    env -i "$work/some where/$2/bin/$program" --help >/dev/null || die "$program does not run"
    if libraries_of "$work/some where/$2/bin/$program" | grep -v "^$work/"; then
      die "$program looks for libraries of this machine"
    fi
  done
  rm -rf "$work"
}

case ${1:-deb} in
  deb) deb "${@:2}" ;;
  deb-next) deb_next ;;
  rpm) rpm_packages "${@:2}" ;;
  tarball) tarball ;;
  *) die "package: what is '$1'?" ;;
esac
