"""Consumer groups of real clients under churn (see README.md). Any violation: exit code 1."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "clients")]

from churn import report  # noqa: E402
from churn.checks import violations  # noqa: E402
from churn.group import Group  # noqa: E402
from churn.outside import Load, Watcher, create_topics  # noqa: E402
from churn.plan import CONFIGS, SESSION_MS, SETTINGS, Profile, rounds, short  # noqa: E402
from churn.processor import Processor, Watched  # noqa: E402
from harness.broker import ROOT, Broker  # noqa: E402

LAUNCHER = f"{sys.executable} {HERE / 'launch_kafka.py'}"
DOWN_SECONDS = 3.0
SHOWN = 3


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="every client at once")
    parser.add_argument("--seed", help="repeats the choices of an earlier run")
    parser.add_argument("--seconds", type=float, help="of churn in each round")
    parser.add_argument("--members", type=int, help="the most members of a group")
    parser.add_argument("--at-once", type=int, default=4, help="groups in a round")
    parser.add_argument("--only", default="", help="groups whose name has one of these words (a,b)")
    parser.add_argument("--kafka", action="store_true", help="against Apache Kafka")
    parser.add_argument("--out", default=str(ROOT / ".cache" / "churn"), help="where the logs are kept")
    return parser.parse_args()


def profile(args: argparse.Namespace) -> Profile:
    """What to run."""
    words = [word for word in args.only.split(",") if word]
    if args.short and not words:
        plan = short()
    else:
        names = [name for name in CONFIGS if not words or any(word in name for word in words)]
        plan = rounds(names, args.at_once)
    seconds = args.seconds or (35 if args.short else 120)
    members = args.members or (3 if args.short else 8)
    return Profile(plan, members, seconds, kills=max(1, int(seconds // 60)))


class Round:
    """Some groups at once against one broker, which is killed in between."""

    def __init__(
        self, args: argparse.Namespace, names: tuple[str, ...], plan: Profile, seed: str, out: Path,
    ) -> None:
        self.plan = plan
        self.random = random.Random(f"{seed}/broker")
        options = [word for key, value in SETTINGS.items() for word in ("--set", f"{key}={value}")]
        out.mkdir(parents=True)
        self.broker = Broker(out, LAUNCHER if args.kafka else None, tuple(options)).start()
        address = self.broker.address
        self.groups = [Group(CONFIGS[name], seed, address, plan.members, out) for name in names]
        self.problems: list[str] = []

    def run(self) -> None:
        """Churn, then everything to its end."""
        address, over = self.broker.address, threading.Event()
        create_topics(address, self.groups)
        load, watcher = Load(address, self.groups), Watcher(address, self.groups, self.random)
        processor = Processor(SESSION_MS, self._watched)
        threads = [threading.Thread(target=group.churn, args=(over,)) for group in self.groups]
        for thread in threads:
            thread.start()
        self._kill_at_times()
        over.set()
        for thread in threads:
            thread.join()
        load.stop(address)
        for step in (Group.wait_committed, Group.leave_all):
            self._all(step)
        watcher.stop()
        processor.stop()
        self.problems += load.problems

    def _watched(self) -> list[Watched]:
        process = self.broker.process
        found = [each for group in self.groups for each in group.watched()]
        if process is not None:
            outages, tell = [g.history.outages for g in self.groups], [g.starved for g in self.groups]
            found.append(Watched(process.pid, outages, tell))
        return found

    def _all(self, step) -> None:
        threads = [threading.Thread(target=step, args=(group,)) for group in self.groups]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _kill_at_times(self) -> None:
        """The schedule of the broker itself: one kill in each part of the time, about its middle."""
        part = self.plan.seconds / self.plan.kills
        start = time.monotonic()
        for i in range(self.plan.kills):
            _sleep_until(start + part * (i + self.random.uniform(0.4, 0.6)))
            for group in self.groups:
                group.broker_left()
            self.broker.kill()
            _sleep_until(time.monotonic() + self.random.uniform(0, DOWN_SECONDS))
            self.broker.start()
            for group in self.groups:
                group.broker_came()
        _sleep_until(start + self.plan.seconds)

    def close(self) -> None:
        """Ends everything that this round started."""
        for group in self.groups:
            group.close()
        if self.broker.process is not None:
            if self.broker.process.poll() is not None:
                self.problems.append(f"the broker ended by itself\n{self.broker.log_tail()}")
            self.broker.kill()

    def verdict(self) -> list[str]:
        """All violations, each with its group's name."""
        found = list(self.problems)
        for group in self.groups:
            actions = "\n".join(group.actions)
            (group.out / "actions").write_text(actions + "\n", encoding="utf-8")
            found += [f"{group.config.name}: {text}" for text in violations(group.history)]
        return found


def show(found: list[str]) -> None:
    """The first of each kind of each group, and how many there are."""
    kinds: dict[str, list[str]] = {}
    for text in found:
        kinds.setdefault(":".join(text.split(":")[:2]), []).append(text)
    for kind, texts in kinds.items():
        for text in texts[:SHOWN]:
            print(f"VIOLATION {text}", flush=True)
        if len(texts) > SHOWN:
            print(f"VIOLATION {kind}: {len(texts) - SHOWN} more", flush=True)


def _sleep_until(at: float) -> None:
    threading.Event().wait(max(0.0, at - time.monotonic()))


def main() -> int:
    """Runs all rounds."""
    args = arguments()
    seed = args.seed or str(random.SystemRandom().randrange(10**6))
    plan = profile(args)
    out = Path(args.out)
    shutil.rmtree(out, ignore_errors=True)
    print(f"churn: seed {seed}, logs in {out}", flush=True)
    bad, groups = [], []
    for number, names in enumerate(plan.rounds, 1):
        each = Round(args, names, plan, seed, out / f"round-{number}")
        try:
            each.run()
        finally:
            each.close()
        found = each.verdict()
        for group in each.groups:
            print(report.facts(group), flush=True)
        show(found)
        groups += each.groups
        bad += found
    print("\n".join(report.rests(groups)))
    if bad:
        words = [word for word in sys.argv[1:] if word != "--seed" and word != args.seed]
        again = f"tests/churn/run.sh {' '.join(words)} --seed {seed}"
        print(f"churn: FAILED: {len(bad)} violations; repeat: {again}")
        return 1
    print(f"churn: {len(groups)} groups, no violation (seed {seed})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
