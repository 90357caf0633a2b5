#!/usr/bin/env bash
# Installs the Debian packages of a list (one a line) that are not there yet.
set -euo pipefail
missing=()
while read -r name; do
	[ -n "$name" ] || continue
	dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' || missing+=("$name")
done < "$1"
[ ${#missing[@]} -gt 0 ] || exit 0
echo "  installing: ${missing[*]}"
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
