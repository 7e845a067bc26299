"""Counts the instructions that one request costs the broker, and compares them with the table.

The binary runs under callgrind twice for each task, with FEW and with MANY requests; what the
second run took more, by the request, is what a request costs: all threads, user space only. It does
not hang on the speed of the machine, and hardly on what else runs there: two runs differ by less than a
percent or two, for a turn of the broker looks at the clock. So what seems to be worse is counted again,
and the least counts. The table is true of one compiler; of another it says so and does not judge.
"""

import argparse
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "oracle"))

from protocol import APIS, Client, response_body  # noqa: E402

from tasks import TASKS, Bench  # noqa: E402

TABLE = HERE / "table.txt"
FEW, MANY = 256, 2304
TOLERANCE = 0.03
# What seems to be worse is counted so often in all.
TRIES = 3
START_SECONDS = 60
# Tasks at once: counts do not mind, and a start is mostly waiting.
AT_ONCE = 3


class Broker:
    """The binary under callgrind; `instructions` are there when it has ended."""

    def __init__(self, binary, directory):
        self.counts, self.log = directory / "counts", directory / "log"
        command = [
            "valgrind", "--tool=callgrind", f"--callgrind-out-file={self.counts}",
            str(binary), "--port", "0", "--http-port", "0", "--workers", "1",
            "--data-dir", str(directory / "data"), "--set", "group.initial.rebalance.delay.ms=0",
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        self.port = self._ready()

    def _ready(self):
        for line in self.process.stdout:
            if ready := re.search(rb" is ready: \w+://[^ ]*:(\d+)", line):
                return int(ready[1])
        raise SystemExit(f"yardstick: the broker did not start:\n{self.log.read_text()}")

    def stop(self):
        """Ends it; the instructions that it took."""
        self.process.send_signal(signal.SIGTERM)
        self.process.stdout.read()
        if self.process.wait(timeout=START_SECONDS) != 0:
            raise SystemExit(f"yardstick: the broker failed:\n{self.log.read_text()}")
        return sum(int(total) for total in re.findall(r"^totals: (\d+)", self.counts.read_text(), re.M))

    def kill(self):
        """Ends it if it runs still."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def send(client, request, times):
    """Sends the request so often; every answer must be of the size of the first, which must be no error."""
    first = None
    for _ in range(times // request.in_flight):
        client.raw(request.bytes * request.in_flight)
        for _ in range(request.in_flight):
            answer = client.frame()
            if first is None:
                first = answer
                name, version = request.of
                errors = [code for code in error_codes(response_body(APIS[name], version, answer, 1)) if code]
                assert not errors, f"{name} was answered with {errors}"
            assert len(answer) == len(first), f"an answer of {len(answer)} bytes after one of {len(first)}"


def error_codes(value):
    """Every error code in an answer."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key == "errorCode":
                yield part
            yield from error_codes(part)
    elif isinstance(value, list):
        for part in value:
            yield from error_codes(part)


def run(binary, task, times):
    """The instructions of a broker that was prepared for a task and got its request so often."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="barnabas-yardstick-"))
    broker = None
    try:
        broker = Broker(binary, directory)
        with Client("127.0.0.1", broker.port, timeout=60) as client:
            send(client, task(Bench(client)), times)
        return broker.stop()
    finally:
        if broker:
            broker.kill()
        shutil.rmtree(directory)


def measure(binary, name):
    """Instructions by the request."""
    few, many = (run(binary, TASKS[name], times) for times in (FEW, MANY))
    return round((many - few) / (MANY - FEW))


def measured(binary, names):
    """Each task with its count, in order."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from zip(names, pool.map(lambda name: measure(binary, name), names), strict=True)


def compiler():
    """The compiler that the table is true of."""
    return subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()


def read_table():
    """The compiler, and the rows: task -> (instructions, why)."""
    lines = [line for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    rows = {}
    for line in lines[1:]:
        name, count, why = (part.strip() for part in line.split("|", 2))
        rows[name] = int(count), why
    return lines[0].removeprefix("compiler:").strip(), rows


def write_table(compiled_by, rows):
    """Writes both back."""
    comment = [line for line in TABLE.read_text().splitlines() if line.startswith("#")]
    width = max(map(len, TASKS))
    lines = [f"{name:<{width}} | {rows[name][0]:>7} | {rows[name][1]}" for name in TASKS]
    TABLE.write_text("\n".join([*comment, f"compiler: {compiled_by}", *lines]) + "\n")


def judge(name, count, row):
    """One line about a task, and whether it is worse than it may be."""
    if row is None:
        return f"{name}: {count}, not in the table", True
    change = count / row[0] - 1
    line = f"{name}: {count} instructions, {change:+.1%} against {row[0]}"
    if change > TOLERANCE:
        return line + ": WORSE", True
    return line + (": better, worth accepting" if change < -TOLERANCE else ""), False


def main():
    """Measures, judges, accepts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--accept", metavar="WHY", help="write what differs, or the tasks that are named, into the table"
    )
    parser.add_argument("--binary", type=pathlib.Path, default=ROOT / "target/release/barnabas")
    parser.add_argument("tasks", nargs="*", help="only these")
    arguments = parser.parse_args()
    if unknown := set(arguments.tasks) - set(TASKS):
        parser.error(f"no such task: {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    if not shutil.which("valgrind"):
        sys.exit("yardstick: valgrind is needed: apt-get install valgrind")
    then, rows = read_table()
    now = compiler()
    worse = []
    names = arguments.tasks or list(TASKS)
    for name, count in measured(arguments.binary, names):
        line, is_worse = judge(name, count, rows.get(name))
        print(line, flush=True)
        for _ in range(TRIES - 1):
            if not is_worse or name not in rows or arguments.accept:
                break
            count = min(count, measure(arguments.binary, name))
            line, is_worse = judge(name, count, rows[name])
            print(f"counted again: {line}", flush=True)
        if is_worse:
            worse.append(name)
        differs = name not in rows or abs(count / rows[name][0] - 1) > TOLERANCE or now != then
        if arguments.accept and (differs or arguments.tasks):
            rows[name] = count, arguments.accept
    if arguments.accept:
        write_table(now, rows)
    elif now != then:
        print(f"yardstick: NOT JUDGED: the table is of {then}, this is {now}; measure it anew with ACCEPT")
    elif worse:
        sys.exit(
            f"yardstick: {', '.join(worse)} take {TOLERANCE:.0%} more instructions than the table says. "
            'Mend it, or accept it: make yardstick ACCEPT="why it costs more"'
        )


if __name__ == "__main__":
    main()
