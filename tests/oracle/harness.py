"""Runs one scenario on both brokers and compares what they answered.

A scenario is a function of a `Session`. It is written once and runs on Apache Kafka and on the
subject (Barnabas, or a second Kafka) at the same time, each with its own ids, ports and sessions. The
session writes down every answer; afterwards the two transcripts are compared step by step.

    @scenario()
    def test_something(b):
        b.create("something-1", partitions=2)
        b.call("Metadata", 12, {"topics": [{"name": "something-1"}]})

Transcripts are left in `.cache/oracle-out/` for reading: they are the record of what Kafka does.
"""

import functools
import inspect
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import records
from compare import Comparison
from members import Members
from protocol import APIS, Closed, NoAnswer
from schema import REPOSITORY, CodecError
from tools import normalize, runner

OUT = REPOSITORY / ".cache" / "oracle-out"
ANSWER_TIMEOUT = 15.0
CLOSED, SILENT = {"_answer": "connection closed"}, {"_answer": "none"}


class Stopped(Exception):
    """The scenario cannot go on: an answer that it builds on did not come."""


class Session:
    """One broker as a scenario sees it."""

    def __init__(self, broker, side="kafka"):
        self.broker, self.side = broker, side
        self.steps, self.ended = [], [time.monotonic()]
        self.others, self.members = [], Members()
        self._client = None

    # -- connections

    @property
    def client(self):
        """The scenario's own connection, made when first needed and again after it was closed."""
        if self._client is None:
            self._client = self.broker.client(ANSWER_TIMEOUT)
        return self._client

    def connect(self):
        """One more connection, closed with the scenario."""
        client = self.broker.client(ANSWER_TIMEOUT)
        self.others.append(client)
        return client

    def drop(self):
        """Closes the scenario's own connection; the next call makes a new one."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def close(self):
        """Ends the session."""
        self.drop()
        for client in self.others:
            client.close()

    # -- recorded steps

    def note(self, label, api, answer):
        """Writes down an answer; the same label and API must come at the same place on both sides."""
        self.steps.append((label, api, self.members.readable(_readable(api, answer))))
        self.ended.append(time.monotonic())
        return answer

    def call(self, name, version, body, label="", client_id="oracle"):
        """Sends a request, writes the answer down and returns it; None if the connection closed."""
        label = f"{label or name} v{version}"
        try:
            answer = self.client.call(name, version, body, client_id)
        except Closed:
            self.drop()
            self.note(label, name, CLOSED)
            return None
        except NoAnswer as error:
            self.drop()
            self.note(label, name, SILENT)
            raise Stopped(f"{label}: no answer within {ANSWER_TIMEOUT} s") from error
        return self.note(label, name, answer)

    def received(self, client, label):
        """Waits for the oldest answer that is due on another connection and writes it down."""
        api, version, _ = client.waiting[0]
        label = f"{label} v{version}"
        try:
            return self.note(label, api.name, client.receive())
        except Closed:
            self.note(label, api.name, CLOSED)
            return None
        except NoAnswer as error:
            self.note(label, api.name, SILENT)
            raise Stopped(f"{label}: no answer within {ANSWER_TIMEOUT} s") from error

    def every_version(self, name, body, label="", versions=None):
        """`call` in every version that Kafka advertises. `body` may be a function of the version."""
        for version in versions or APIS[name].versions:
            self.call(name, version, body(version) if callable(body) else body, label)

    def unanswered(self, name, version, body, label=""):
        """For requests that get no answer: whether the next request is answered instead."""
        label = f"{label or name} v{version}"
        try:
            self.client.send(name, version, body)
            self.client.waiting.pop()
            self.client.send("ApiVersions", 0, {})
            self.client.receive()
        except Closed:
            self.drop()
            self.note(label, name, CLOSED)
        except CodecError:
            self.drop()
            self.note(label, name, {"_answer": "one that was not due"})
        else:
            self.note(label, name, SILENT)

    def raw(self, data, label):
        """Sends bytes on a new connection: what comes back, or that it closed."""
        with self.broker.client(ANSWER_TIMEOUT) as client:
            try:
                client.raw(data)
                answer = {"_answer": "frame", "size": len(client.frame())}
            except Closed:
                answer = CLOSED
        self.note(label, "raw", answer)

    def tool(self, name, *args, stdin="", label="", sort=False, keep=None):
        """Runs one of Kafka's command line tools against this broker and writes down what it printed.
        `sort`: the order of lines means nothing. `keep`: which lines of stdout count."""
        result = runner(self.side).run(name, ["--bootstrap-server", self.broker.address, *args], stdin)
        printed = normalize(result, self.broker, sort)
        if keep is not None:
            printed["stdout"] = [line for line in printed["stdout"] if keep(line)]
        printed = self.members.readable(printed)
        if sort:  # once more: the ids that the members were given had an order too
            printed = {name: sorted(text) if isinstance(text, list) else text for name, text in printed.items()}
        return self.note(label or " ".join([name, *args]), f"tool {name}", printed)

    # -- unrecorded help

    def quiet(self, name, version, body):
        """A request whose answer is not compared."""
        return self.client.call(name, version, body)

    def until(self, name, version, body, holds, label="", seconds=20, compare=True):
        """Asks until the answer satisfies `holds`, then writes it down, or only that it came true. `body` may
        be a function that makes it anew each time."""
        deadline = time.monotonic() + seconds
        made = body if callable(body) else lambda: body
        answer = self.quiet(name, version, made())
        while not holds(answer):
            if time.monotonic() > deadline:
                self.note(f"{label or name} v{version}", name, answer)
                raise Stopped(f"{label or name}: did not come true within {seconds} s")
            time.sleep(0.02)
            answer = self.quiet(name, version, made())
        if compare:
            return self.note(f"{label or name} v{version}", name, answer)
        return self.note(f"{label or name} v{version}", "none", {"came true": True}) and answer

    def create(self, name, partitions=1, **configs):
        """A topic that is ready to use; its id. Config names with `_` for `.`."""
        entries = [{"name": k.replace("_", "."), "value": str(v)} for k, v in configs.items()]
        topic = {"name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": entries}
        answer = self.quiet("CreateTopics", 7, {"topics": [topic], "timeoutMs": 10000})["topics"][0]
        if answer["errorCode"]:
            raise Stopped(f"cannot create {name}: {answer['errorCode']} {answer['errorMessage']}")
        self.settled(name, partitions)
        self.note(f"created {name}", "CreateTopics", {"topicId": answer["topicId"]})
        return answer["topicId"]

    def settled(self, name, partitions):
        """Waits until every partition of a topic has its leader in the metadata and serves."""
        deadline = time.monotonic() + 20
        asked = {"topics": [{"name": name}], "allowAutoTopicCreation": False}
        while time.monotonic() < deadline:
            topic = self.quiet("Metadata", 12, asked)["topics"][0]
            if (
                len(topic["partitions"]) >= partitions
                and all(p["leaderId"] >= 0 for p in topic["partitions"])
                and self._serves(name, partitions)
            ):
                return
            time.sleep(0.02)
        raise Stopped(f"{name} did not get its leaders")

    def _serves(self, name, partitions):
        asked = [{"partitionIndex": p, "timestamp": -2} for p in range(partitions)]
        answer = self.quiet(
            "ListOffsets", 5, {"replicaId": -1, "topics": [{"name": name, "partitions": asked}]}
        )
        return all(p["errorCode"] == 0 for p in answer["topics"][0]["partitions"])

    def producer_id(self):
        """A new producer id; asks again while the broker fetches its first block."""
        body = {"transactionalId": None, "transactionTimeoutMs": 60000}
        answer = self.until("InitProducerId", 4, body, lambda a: a["errorCode"] != 14, "producer id")
        return answer["producerId"]

    def produce(self, topic, batch, label="", version=9, acks=-1, partition=0, topic_id=None, tx=None):
        """One batch to one partition; the partition's answer."""
        body = produce_body({(topic, topic_id): {partition: batch}}, acks, tx)
        answer = self.call("Produce", version, body, label or "produce")
        return answer and answer["responses"][0]["partitionResponses"][0]

    def restart(self):
        """A clean stop and start on the same data."""
        self.drop()
        self.broker.restart()

    def crash(self):
        """An end without warning, and a start on the same data."""
        self.drop()
        self.broker.kill()
        self.broker.start()


def produce_body(topics, acks=-1, tx=None, timeout=10000):
    """A Produce request of {(name, id): {partition: records}}. Name and id are both given: the version
    decides which is sent."""
    data = []
    for (name, topic_id), partitions in topics.items():
        entry = {"partitionData": [{"index": p, "records": r} for p, r in partitions.items()]}
        entry.update({"name": name} if topic_id is None else {"name": name, "topicId": topic_id})
        data.append(entry)
    return {"transactionalId": tx, "acks": acks, "timeoutMs": timeout, "topicData": data}


UNKNOWN = (3, 100)  # partitions that a Fetch did not find


def _readable(api, answer):
    """An answer as it is compared. Of a Fetch: record batches are parsed; a last batch that was cut is
    left out (Kafka cuts at the byte limit, clients drop the rest; a broker may send whole batches only);
    the partitions are one list, those that were not found another (Kafka tells them last)."""
    if api != "Fetch" or not isinstance(answer, dict) or "responses" not in answer:
        return answer
    found, unknown = [], []
    for topic in answer["responses"]:
        name = {k: v for k, v in topic.items() if k != "partitions"}
        for partition in topic["partitions"]:
            entry = {**name, **partition}
            if entry["records"] is not None:
                entry["records"] = [_batch(b) for b in records.parse(entry["records"]) if "cut" not in b]
            (unknown if entry["errorCode"] in UNKNOWN else found).append(entry)
    rest = {k: v for k, v in answer.items() if k != "responses"}
    return json.loads(
        json.dumps({**rest, "partitions": found, "unknown": unknown}, default=lambda b: b.hex())
    )


def _batch(batch):
    if batch["attributes"] & records.LOG_APPEND_TIME:  # the broker's clock, and the checksum over it
        batch = {**batch, "maxTimestamp": "<append time>", "crc": "<crc>"}
    return batch


class Pair:
    """Apache Kafka and the subject, running with the same settings."""

    def __init__(self, kafka, subject):
        self.kafka, self.subject = kafka, subject
        self.started, self.failure = False, None

    def running(self):
        """Starts both at the same time, when first asked. A failed start is told again, not tried again."""
        if self.failure is None and not self.started:
            self.started = True
            with ThreadPoolExecutor(2) as pool:
                starts = [pool.submit(self.kafka.start), pool.submit(self.subject.start)]
            self.failure = next((s.exception() for s in starts if s.exception()), None)
        if self.failure is not None:
            raise self.failure
        return self

    def close(self):
        """Stops both; what one of them has to complain about is raised after both are down."""
        with ThreadPoolExecutor(2) as pool:
            for stopped in [pool.submit(self.kafka.close), pool.submit(self.subject.close)]:
                stopped.result()

    def compare(self, name, function, allowed=()):
        """Runs a scenario on both and fails the test if they answered differently."""
        sessions = [Session(self.kafka), Session(self.subject, "subject")]
        with ThreadPoolExecutor(2) as pool:
            ended = list(pool.map(functools.partial(_run, function), sessions))
        for side, session in zip(("kafka", "subject"), sessions):
            _write(name, side, session)
        if ended[0] is not None:
            raise ended[0]
        comparison = Comparison(allowed)
        _compare_steps(comparison, *(s.steps for s in sessions))
        lines = [str(d) for d in comparison.differences]
        if ended[1] is not None:
            lines.append(f"the scenario ended early on the subject: {type(ended[1]).__name__}: {ended[1]}")
        if lines:
            shown = lines[:60] + ([f"... and {len(lines) - 60} more"] if len(lines) > 60 else [])
            pytest.fail(f"{len(lines)} differences\n  " + "\n  ".join(shown), pytrace=False)


def _run(function, session):
    try:
        function(session)
        return None
    except Exception as error:  # noqa: BLE001 - told as a difference, or raised by the caller
        return error
    finally:
        session.close()


def _compare_steps(comparison, kafka, subject):
    for (label, api, left), (other, _, right) in zip(kafka, subject):
        if label != other:
            comparison.step(label, api, {"step": label}, {"step": other})
            return
        comparison.step(label, api, left, right)
    for label, api, left in kafka[len(subject) :][:1]:
        comparison.step(label, api, left, {"_answer": "not reached"})


def _write(name, side, session):
    OUT.mkdir(parents=True, exist_ok=True)
    times = [round(end - begin, 3) for begin, end in zip(session.ended, session.ended[1:])]
    steps = [
        {"step": label, "api": api, "seconds": seconds, "answer": answer}
        for (label, api, answer), seconds in zip(session.steps, times)
    ]
    (OUT / f"{name}.{side}.json").write_text(
        json.dumps(steps, indent=1, default=lambda b: b.hex() if isinstance(b, bytes) else str(b))
    )


def scenario(settings=None, alone=False, allowed=()):
    """Makes a test of a scenario. `settings` are broker settings for both; `alone` gives it a pair of
    brokers of its own (for restarts); further arguments of the function are pytest parameters."""

    def decorate(function):
        names = list(inspect.signature(function).parameters)[1:]

        def test(brokers, request, **parameters):
            module = request.node.module.__name__.removeprefix("test_")
            name = f"{module}.{request.node.name.removeprefix('test_')}".replace("/", "_")
            pair = brokers(settings, request.node.name if alone else None)
            pair.compare(name, lambda session: function(session, **parameters), allowed)

        kinds = inspect.Parameter.POSITIONAL_OR_KEYWORD
        test.__signature__ = inspect.Signature(
            [inspect.Parameter(n, kinds) for n in ("brokers", "request", *names)]
        )
        test.__name__, test.__doc__ = function.__name__, function.__doc__
        test.__module__ = function.__module__
        return test

    return decorate
