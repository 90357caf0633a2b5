#!/usr/bin/env bash
# What the worst messages cost under the limits that the settings have by default, in instructions (counted by callgrind) and bytes, never in
# time: none takes more than 64 KiB of the batch's arena, anything beside it, or 3 million instructions (1 ms). What is refused at sight (bombs,
# lies, lengths that cannot be, a row or a text too many) costs a few thousand instructions, however long it is.
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
	$1 ~ /^(nothing|bomb|endless_list|list_without_its_last|blocks_of_one|blocks_with_lengths|a_mebibyte_of_anything|too_long|an_item_too_many|long_text.*)$/ {
		check($5 == "refused" && $3 < 8192 && $4 == 0 && $6 > 0 && $6 < 20000, "refused at sight"); next }
	$1 ~ /^(all_with_long_texts|foreign_too_many|foreign_nothings)$/ { check($5 == "refused", "refused in the end") }
	$1 ~ /^(small|splits|items|ext|merged|all_of_them|all_with_texts_allowed|all_with_uncounted_texts|foreign_allowed|all_that_is_allowed_at_once)$/ { check($5 == "taken", "taken") }
	{ check($6 > 0 && $6 <= 3000000 && $3 <= 65536 && $4 == 0, "at most 1 ms and 64 KiB") }
	END { printf "%s: %d passed, %d failed\n", name, passed, failed + (passed < 37); exit failed > 0 || passed < 37 }' costs
