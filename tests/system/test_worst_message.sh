#!/usr/bin/env bash
# What the worst messages cost, in instructions (counted by callgrind) and bytes, never in time. What is refused at sight (bombs, lies,
# lengths that cannot be) costs a few thousand instructions and less than 4 KiB, however long it is. All else costs in proportion to its
# length: what a message of 12 KiB can do stays below 64 KiB and 3 million instructions beyond 50 bytes and 200 instructions for each of its
# own bytes; the greatest that is allowed (4,096 rows in every list) below 2 MiB of the arena, which is kept, and 15 million (4 ms).
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
name=$(basename "$0" .sh)
work=$(mktemp -d "${TMPDIR:-/tmp}/salespulse-$name-XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
valgrind --tool=callgrind --toggle-collect=take_message --dump-after=take_message --callgrind-out-file=cost \
	"$root/build/obj/bench/worst" >messages 2>log || { tail -n 5 log; }
count=$(wc -l <messages)
for i in $(seq "$count"); do
	echo "$(sed -n "${i}p" messages) $(sed -n 's/^totals: *//p' "cost.$i")"
done >costs
awk -v name="$name" '
	# name, bytes of the message, of the arena, beside it, taken or refused, instructions
	function check(fits, text) { print (fits ? "ok " : "not ok ") text ": " $0; if (fits) passed++; else failed++ }
	$1 ~ /^(nothing|bomb|endless_list|list_without_its_last|a_mebibyte_of_anything|too_long)$/ {
		check($5 == "refused" && $3 < 4096 && $4 == 0 && $6 > 0 && $6 < 20000, "refused at sight"); next }
	{ check($6 > 0 && $4 == 0 && $3 <= 65536 + 50 * $2 && $6 <= 3000000 + 200 * $2, "in proportion")
	  check($3 < 2 * 1048576 && $6 < 15000000, "below the greatest") }
	END { printf "%s: %d passed, %d failed\n", name, passed, failed + (passed < 20); exit failed > 0 || passed < 20 }' costs
