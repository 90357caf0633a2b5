#!/usr/bin/env bash
# Writes a C file with the named files as byte arrays, for base/asset.h.
set -euo pipefail
echo '#include "base/asset.h"'
n=0
names=()
for file in "$@"; do
	printf 'static const unsigned char data_%d[] = {\n' "$n"
	od -An -v -tu1 "$file" | sed -e 's/  */,/g' -e 's/^,//' -e 's/$/,/'
	printf '0 };\n'
	names+=("$(basename "$file")")
	n=$((n + 1))
done
echo 'const struct asset assets[] = {'
for i in "${!names[@]}"; do
	printf '\t{ "%s", data_%d, sizeof(data_%d) - 1 },\n' "${names[$i]}" "$i" "$i"
done
echo '	{ 0, 0, 0 },'
echo '};'
printf 'const size_t asset_count = %d;\n' "$n"
