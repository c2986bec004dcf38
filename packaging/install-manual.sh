#!/bin/sh
# Run by `meson install`: the manual pages of what was built.
#   install-manual.sh MANDIR VERSION ARGS...
set -eu
out=${DESTDIR:-}$1
version=$2
shift 2
exec "${PYTHON:-python3}" "$(dirname "$0")/manual.py" "$out" "$version" "$@"
