#!/usr/bin/env bash
# symbols.sh PROGRAM ARCHIVE: no function of ours may bear the name of one in a shared library we use. The linker does not
# mind, but then the library calls ours in place of its own (jansson has a json_string, for one).
set -eu
libraries=$(ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\// { print $1 }')
theirs=$(mktemp)
trap 'rm -f "$theirs"' EXIT
for library in $libraries; do
	nm -D --defined-only "$library" 2>/dev/null | awk '{ sub(/@.*/, "", $3); print $3 }'
done | sort -u >"$theirs"
ours=$(nm -g --defined-only "$2" 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
both=$(comm -12 "$theirs" <(echo "$ours"))
if [ -n "$both" ]; then
	echo "names that a library has too:" $both
	echo "symbols: 0 passed, 1 failed"
	exit 1
fi
echo "symbols: 1 passed, 0 failed"
