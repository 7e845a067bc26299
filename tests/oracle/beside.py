"""Apache Kafka and Barnabas under the same load, in turns, in one run: `make beside`.

Both are started as their users start them: Kafka with the heap and the collector that its own scripts
choose, Barnabas with its defaults; both delete topics after a second. `tools/latency` makes the load and
compares. What it prints is for docs/PERFORMANCE.md: nothing here judges.

    beside.py [--rounds N] [--seconds S] [--warmup S] [CASE ...]
"""

import argparse
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import kafka
from schema import REPOSITORY

TOOL = REPOSITORY / "target" / "release" / "latency"
# As kafka-server-start.sh and kafka-run-class.sh have them.
KAFKA_JVM = [
    "-Xmx1G",
    "-Xms1G",
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-Djava.awt.headless=true",
]
CASES = {
    "produce-1k": "--size 1024 --batch 16",
    "produce-100b": "--size 100 --batch 150",
    "produce-1mb": "--size 1024 --batch 900",
    "produce-64": "--size 1024 --batch 16 --connections 64 --partitions 8 --in-flight 1",
    "single": "--size 100",
    "single-1000": "--size 100 --rate 1000",
    "end-to-end-1000": "--size 100 --rate 1000 --mode end-to-end",
    "fetch": "--mode fetch",
}
STARTS = 5
# A case brings tens of GB, and the next must not find the disk full of the last one's topics.
SETTINGS = {"log.segment.delete.delay.ms": "1000"}


class Plain(kafka.ApacheKafka):
    """Kafka as its own scripts start it."""

    def start(self, timeout=90):
        """As above, with Kafka's own options for the JVM instead of the oracle's."""
        kept, kafka.JVM = kafka.JVM, KAFKA_JVM
        try:
            return super().start(timeout)
        finally:
            kafka.JVM = kept


def memory(broker):
    """MB resident: all, and those that are no file's (what a log's mapped pages would hide)."""
    text = Path(f"/proc/{broker.process.pid}/status").read_text()
    found = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", text, re.MULTILINE))
    return int(found["VmRSS"]) / 1024, int(found["RssAnon"]) / 1024


def start_up(make):
    """Milliseconds until a formatted, empty broker has answered a first Metadata request: the best."""
    times = []
    with make() as broker:
        for _ in range(STARTS):
            broker.stop()
            begin = time.monotonic()
            broker.start()
            with broker.client() as client:
                client.call("Metadata", 12, {"topics": []})
            times.append((time.monotonic() - begin) * 1000)
    return sorted(times)


def main():
    """Runs the cases that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=4)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    given = parser.parse_args()
    unknown = set(given.cases) - set(CASES)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}: there are {', '.join(CASES)}")
    load = f"--rounds {given.rounds} --seconds {given.seconds} --warmup {given.warmup} --quiet".split()
    if not given.cases:
        for make in kafka.Barnabas, Plain:
            times = ", ".join(f"{ms:.0f}" for ms in start_up(make))
            print(f"{make.name}: ms from the start of the process to the first answer: {times}", flush=True)
    with kafka.Barnabas(SETTINGS) as ours, Plain(SETTINGS) as theirs:
        for moment, cases in ("at rest", []), ("after the load", given.cases or CASES):
            for case in cases:
                command = [TOOL, *CASES[case].split(), *load]
                for broker in ours, theirs:
                    command += ["--broker", f"{broker.name}={broker.address},{broker.process.pid}"]
                free = shutil.disk_usage(ours.folder).free / 1e9
                print(f"\n== {case}: {CASES[case]} (load {os.getloadavg()[0]:.1f}, disk free {free:.0f} GB)", flush=True)
                if subprocess.run(command, check=False).returncode:
                    raise kafka.BrokerFailed("\n".join(str(one.failed("the load failed")) for one in (ours, theirs)))
            for broker in ours, theirs:
                resident, anonymous = memory(broker)
                print(f"{broker.name} {moment}: {resident:.1f} MB resident, {anonymous:.1f} of no file")


if __name__ == "__main__":
    main()
