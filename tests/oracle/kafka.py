"""The two brokers of a comparison behind one interface: Apache Kafka and Barnabas.

Each broker runs in a folder of its own with a log file beside its data. A broker that does not come
up, or does not stop as it should, raises `BrokerFailed` with the end of its log: never a silent skip.
"""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import uuid
from pathlib import Path

from protocol import Client, Closed, NoAnswer
from schema import KAFKA_HOME, REPOSITORY

NODE_ID = 1
# Both brokers get these, so that neither waits for replicas that do not exist.
COMMON = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}
LOGGING = Path(__file__).parent / "launcher" / "log4j2.yaml"
JVM = [
    "-Xmx320m",
    "-Xms128m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Xshare:auto",
    "-Djava.awt.headless=true",
]


class BrokerFailed(Exception):
    """A broker that did not start, or did not stop, as promised."""


def free_ports(count):
    """Ports that nobody listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for entry in sockets:
        entry.bind(("127.0.0.1", 0))
    ports = [entry.getsockname()[1] for entry in sockets]
    for entry in sockets:
        entry.close()
    return ports


def java(main, *args, extra=()):
    """The command line of a Java program with Kafka's jars and the launchers."""
    path = f"{KAFKA_HOME}/launcher:{KAFKA_HOME}/libs/*"
    return ["java", *JVM, *extra, "-cp", path, main, *args]


class Broker:
    """What both brokers can do. Subclasses say how they start."""

    name = "broker"

    def __init__(self, settings=None, folder=None):
        self.settings = {**COMMON, **(settings or {})}
        self.folder = Path(folder or tempfile.mkdtemp(prefix=f"oracle-{self.name}-"))
        self.owned = folder is None
        self.data = self.folder / "data"
        self.log = self.folder / "broker.log"
        self.host, self.port = "127.0.0.1", None
        self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def address(self):
        """`host:port` for clients."""
        return f"{self.host}:{self.port}"

    def client(self, timeout=30.0):
        """A new connection."""
        return Client(self.host, self.port, timeout)

    def close(self):
        """Stops the broker and removes its folder."""
        try:
            if self.process is not None:
                self.stop()
        finally:
            if self.owned and not os.environ.get("ORACLE_KEEP"):
                shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self):
        """Stops cleanly and starts again on the same data."""
        self.stop()
        return self.start()

    def kill(self):
        """Ends the process as a crash would (SIGKILL). `start` brings it back on the same data."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def stop(self, timeout=60):
        """SIGTERM, and the exit code that the broker promises."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise self.failed(f"did not stop within {timeout} s of SIGTERM") from error
        self.process = None
        if code not in self.clean_exit:
            raise self.failed(f"ended with code {code} after SIGTERM")

    def failed(self, what):
        """The error to raise, with the end of the log."""
        tail = self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""
        return BrokerFailed(f"{self.name}: {what}\n{tail}")


class ApacheKafka(Broker):
    """Apache Kafka from Maven's jars: broker and controller in one process (KRaft combined mode)."""

    name = "kafka"
    clean_exit = (0, 143)  # the JVM reports SIGTERM as 143

    def start(self, timeout=90):
        """Formats new storage, starts the broker and waits until it serves."""
        properties = self._write_properties()
        # A directory that has an owner already is started as it is, as a user would.
        formatted = (self.data / "meta.properties").exists()
        arguments = [str(properties)] if formatted else [str(properties), self.cluster_id()]
        command = java("Server", *arguments, extra=[f"-Dlog4j2.configurationFile={LOGGING}"])
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._wait(time.monotonic() + timeout)
        return self

    def format(self, *options):
        """Formats the storage with options of `kafka-storage format`, and starts nothing."""
        command = java("Server", str(self._write_properties()), self.cluster_id(), *options)
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if run.returncode:
            raise BrokerFailed(f"kafka: cannot format: {run.stdout}{run.stderr}")

    def _write_properties(self):
        if self.port is None:
            self.port, self.controller = free_ports(2)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "server.properties"
        path.write_text("".join(f"{k}={v}\n" for k, v in self.properties().items()))
        return path

    def properties(self):
        """The server.properties of a combined node. `controller.quorum.voters` in the settings, with any
        value, makes it one whose voters are not in the log."""
        settings = dict(self.settings)
        quorum = {"controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller}"}
        if settings.pop("controller.quorum.voters", None):
            quorum = {"controller.quorum.voters": f"{NODE_ID}@127.0.0.1:{self.controller}"}
        return {
            "process.roles": "broker,controller",
            "node.id": str(NODE_ID),
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            **quorum,
            "log.dirs": str(self.data),
            **settings,
        }

    def cluster_id(self):
        """One id for the life of the folder."""
        path = self.folder / "cluster.id"
        if not path.exists():
            # The leading letter: an id that begins with "-" would look like an option to the format tool.
            path.write_text("k" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22])
        return path.read_text()

    def _wait(self, deadline):
        """Ready: the broker is unfenced, so that a topic can be led by it."""
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise self.failed(f"ended with code {self.process.returncode} while starting")
            try:
                with self.client(timeout=5) as client:
                    answer = client.call("Metadata", 12, {"topics": []})
                    if any(b["nodeId"] == NODE_ID for b in answer["brokers"]):
                        return
            except (OSError, Closed, NoAnswer):
                pass
            time.sleep(0.1)
        raise self.failed("was not ready in time")


class Barnabas(Broker):
    """The binary under test: `BARNABAS_BIN`, or the release build of this repository."""

    name = "barnabas"
    clean_exit = (0,)

    @staticmethod
    def binary():
        """The path of the binary."""
        return os.environ.get("BARNABAS_BIN") or str(REPOSITORY / "target" / "release" / "barnabas")

    def start(self, timeout=20):
        """Starts the binary and reads the one line that it prints when it serves."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [
            self.binary(),
            "--port",
            str(self.port or 0),
            "--data-dir",
            str(self.data),
            "--node-id",
            str(NODE_ID),
        ]
        if self.settings:
            # As Kafka has them: what a flag gives cannot be changed while the broker runs.
            file = self.folder / "barnabas.properties"
            file.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))
            command += ["--config", str(file)]
        try:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "BARNABAS_HTTP_LISTENER": "off"},
                )
        except OSError as error:
            raise BrokerFailed(f"barnabas: cannot run {command[0]}: {error}") from error
        self._ready_line(timeout)
        return self

    def _ready_line(self, timeout):
        timer = _after(timeout, self.process.kill)
        line = self.process.stdout.readline().decode(errors="replace")
        timer.cancel()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            self.process.kill()
            code, self.process = self.process.wait(), None
            raise self.failed(f"said {line!r} instead of its address (exit code {code})")
        self.port = int(found[1])

    def stop(self, timeout=10):
        """As for any broker; and nothing but the one line may have been on stdout."""
        stdout = self.process.stdout
        super().stop(timeout)
        more = stdout.read()
        stdout.close()
        if more:
            raise self.failed(f"printed more than its one line on stdout: {more!r}")


def _after(seconds, action):
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()
    return timer
