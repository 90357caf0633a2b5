"""latest.py: the last values of one metric and window of the company of every tenant, one a line; "-" for null."""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oracle"))
import compare  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--brokers", required=True)
    parser.add_argument("--schemas", required=True)
    parser.add_argument("--topic", default="kpi.latest")
    parser.add_argument("--metric", required=True)
    parser.add_argument("--window", required=True)
    arguments = parser.parse_args()
    schemas, last = compare.Schemas(arguments.schemas), {}
    for message in compare.consume(arguments.brokers, [arguments.topic], idle=0.5, ignore=lambda m: b"heartbeat" in (m.key() or b"")):
        if message.value() is None:
            continue
        record = schemas.read("kpi_snapshot", message.value())
        if record["metric"] == arguments.metric and record["window"] == arguments.window and not record["group_by"]:
            last[(record["tenant_id"], record["currency"], record["window_start"] if "history" in arguments.topic else 0)] = record
    for _, record in sorted(last.items(), key=lambda item: str(item[0])):
        print("-" if record["value_decimal"] is None else record["value_decimal"])


if __name__ == "__main__":
    main()
