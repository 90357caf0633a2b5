#!/usr/bin/env bash
# The demo as a newcomer meets it: without a terminal it ends by itself with a table of plausible values; two beside each other work;
# in a terminal Ctrl-C ends it; and whatever way it ends, no process and no folder is left.
. "$(dirname "$0")/lib.sh"
export TMPDIR=$work

left_over() {
	compgen -G "$work/salespulse-demo-*" >/dev/null || pgrep -f "$work/salespulse-demo-" >/dev/null
}
nothing_left() { ! left_over; }
nothing_runs() { ! pgrep -f "$work/salespulse-demo-" >/dev/null; }

"$program" demo --seconds 15 </dev/null >"$work/first.txt" 2>"$work/first.err" &
first=$!
"$program" demo --seconds 15 </dev/null >"$work/second.txt" 2>"$work/second.err" &
second=$!
wait "$first"
check "without a terminal it ends by itself with status 0" test $? -eq 0
wait "$second"
check "and so does another one beside it" test $? -eq 0
check "the table has revenue" grep -qE 'Pendapatan .*Rp [1-9]' "$work/first.txt"
check "and calls" grep -qE 'Panggilan keluar +[0-9.]+( [▲▼=][^ ]*)? +[0-9.]+( [▲▼=][^ ]*)? +[1-9]' "$work/second.txt"
check "and a leaderboard" grep -qE '^  1  [A-Z][a-z]+ [A-Z]' "$work/first.txt"
check "the feed is live" grep -q 'langsung' "$work/first.txt"
check "no process and no folder is left" wait_for 5 nothing_left

"$python" - "$program" >"$work/terminal.txt" 2>&1 <<'END'
import fcntl, os, pty, select, struct, sys, termios, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], [sys.argv[1], "demo"])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen, begun, begun_board = b"", time.time(), None
while time.time() - begun < 40:
    ready, _, _ = select.select([fd], [], [], 0.2)
    if ready:
        try:
            seen += os.read(fd, 65536)
        except OSError:
            break
    if begun_board is None and b"Pendapatan" in seen and b"Rp" in seen:
        begun_board = time.time()
        print(f"board after {begun_board - begun:.1f} s")
        os.write(fd, b"l")
    if begun_board and b"Won revenue" in seen:
        os.write(fd, b"\x03")
        break
end = time.time()
status = None
while time.time() - end < 15:
    ready, _, _ = select.select([fd], [], [], 0.2)
    try:
        if ready and not os.read(fd, 65536):
            break
    except OSError:
        break
_, status = os.waitpid(pid, 0)
print("restored" if b"\x1b[?1049h" in seen else "no alternate screen")
print(f"status {os.waitstatus_to_exitcode(status)}")
sys.exit(0 if begun_board and begun_board - begun < 20 and b"Won revenue" in seen and status == 0 else 1)
END
check "in a terminal the board is there within 20 s, a key changes its language, Ctrl-C ends it with status 0" test $? -eq 0
cat "$work/terminal.txt"
check "and nothing is left" wait_for 5 nothing_left

"$program" demo --seconds 60 </dev/null >/dev/null 2>&1 &
killed=$!
wait_for 10 bash -c "compgen -G '$work/salespulse-demo-*/redis.sock'"
kill -KILL "$killed"
wait "$killed" 2>/dev/null
check "killed, it takes its processes with it" wait_for 5 nothing_runs
summary
