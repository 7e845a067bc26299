"""Several listeners (Kafka: SocketServerConfigs, AbstractKafkaConfig, KafkaConfig): what each of them tells
clients, and which settings are refused with which words."""

import re
import subprocess
import time

import pytest

from kafka import ApacheKafka, Barnabas, BrokerFailed, free_ports
from protocol import Client

MAP = {
    "listener.security.protocol.map": "INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "INSIDE",
}
STARTING = 60


class KafkaOfListeners(ApacheKafka):
    """Kafka with listeners of the test's own, and one for its controller."""

    def properties(self):
        properties = {**super().properties(), "advertised.listeners": None, **self.settings}
        if "CONTROLLER:" not in properties["listeners"]:
            properties["listeners"] += f",CONTROLLER://127.0.0.1:{self.controller}"
        return {key: value for key, value in properties.items() if value is not None}


class BarnabasOfListeners(Barnabas):
    """Barnabas without `--port`, which several listeners would make ambiguous."""

    def command(self):
        command = [self.binary(), "--data-dir", str(self.data), "--node-id", "1", "--http-port", "0"]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        return command

    def start(self, timeout=20):
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log
            )
        self._ready_line(timeout)
        return self


def told(host, port):
    """The address that one listener tells, by every API that tells addresses."""
    with Client(host, port, 30.0) as client:
        found = {}
        for version in (0, 9, 13):
            answer = client.call("Metadata", version, {"topics": []})
            found[f"Metadata {version}"] = [(b["nodeId"], b["host"], b["port"]) for b in answer["brokers"]]
        answer = client.call("DescribeCluster", 1, {"endpointType": 1})
        found["DescribeCluster"] = [(b["brokerId"], b["host"], b["port"]) for b in answer["brokers"]]
        found["FindCoordinator"] = coordinator(client)
        return found


def coordinator(client):
    """The coordinator of a group, once its topic is there."""
    deadline = time.monotonic() + STARTING
    while True:
        answer = client.call("FindCoordinator", 4, {"keyType": 0, "coordinatorKeys": ["g"]})
        row = answer["coordinators"][0]
        if row["errorCode"] == 0 or time.monotonic() > deadline:
            return row["errorCode"], row["nodeId"], row["host"], row["port"]
        time.sleep(0.05)


def both(settings, addresses):
    """What both brokers tell by each of these addresses."""
    answers = []
    for broker in (KafkaOfListeners(settings), BarnabasOfListeners(settings)):
        # What the harness asks whether Kafka is up.
        broker.host, broker.port = addresses[0]
        broker.controller = free_ports(1)[0]
        with broker:
            answers.append([told(*address) for address in addresses])
    return answers


def test_each_listener_tells_its_own_advertised_address():
    one, other = free_ports(2)
    settings = {
        "listeners": f"INSIDE://127.0.0.1:{one},OUTSIDE://127.0.0.2:{other}",
        "advertised.listeners": "OUTSIDE://outside.example:19092,INSIDE://10.1.2.3:19092",
        **MAP,
    }
    kafka, barnabas = both(settings, [("127.0.0.1", one), ("127.0.0.2", other)])
    assert kafka == barnabas
    assert kafka[1]["Metadata 13"] == [(1, "outside.example", 19092)]


def test_without_advertised_addresses_each_tells_what_it_is_bound_to():
    one, other = free_ports(2)
    settings = {"listeners": f"INSIDE://127.0.0.1:{one},OUTSIDE://127.0.0.2:{other}", **MAP}
    kafka, barnabas = both(settings, [("127.0.0.1", one), ("127.0.0.2", other)])
    assert kafka == barnabas
    assert kafka[1]["Metadata 13"] == [(1, "127.0.0.2", other)]


REFUSED = {
    "a name twice": {"listeners": "INSIDE://:7001,INSIDE://:7002,CONTROLLER://:7003", **MAP},
    "a port twice": {"listeners": "INSIDE://:7001,OUTSIDE://:7001,CONTROLLER://:7003", **MAP},
    "a port of two addresses": {
        "listeners": "INSIDE://127.0.0.1:7001,OUTSIDE://127.0.0.2:7001,CONTROLLER://:7003",
        **MAP,
    },
    "a port of an address and a name": {
        "listeners": "INSIDE://127.0.0.1:7001,OUTSIDE://localhost:7001,CONTROLLER://:7003",
        **MAP,
    },
    "no address": {"listeners": "INSIDE://localhost,CONTROLLER://:7003", **MAP},
    "no protocol": {"listeners": "INSIDE://:7001,OTHER://:7002,CONTROLLER://:7003", **MAP},
    "an unknown protocol": {
        "listeners": "INSIDE://:7001,CONTROLLER://:7003",
        "listener.security.protocol.map": "INSIDE:PLAIN,CONTROLLER:PLAINTEXT",
    },
    "a meta-address": {
        "listeners": "INSIDE://:7001,CONTROLLER://:7003",
        "advertised.listeners": "INSIDE://0.0.0.0:7001",
        **MAP,
    },
    "advertised and not there": {
        "listeners": "INSIDE://:7001,CONTROLLER://:7003",
        "advertised.listeners": "INSIDE://a:7001,OUTSIDE://a:7002",
        **MAP,
    },
    "only a controller's": {
        "listeners": "CONTROLLER://:7003",
        "listener.security.protocol.map": MAP["listener.security.protocol.map"],
    },
    "none between brokers": {"listeners": "OUTSIDE://:7001,CONTROLLER://:7003", **MAP},
    "unknown between brokers": {
        "listeners": "OUTSIDE://:7001,CONTROLLER://:7003",
        **MAP,
        "inter.broker.listener.name": "OTHER",
    },
    "two ways between brokers": {
        "listeners": "INSIDE://:7001,CONTROLLER://:7003",
        **MAP,
        "security.inter.broker.protocol": "PLAINTEXT",
    },
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_in_the_same_words(case, tmp_path):
    settings = REFUSED[case]
    subject = BarnabasOfListeners(settings, tmp_path / "subject")
    run = subprocess.run(subject.command(), capture_output=True, text=True, check=False, timeout=STARTING)
    assert (run.returncode, run.stdout) == (2, "")
    words = re.fullmatch(r"barnabas: (?:--set: )?(.*)\n", run.stderr)[1]
    kafka = KafkaOfListeners(settings, tmp_path / "kafka")
    kafka.port, kafka.controller = free_ports(2)
    with pytest.raises(BrokerFailed, match="ended with code"):
        kafka.start(STARTING)
    assert words in kafka.log.read_text(errors="replace")
