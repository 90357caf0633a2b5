#!/usr/bin/env bash
# install_packages.sh LIST: installs those Debian packages of LIST that dpkg does not have. Says nothing when all are there.
set -eu

wanted=$(sed 's/#.*//' "$1")
if ! command -v dpkg-query >/dev/null 2>&1; then
	echo "deps: no dpkg here; make sure that these are installed:" $wanted >&2
	exit 0
fi
missing=()
for package in $wanted; do
	status=$(dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | sort -u || true)
	case "$status" in
	*installed*) case "$status" in *not-installed*) missing+=("$package") ;; esac ;;
	*) missing+=("$package") ;;
	esac
done
[ ${#missing[@]} -eq 0 ] && exit 0

echo "deps: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null 2>&1 || { echo "deps: not root and no sudo; install: ${missing[*]}" >&2; exit 1; }
	as_root=(sudo)
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update -q &&
	"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
	tail -n 40 "$log" >&2
	echo "deps: installation failed" >&2
	exit 1
fi
