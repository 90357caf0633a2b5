#!/usr/bin/env bash
# The demo as a newcomer meets it: without a terminal it ends by itself with a table of plausible values; two beside each other work;
# in a terminal Ctrl-C ends it; and whatever way it ends, no process and no folder is left.
. "$(dirname "$0")/lib.sh"
export TMPDIR=$work

left_over() {
	compgen -G "$work/salespulse-demo-*" >/dev/null || pgrep -f "$work/salespulse-demo-" >/dev/null
}
nothing_left() { ! left_over; }

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
check "and a leaderboard" grep -qE '^  1( |▲|▼) [A-Z][a-z]+ [A-Z]' "$work/first.txt"
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
        if ready:
            last = os.read(fd, 65536)
            seen += last
            if not last:
                break
    except OSError:
        break
_, status = os.waitpid(pid, 0)
restored = seen.rfind(b"\x1b[?1049l") > seen.find(b"\x1b[?1049h") >= 0
print("restored" if restored else "the screen was not given back")
print(f"status {os.waitstatus_to_exitcode(status)}")
sys.exit(0 if begun_board and begun_board - begun < 20 and b"Won revenue" in seen and restored and status == 0 else 1)
END
check "in a terminal the board is there within 20 s, a key changes its language, Ctrl-C ends it with status 0" test $? -eq 0
cat "$work/terminal.txt"
check "and nothing is left" wait_for 5 nothing_left

"$program" demo --seconds 60 </dev/null >/dev/null 2>&1 &
killed=$!
wait_for 10 bash -c "compgen -G '$work/salespulse-demo-*/redis.sock'"
kill -KILL "$killed"
wait "$killed" 2>/dev/null
check "killed, it takes its processes and its folder with it" wait_for 5 nothing_left

"$program" demo --seconds 60 </dev/null >/dev/null 2>"$work/part.err" &
part=$!
wait_for 10 pgrep -P "$part" -f ' run '
kill -KILL "$(pgrep -P "$part" -f ' run ')"
wait "$part"
check "when a part dies, it ends with status 1" test $? -eq 1
check "and says which" grep -q 'salespulse demo: run has ended' "$work/part.err"

mkdir "$work/bin"
PATH=$work/bin "$program" demo </dev/null >/dev/null 2>"$work/redis.err"
check "without redis-server it fails" test $? -eq 1
check "and says which package has it" grep -q 'apt install redis-server' "$work/redis.err"
check "and nothing is left of it" wait_for 5 nothing_left

"$program" demo --kafka=apache --seconds 20 </dev/null >"$work/apache.txt" 2>"$work/apache.err"
check "on Apache Kafka, too" test $? -eq 0
check "the table has revenue" grep -qE 'Pendapatan .*Rp [1-9]' "$work/apache.txt"
check "and nothing is left, the broker neither" wait_for 5 nothing_left
summary
