"""Runs Kafka's own command line tools, in one JVM per side that stays up (launcher/Tools.java)."""

import json
import re
import subprocess
import tempfile
import threading

from kafka import LOGGING, java

TIMEOUT = 90.0
_runners = {}


class Runner:
    """A JVM that runs one tool after the other."""

    def __init__(self):
        self.process, self.log = None, tempfile.TemporaryFile()

    def run(self, tool, args, stdin=""):
        """{"code", "stdout", "stderr"} of a tool; a tool that hangs is ended with its JVM."""
        if self.process is None or self.process.poll() is not None:
            logging = f"-Dlog4j2.configurationFile={LOGGING}"
            self.process = subprocess.Popen(
                java("Tools", extra=[logging]), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
            )
        command = json.dumps({"tool": tool, "args": args, "stdin": stdin})
        timer = threading.Timer(TIMEOUT, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line:
            self.process.wait()
            return {"code": f"no end within {TIMEOUT} s", "stdout": "", "stderr": ""}
        return json.loads(line)

    def close(self):
        """Ends the JVM."""
        if self.process is not None:
            self.process.stdin.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
        self.log.close()


def runner(side):
    """The runner of one side of the comparison."""
    return _runners.setdefault(side, Runner())


def close_runners():
    """Ends all runners."""
    for entry in _runners.values():
        entry.close()
    _runners.clear()


_RULES = [
    (r"TopicId: \S+", "TopicId: <id>"),
    (r'"(size|totalBytes|usableBytes)":\d+', r'"\1":<bytes>'),
    (r'"logDir":"[^"]*"', '"logDir":"<dir>"'),
    (r"CreateTime:\d{13}", "CreateTime:<time>"),
    (r"\d+\.\d+ records/sec.*", "<rates>"),
    (r"(ClusterId|LeaderEpoch|HighWatermark): +\S+", r"\1: <its own>"),
    # A Kafka tells where its controller listens.
    (r'"directoryId": "[\w-]{22}"(, "endpoints": \[[^\]]*\])?', '"directoryId": "<id>"'),
    (r"(?m)^(\d+ *)\t[\w-]{22}\t\d+ *\t", r"\1\t<id>\t<end>\t"),
    (r"\t(\d{13}|\d+ ms ago) *(?=\t)", r"\t<time>"),
    (r"\((org|kafka|java)\.[\w.$]+\)", "<class>"),
    (r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+\]", "<time>"),
    (r"\tat .*\n", ""),
]


def normalize(result, broker, sort=False):
    """What a tool printed, without what names times, sizes on disk, ids and ports."""

    def clean(text):
        text = text.replace(str(broker.data), "<dir>").replace(broker.address, "<broker>")
        text = re.sub(rf"\b{broker.port}\b", "<port>", text)
        for pattern, replacement in _RULES:
            text = re.sub(pattern, replacement, text)
        lines = [line for line in text.splitlines() if line.strip()]
        return sorted(lines) if sort else lines

    return {"code": result["code"], "stdout": clean(result["stdout"]), "stderr": clean(result["stderr"])}
