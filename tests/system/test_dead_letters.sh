#!/usr/bin/env bash
# Bad input on the real broker: each message that cannot be an event, or cannot be true, is on kpi.dlq whole, with where it stood and
# why; everything else counts as if it had not been there. A tenant in the wrong partition stops its shard with the remedy (S25).
. "$(dirname "$0")/lib.sh"
start_kafka
start_redis
"$program" simulate --brokers "$brokers" --seed 5 --from 2026-05-01T00:00:00Z --to 2026-06-08T00:00:00Z --tenants 2 --reps 4 --events 800 \
	>"$work/simulate.log" 2>&1
check "a few hundred good events" test $? -eq 0

# plant VERB: what is planted, or whether it arrived; the text of the cases is here once.
cat >"$work/plant.py" <<-'PY'
	import decimal, io, json, pathlib, sys
	import confluent_kafka, fastavro
	verb, brokers, schemas, kept = sys.argv[1:]
	sys.path.insert(0, str(pathlib.Path(schemas).parent / "tests/oracle"))
	import compare


	def good_deal():
	    """A real message of the topic, and its record: the bad ones are made from it."""
	    for message in compare.consume(brokers, ["crm.deal"], idle=0.5):
	        record = compare.Schemas(schemas).read("deal", message.value())
	        if record["won_at"] is not None and record["op"] in ("CREATE", "UPDATE"):
	            return message, record
	    raise SystemExit("no won deal was simulated")


	def encoded(record):
	    out = io.BytesIO()
	    fastavro.schemaless_writer(out, compare.Schemas(schemas).get("deal"), record)
	    return out.getvalue()


	def cases():
	    message, record = good_deal()
	    future = dict(record, entity_id="D-49h", event_id="E-49h", won_at=record["occurred_at"] + 49 * 3600000)
	    split = {"rep_id": "r", "role": None, "credit_pct": decimal.Decimal("1.0000")}
	    return message, {
	        "unreadable": b"\x01\x02 this is no event \xff\xfe" * 5,
	        "unknown_id": b"\x00\x7f\xff\xff\xf0" + message.value(),
	        "absurd_length": b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"x" * 40,
	        "bomb": b"\x00\x00\x00\x00\x02\x7e",
	        "empty": b"",
	        "tombstone": None,
	        "cut_short": message.value()[: len(message.value()) // 2],
	        "trailing": message.value() + b"\x00",
	        "won_49h_later": encoded(future),
	        "too_many_splits": encoded(dict(future, entity_id="D-65", event_id="E-65", splits=[split] * 65)),
	    }


	def plant():
	    message, planted = cases()
	    producer = confluent_kafka.Producer({"bootstrap.servers": brokers, "partitioner": "murmur2_random", "linger.ms": 0})
	    written = {}

	    def delivered(name):
	        def of(error, sent):
	            assert error is None, error
	            written[name] = [sent.topic(), sent.partition(), sent.offset(), None if planted[name] is None else planted[name].hex()]
	        return of
	    for name, value in planted.items():
	        producer.produce("crm.deal", value, key=message.key(), partition=message.partition(), on_delivery=delivered(name))
	    producer.flush()
	    pathlib.Path(kept).write_text(json.dumps(written))
	    assert len(written) == len(planted)


	def verify():
	    written = json.loads(pathlib.Path(kept).read_text())
	    letters = {}
	    count = 0
	    for message in compare.consume(brokers, ["kpi.dlq"], idle=1):
	        headers = {k: v.decode() for k, v in message.headers()}
	        letters[(headers["topic"], int(headers["partition"]), int(headers["offset"]))] = (message, headers)
	        count += 1
	    for name, (topic, partition, offset, value) in written.items():
	        message, headers = letters.get((topic, partition, offset), (None, None))
	        whole = message is not None and (message.value() is None if value is None else message.value() == bytes.fromhex(value))
	        reason = headers["reason"] if headers else ""
	        print(("ok " if whole and reason else "not ok ") + f"{name}: {reason or 'no letter'}")
	    print(("ok " if count == len(written) else "not ok ") + f"{count} letters for {len(written)} planted messages")


	plant() if verb == "plant" else verify()
PY
"$python" "$work/plant.py" plant "$brokers" "$root/schemas" "$work/planted.json"
check "ten bad messages among them" test $? -eq 0

start_run run --clock=event --publish.restate=1s --checkpoint.interval=500ms
letters_are() { [ "$(metric_of run salespulse_dead_letters_total)" = "$1" ]; }
check "every bad message is counted, no good one" wait_for 20 letters_are 10
"$python" "$work/plant.py" verify "$brokers" "$root/schemas" "$work/planted.json" >"$work/letters"
cat "$work/letters"
while read -r line; do
	case $line in
	ok*) passed=$((passed + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
done <"$work/letters"
"$python" "$root/tests/oracle/compare.py" --brokers "$brokers" --schemas "$root/schemas" --idle 4 >"$work/compare.log" 2>&1
check "all other events count as if nothing had been there" test $? -eq 0
tail -n 5 "$work/compare.log"
kill -TERM "$run_pid"
wait "$run_pid"
check "run ends with status 0" test $? -eq 0

# S25: a company whose messages lie in a partition that its name does not belong to.
cat >"$work/misplace.py" <<-'PY'
	import pathlib, sys
	import confluent_kafka, fastavro, io
	brokers, schemas = sys.argv[1:]
	sys.path.insert(0, str(pathlib.Path(schemas).parent / "tests/oracle"))
	import compare
	for message in compare.consume(brokers, ["crm.lead"], idle=0.5):
	    break
	count = len(confluent_kafka.Consumer({"bootstrap.servers": brokers, "group.id": "x"}).list_topics("crm.lead", 10).topics["crm.lead"].partitions)
	producer = confluent_kafka.Producer({"bootstrap.servers": brokers})
	producer.produce("crm.lead", message.value(), key=message.key(), partition=(message.partition() + 1) % count)
	assert producer.flush(10) == 0
PY
start_run stray --clock=event --checkpoint.interval=500ms
readyz() { curl -s "http://$(http_of stray)/readyz"; }
ready_status() { curl -s -o /dev/null -w '%{http_code}' "http://$(http_of stray)/readyz"; }
is_ready() { [ "$(ready_status)" = 200 ]; }
check "ready before" wait_for 20 is_ready
"$python" "$work/misplace.py" "$brokers" "$root/schemas"
says_remedy() { readyz | grep -q 'belongs in .* produce with the key tenant_id and partitioner=murmur2_random.*sharding: single'; }
check "/readyz names the tenant, its right partition and the remedy" wait_for 10 says_remedy
check "/readyz answers 503" test "$(ready_status)" = 503
check "the log says so" grep -q 'event=shard_stopped .*belongs in' "$work/stray.log"
check "one shard stopped, the others serve" bash -c '[ "$(echo "$1" | grep -c "^shard .*: stopped")" = 1 ] && [ "$(echo "$1" | grep -c "^shard .*: serving")" = 3 ]' _ "$(readyz)"
kill -TERM "$run_pid"
wait "$run_pid"
check "it still ends in order" test $? -eq 0
summary
