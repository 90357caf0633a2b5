"""compare.py: reads the input topics of a job and what it published, computes what it should have published, and says where they differ.

    compare.py --brokers HOST:PORT --schemas DIR [--zone Z] [--currency C] [--fx-max-age DAYS] [--workdays FILE] [--idle SECONDS] [--single] [--outputs LATEST,HISTORY]…

Checked: the last value of every key on kpi.latest as of the end of the events, the last value of every closed period on
kpi.history, that nothing which should be there is missing, that revisions rise per key in the log, and that dead letters are
whole. Prints the differences (the first 20) and "compare: N passed, N failed".
"""
import argparse
import collections
import datetime as dt
import decimal
import io
import json
import os
import pathlib
import re
import sys
import time

import confluent_kafka
import fastavro

import oracle

INPUTS = {"crm." + kind: kind for kind in ("lead", "opportunity", "deal", "call", "rep", "account", "target", "interaction",
                                          "agent_state", "ticket")}
INPUTS.update({"fin.spend": "spend", "fin.fx_rate": "fx_rate", "field.visit": "visit"})
UNIT = oracle.UNIT
PAST = ["won_at", "lost_at", "closed_at", "cancelled_at", "refunded_at", "ended_at", "answered_at", "converted_at", "completed_at", "captured_at",
        "first_response_at", "resolved_at"]


def units(value):
    return None if value is None else int(value.scaleb(4)) if isinstance(value, decimal.Decimal) else round(value * UNIT)


class Schemas:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.parsed = {}

    def get(self, name):
        if name not in self.parsed:
            text = json.loads((self.folder / f"{name}.avsc").read_text())
            self.parsed[name] = fastavro.parse_schema(self.plain(text), _force=True)
        return self.parsed[name]

    def plain(self, schema):
        """Times and dates as numbers: the oracle counts in milliseconds and days."""
        if isinstance(schema, dict):
            out = {k: self.plain(v) for k, v in schema.items() if k != "doc"}
            if out.get("logicalType") in ("timestamp-millis", "date"):
                del out["logicalType"]
            return out
        return [self.plain(s) for s in schema] if isinstance(schema, list) else schema

    def read(self, name, payload):
        stream = io.BytesIO(payload)
        record = fastavro.schemaless_reader(stream, self.get(name), None)
        if stream.tell() != len(payload):
            raise ValueError(f"{name}: {len(payload) - stream.tell()} bytes are left over")
        return record


def consume(brokers, topics, idle=2.0, ignore=lambda message: False, limit=600):
    """Every message of the topics, until nothing that counts has come for `idle` seconds."""
    consumer = confluent_kafka.Consumer({
        "bootstrap.servers": brokers, "group.id": "compare", "enable.auto.commit": False, "auto.offset.reset": "earliest",
        "enable.partition.eof": True, "fetch.message.max.bytes": 4_000_000, "queued.min.messages": 1_000_000, "log_level": 3})
    known = consumer.list_topics(timeout=10).topics
    partitions = [confluent_kafka.TopicPartition(t, p, 0) for t in topics if t in known for p in known[t].partitions]
    consumer.assign(partitions)
    last, begun, ends = time.monotonic(), time.monotonic(), set()
    while time.monotonic() - last < idle or len(ends) < len(partitions):
        if time.monotonic() - begun > limit:
            raise SystemExit(f"compare: {topics} did not become quiet within {limit} s")
        for message in consumer.consume(10_000, 0.2):
            if message.error():
                if message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                    ends.add((message.topic(), message.partition()))
                continue
            if not ignore(message):
                last = time.monotonic()
            yield message
    consumer.close()


def read_event(schemas, kind, message):
    event = schemas.read(kind, message.value())
    event["type"] = kind
    for field in ("amount", "list_amount", "margin_amount", "refund_amount", "probability", "score", "csat", "value", "ramp_factor"):
        if field in event:
            event[field] = units(event[field])
    for pacing in event.get("pacing_curve", ()):
        pacing["share"] = units(pacing["share"])
    for split in event.get("splits", ()):
        split["credit_pct"] = units(split["credit_pct"])
    return event


class Comparison:
    def __init__(self):
        self.passed = 0
        self.differences = []

    def check(self, fits, text):
        if fits:
            self.passed += 1
        else:
            self.differences.append(text)


def read_inputs(arguments, schemas):
    events, clocks, where = [], collections.defaultdict(int), {}
    wall = int(time.time() * 1000)
    for message in consume(arguments.brokers, list(INPUTS)):
        try:
            event = read_event(schemas, INPUTS[message.topic()], message)
        except Exception:  # a planted wrong message: it is expected on the dead-letter topic
            continue
        if any(event.get(field) is not None and event[field] - event["occurred_at"] > 48 * 3_600_000 for field in PAST):
            continue  # S9: cannot be true
        events.append(event)
        where[event["tenant_id"]] = message.partition()
        clocks[message.partition()] = max(clocks[message.partition()], min(event["occurred_at"], wall))
    newest = max(clocks.values(), default=0)
    return events, {tenant: newest if arguments.single else clocks[p] for tenant, p in where.items()}


def read_outputs(arguments, schemas, comparison, topics):
    latest, history, beats, count = {}, {}, 0, 0

    def is_beat(message):
        return message.topic() == topics[0] and b"heartbeat" in (message.key() or b"")
    for message in consume(arguments.brokers, topics, arguments.idle, is_beat):
        if message.value() is None or is_beat(message):
            beats += 1
            continue
        record = schemas.read("kpi_snapshot", message.value())
        place = latest if message.topic() == topics[0] else history
        key = (record["tenant_id"], record["metric"], record["window"], record["group_by"], record["group_key"],
               record["currency"] or "")
        if place is history:
            key += (record["window_start"],)
        before = place.get(key)
        if before and record["revision"] <= before["revision"]:
            comparison.differences.append(f"revision fell from {before['revision']} (offset {before['offset']}) to {record['revision']} "
                                          f"(offset {message.offset()} of {message.topic()} {message.partition()}): {key}")
        place[key] = record
        record["offset"] = message.offset()
        count += 1
    print(f"compare: {count} records for {len(latest)} keys and {len(history)} closed keys, {beats} heartbeats", flush=True)
    return latest, history


def is_near(got, want):
    """Percentiles are read off a histogram: at most 1 % beside."""
    return got is not None and want is not None and abs(got - want) <= abs(want) * 0.0101 + 1


def same(metric, want, got):
    """got: a record. want: (state, value, numerator, denominator, previous)."""
    state, value, num, den, previous = want
    if got["state"] != state:
        return f"state {got['state']} wanted {state}"
    if metric.quantile and value is not None:
        if not is_near(units(got["value_decimal"]), value):
            return f"value {got['value_decimal']} wanted about {value}"
    elif units(got["value_decimal"]) != value:
        return f"value {got['value_decimal']} wanted {value}"
    if num is not None and den is not None and (units(got["numerator"]), units(got["denominator"])) != (num, den):
        return f"parts {got['numerator']} / {got['denominator']} wanted {num} / {den}"
    published = got["previous_value"]
    if metric.quantile:
        return None if previous is None or is_near(published and published * UNIT, previous) else f"previous {published} wanted about {previous}"
    if previous is not None and (published is None or abs(published * UNIT - previous) > max(1, abs(previous)) * 1e-9 + 1):
        return f"previous {published} wanted {previous}"
    return None


def group_of(record):
    dims = tuple(d for d in record["group_by"].split(",") if d)
    values = tuple(record[f"group_{i + 1}"] or "" for i in range(len(dims)))
    return dims, values if len(values) > 1 else values[0] if values else ""


def is_money(metric):
    return metric.kind == "money" or any(m in oracle.MONEY for m in metric.measures)


def wanted(o, record, clock, own):
    metric = oracle.BY_NAME[record["metric"]]
    dims, key = group_of(record)
    currency = record["currency"] or ""
    if not currency and is_money(metric):
        currency = own
    want = o.value(metric, record["tenant_id"], record["window"], dims, key, clock, currency)
    return metric, want


def compare_latest(o, latest, clocks, own, c):
    for key, record in latest.items():
        if record["metric"] in oracle.NOT_COMPUTED or record["metric"] in oracle.RANKS or record["tenant_id"] not in clocks:
            continue
        metric, want = wanted(o, record, clocks[record["tenant_id"]], own)
        difference = same(metric, want, record)
        c.check(difference is None, f"latest {key}: {difference}; clock {clocks[record['tenant_id']]} as_of {record['as_of']}")


def compare_ranks(o, latest, clocks, own, c):
    """1, 2, 2, 4: one more than those of the board that have more."""
    boards = collections.defaultdict(dict)
    for key, record in latest.items():
        if record["metric"] in oracle.RANKS.values() and record["group_1"] not in (None, oracle.NONE) and record["tenant_id"] in clocks:
            value = wanted(o, record, clocks[record["tenant_id"]], own)[1][1]
            if value is not None:
                boards[key[:4] + key[5:]][key[4]] = value
    for key, record in latest.items():
        if record["metric"] not in oracle.RANKS or record["tenant_id"] not in clocks:
            continue
        board = boards[(key[0], oracle.RANKS[key[1]]) + key[2:4] + key[5:]]
        mine = board.get(key[4])
        rank = None if mine is None else 1 + sum(value > mine for value in board.values())
        published = record["value_decimal"] and int(record["value_decimal"])
        c.check(published == rank, f"rank {key}: {published} wanted {rank}")


def compare_missing(o, latest, clocks, own, c):
    """Every key that is not zero must have been published."""
    shown = {(k[0], k[1], k[2], k[3], group_of(r)[1]) for k, r in latest.items()}
    for tenant, clock in clocks.items():
        for metric in oracle.METRICS:
            for dims in metric.groups:
                for group in (o.groups[(tenant, dims)] if dims else {""}):
                    for window in metric.windows:
                        if (tenant, metric.name, window, ",".join(dims), group) in shown:
                            continue
                        state, value = o.value(metric, tenant, window, dims, group, clock, own if is_money(metric) else "")[:2]
                        c.check(not value, f"missing {(tenant, metric.name, window, dims, group)}: {state} {value}")


def compare_history(o, history, clocks, own, c):
    names = {v: k for k, v in oracle.TO_DATE.items()}
    for key, record in history.items():
        if record["metric"] in oracle.NOT_COMPUTED or record["metric"] in oracle.RANKS or record["tenant_id"] not in clocks:
            continue
        metric = oracle.BY_NAME[record["metric"]]
        assert record["window"] in names, record["window"]
        dims, group = group_of(record)
        currency = record["currency"] or ""
        if not currency and is_money(metric):
            currency = own
        want = o.closed(metric, record["tenant_id"], record["window"], record["window_start"], dims, group,
                        clocks[record["tenant_id"]], currency)
        difference = same(metric, want[:4] + (None,), record)
        c.check(difference is None, f"history {key}: {difference}")


def compare_closed_days(o, history, clocks, own, c):
    """Every day that has ended must have been closed for whoever has won revenue in it."""
    have = {(k[0], k[6]) for k in history if k[1] == "won_revenue" and k[2] == "day" and not k[3] and k[5] == own}
    grace = 3_600_000
    for tenant, clock in clocks.items():
        series = o.series.get((tenant, "won_revenue", own, (), ""))
        zone = o.zone_of(tenant)
        for day in {zone.day(t) for t, _ in (series.items if series else ())}:
            if zone.start(day + 1) + grace <= clock:
                c.check((tenant, zone.start(day)) in have, f"day {day} of {tenant} was not closed")


def works_of(path):
    """Of a day since 1970-01-01, whether it is one of the file's working days."""
    if not path:
        return lambda day: True
    text = open(path, encoding="utf-8").read()
    week = re.search(r"^week: \[(.*)\]", text, re.M).group(1).split(", ")
    holidays = {dt.date.fromisoformat(d) for d in re.findall(r"^  (\d{4}-\d\d-\d\d):", text, re.M)}

    def works(day):
        date = dt.date(1970, 1, 1) + dt.timedelta(days=day)
        return date.strftime("%a").lower() in week and date not in holidays
    return works


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--schemas", required=True)
    parser.add_argument("--zone", default="Asia/Jakarta")
    parser.add_argument("--currency", default="IDR")
    parser.add_argument("--fx-max-age", type=int, default=7, help="days")
    parser.add_argument("--workdays", help="the file of working days and holidays")
    parser.add_argument("--idle", type=float, default=6)
    parser.add_argument("--outputs", action="append", help="LATEST,HISTORY; several jobs over the same inputs")
    parser.add_argument("--single", action="store_true", help="one shard, and so one clock, has all partitions")
    arguments = parser.parse_args()
    schemas, c = Schemas(arguments.schemas), Comparison()
    outputs = [read_outputs(arguments, schemas, c, pair.split(",")) for pair in arguments.outputs or ["kpi.latest,kpi.history"]]
    events, clocks = read_inputs(arguments, schemas)
    print(f"compare: {len(events)} events of {len(clocks)} tenants", flush=True)
    o = oracle.Oracle(events, lambda tenant: arguments.zone, lambda tenant: arguments.currency, arguments.fx_max_age * oracle.DAY,
                      works_of(arguments.workdays))
    for latest, history in outputs:
        compare_latest(o, latest, clocks, arguments.currency, c)
        compare_ranks(o, latest, clocks, arguments.currency, c)
        compare_missing(o, latest, clocks, arguments.currency, c)
        compare_history(o, history, clocks, arguments.currency, c)
        compare_closed_days(o, history, clocks, arguments.currency, c)
    for text in c.differences[:int(os.environ.get("SHOWN", 20))]:
        print("  differs:", text)
    print(f"compare: {c.passed} passed, {len(c.differences)} failed")
    return 1 if c.differences or not c.passed else 0


if __name__ == "__main__":
    sys.exit(main())
