"""A broker that something happens on, a Prometheus that reads its metrics, and every panel of the dashboard asked.

    python3 prometheus.py BARNABAS PROMETHEUS platform/grafana
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 60
# What Grafana puts in place of its variables.
VARIABLES = {"$instance": ".*", "$topic": ".*", "$__rate_interval": "5s"}
# What the dashboard 7589, made for kafka_exporter, asks: its panels, and the lists at its top.
EXPORTER = [
    'sum(rate(kafka_topic_partition_current_offset{instance=~"$instance",topic=~"$topic"}[1m])) by (topic)',
    'sum(kafka_consumergroup_lag{instance=~"$instance",topic=~"$topic"}) by (consumergroup, topic)',
    'sum(delta(kafka_topic_partition_current_offset{instance=~"$instance",topic=~"$topic"}[5m])/5) by (topic)',
    'sum(delta(kafka_consumergroup_current_offset{instance=~"$instance",topic=~"$topic"}[5m])/5) by (consumergroup, topic)',
    'sum by(topic) (kafka_topic_partitions{instance=~"$instance",topic=~"$topic"})',
    'count by (job, instance) (kafka_consumergroup_current_offset)',
    'count by (topic) (kafka_topic_partition_current_offset{instance=~"$instance",topic!="__consumer_offsets",topic!="--kafka"})',
]
# What these panels show of one broker that is well.
WELL = {"Controller": 1, "Offline partitions": 0, "Under-replicated partitions": 0}
CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: barnabas
    static_configs: [{{targets: ["{broker}"]}}]
"""


def get(url: str) -> Any:
    """The JSON that an address gives."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def post(url: str, body: dict[str, Any]) -> None:
    """What it answers is of no interest, even if it is no success."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=10).read()
    except urllib.error.HTTPError as error:
        error.read()


def until(what: str, look: Any) -> Any:
    """What `look` gives, once it gives something; a Prometheus reads once a second."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except OSError:
            pass  # it does not listen yet
        time.sleep(0.2)
    raise SystemExit(f"prometheus: {what}: not within {PATIENCE_SECONDS} s")


class Running:
    """A process that is ended when it is no longer needed."""

    def __init__(self, command: list[str], log: Path, **how: Any) -> None:
        with log.open("wb") as errors:
            self.process = subprocess.Popen(command, stderr=errors, **how)

    def __enter__(self) -> subprocess.Popen[Any]:
        return self.process

    def __exit__(self, *_: Any) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def traffic(kafka: str, http: str, round_: int) -> None:
    """Records in three topics, a group that is behind on one, and an error of each kind that a panel shows."""
    for topic in ("orders", "payments", "clicks"):
        kcat(kafka, "-P", "-t", topic, "-X", "topic.request.required.acks=all", text=f"record {round_}\n" * 20)
        kcat(kafka, "-C", "-t", topic, "-e", "-q", "-o", "beginning")
    kcat(kafka, "-C", "-t", "orders", "-c", "1", "-o", "999999", "-q", "-e", "-X", "auto.offset.reset=error")
    post(f"{http}/v1/groups/reader/offsets", {"offsets": [{"topic": "orders", "partition": 0, "offset": round_ + 1}]})


def kcat(address: str, *arguments: str, text: str = "") -> None:
    """One run of kcat; whether it liked the answers is of no interest."""
    subprocess.run(["kcat", "-b", address, *arguments], input=text, text=True, timeout=60, check=False,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def expressions(dashboard: dict[str, Any]) -> list[tuple[str, str]]:
    """Each panel's title and what it asks, as Grafana would ask it; the exporter's dashboard's too."""
    found = [("7589", asked) for asked in EXPORTER]
    for panel in dashboard["panels"]:
        found += [(panel["title"], target["expr"]) for target in panel.get("targets", [])]
    return [(title, filled(asked)) for title, asked in found]


def filled(asked: str) -> str:
    """An expression with values in place of its variables."""
    for name, value in VARIABLES.items():
        asked = asked.replace(name, value)
    assert "$" not in asked, f"an unknown variable in {asked}"
    return asked


def main() -> None:
    """Everything, in one temporary directory."""
    barnabas, prometheus, grafana = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        command = [barnabas, "--port", "0", "--data-dir", str(work / "data"), "--set", "barnabas.http.listener=127.0.0.1:0",
                   "--set", "offsets.topic.num.partitions=1"]
        with Running(command, work / "broker.log", stdout=subprocess.PIPE, text=True) as broker:
            line = broker.stdout.readline()
            http = re.search(r"http://[^ \n]+", line)
            kafka = re.search(r"127\.0\.0\.1:\d+", line)
            assert http and kafka, f"{line!r}\n{(work / 'broker.log').read_text()}"
            watch(prometheus, grafana, work, kafka[0], http[0].rstrip("/"))


def watch(prometheus: str, grafana: Path, work: Path, kafka: str, http: str) -> None:
    """A Prometheus, traffic, and the panels."""
    config = work / "prometheus.yml"
    config.write_text(CONFIG.format(rules=grafana.resolve() / "alerts.yml", broker=http.removeprefix("http://")))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
    command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={work / 'tsdb'}", f"--web.listen-address={address}"]
    with Running(command, work / "prometheus.log", stdout=subprocess.DEVNULL):
        ask = f"http://{address}/api/v1/"
        until("ready", lambda: get(ask + "status/runtimeinfo"))
        started = time.monotonic()
        dashboard = json.loads((grafana / "barnabas.json").read_text())
        missing = dict.fromkeys(expressions(dashboard))
        assert len(missing) > len(EXPORTER) + 20, missing
        count, round_ = len(missing), 0
        while missing and time.monotonic() - started < PATIENCE_SECONDS:
            traffic(kafka, http, round_)
            round_ += 1
            for panel in list(missing):
                answer = get(ask + "query?" + urllib.parse.urlencode({"query": panel[1]}))
                shown = [value["value"][1] for value in answer["data"]["result"]]
                if any(value != "NaN" for value in shown):
                    wanted = WELL.get(panel[0])
                    assert wanted is None or shown == [str(wanted)], f"{panel[0]} shows {shown}"
                    del missing[panel]
        if missing:
            raise SystemExit("prometheus: nothing to show:\n" + "\n".join(f"{title}: {asked}" for title, asked in missing))
        print(f"prometheus: {count} expressions of two dashboards show something, after {time.monotonic() - started:.1f} s")
        variables(ask, dashboard)
        rules(ask)


def variables(ask: str, dashboard: dict[str, Any]) -> None:
    """The dashboard's lists have something to choose."""
    for each in dashboard["templating"]["list"]:
        if each["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", each["query"]["query"]).groups()
            values = get(f"{ask}label/{label}/values?" + urllib.parse.urlencode({"match[]": metric}))["data"]
            assert values, f"nothing to choose for {each['name']}"


def rules(ask: str) -> None:
    """Each alert was evaluated without an error; none of them is about a broker that is well."""
    found = until("rules", lambda: [
        rule for group in get(ask + "rules")["data"]["groups"] for rule in group["rules"] if rule["health"] != "unknown"
    ])
    wrong = [(rule["name"], rule["health"], rule.get("lastError")) for rule in found if rule["health"] != "ok"]
    firing = [rule["name"] for rule in found if rule["state"] == "firing"]
    if wrong or firing:
        raise SystemExit(f"prometheus: rules with errors {wrong}, alerts that fire {firing}")
    print(f"prometheus: {len(found)} alerts evaluated, none fires")


if __name__ == "__main__":
    main()
