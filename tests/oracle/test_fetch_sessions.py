"""Fetch sessions (KIP-227; Kafka: FetchManager, FetchSession). A broker that never opens a session
fails here on purpose."""

from harness import scenario
from records import batch
from test_fetch import SOME_ID, filled, request, wanted


def _fetch(b, label, session, epoch, name, *partitions, version=12, forget=(), topic_id=None, **more):
    body = request(name, *partitions, topic_id=topic_id, sessionId=session, sessionEpoch=epoch, **more)
    if forget:
        entry = {"topic": name or forget[0], "partitions": list(forget[1])}
        if topic_id is not None:
            entry["topicId"] = topic_id
        body["forgottenTopicsData"] = [entry]
    return b.call("Fetch", version, body, label)


@scenario()
def test_life_of_a_session(b):
    """Opened by epoch 0; then only what changed; partitions are moved, forgotten and added."""
    known = filled(b, "session-life", 3)
    for version in (7, 11, 12, 13, 18):
        _life(b, version, known)


def _life(b, version, known):

    def go(label, epoch, *partitions, session=None, forget=(), at=version):
        return _fetch(
            b,
            label,
            session if session is not None else one,
            epoch,
            "session-life" if partitions else None,
            *partitions,
            version=at,
            topic_id=known,
            forget=("session-life", forget) if forget else (),
        )

    opened = go("opened", 0, wanted(0, 0), wanted(1, 0), wanted(2, 0), session=0)
    one = opened["sessionId"]
    end = opened["responses"][0]["partitions"][0]["highWatermark"]
    go("data again", 1)
    go("moved to the end", 2, wanted(0, end))
    go("nothing new", 3)
    b.produce("session-life", batch([b"new"]), "append")
    go("new data", 4)
    go("the same data again", 5)
    go("moved on", 6, wanted(0, end + 1))
    go("out of range", 7, wanted(1, 99))
    go("out of range again", 8)
    go("back in range", 9, wanted(1, 0))
    go("forgotten", 10, forget=[0])
    b.produce("session-life", batch([b"unseen"]), "append")
    go("nothing of it", 11)
    go("added again", 12, wanted(0, end))
    go("forgotten and added", 13, wanted(0, end + 1), forget=[0])
    go("unknown partition added", 14, wanted(9, 0))
    go("unknown partition again", 15)
    go("unknown partition forgotten", 16, forget=[9])
    go("all forgotten", 17, forget=[0, 1, 2])
    go("gone", 18)


@scenario()
def test_epochs(b):
    """The wrong epoch, an unknown session, closing, replacing."""
    known = filled(b, "session-epochs")
    for version in (7, 12, 13):

        def go(label, session, epoch, *partitions, at=version):
            return _fetch(
                b,
                label,
                session,
                epoch,
                "session-epochs" if partitions else None,
                *partitions,
                version=at,
                topic_id=known,
            )

        one = go("opened", 0, 0, wanted(0, 0))["sessionId"]
        for epoch in (2, 9, 2147483647):
            go(f"epoch {epoch} instead of 1", one, epoch)
        go("right epoch", one, 1)
        go("the same epoch again", one, 1)
        go("the next", one, 2)
        go("session 0, epoch 1", 0, 1)
        go("session 0, epoch -2", 0, -2)
        go("unknown session", 12345, 1)
        go("unknown session, epoch 0", 12345, 0, wanted(0, 4))
        go("unknown session, epoch -1", 12345, -1, wanted(0, 4))
        go("negative session", -5, 1)
        two = go("replaced", one, 0, wanted(0, 0))["sessionId"]
        go("the old one", one, 3)
        go("closed", two, -1, wanted(0, 0))
        go("after closing", two, 1)
        go("no session", 0, -1, wanted(0, 0))
        empty = go("opened with nothing", 0, 0)["sessionId"]
        go("still nothing", empty, 1)
    b.note("end", "none", {})


@scenario()
def test_names_and_ids(b):
    """A session that was opened with names cannot go on with ids, nor the reverse."""
    known = filled(b, "session-ids")
    names = _fetch(b, "by names", 0, 0, "session-ids", wanted(0, 0))["sessionId"]
    ids = _fetch(b, "by ids", 0, 0, "session-ids", wanted(0, 0), version=13, topic_id=known)["sessionId"]
    _fetch(b, "ids for names", names, 1, "session-ids", wanted(0, 0), version=13, topic_id=known)
    _fetch(b, "ids for names, nothing listed", names, 1, None, version=13)
    _fetch(b, "names for ids", ids, 1, "session-ids", wanted(0, 0), version=12)
    _fetch(b, "names for ids, nothing listed", ids, 1, None, version=12)
    _fetch(b, "names go on", names, 1, None)
    _fetch(b, "ids go on", ids, 1, None, version=13)


@scenario()
def test_unknown_topics(b):
    """Unknown names and ids stay in the session and are told each time."""
    for version in (12, 13):
        one = _fetch(b, "opened", 0, 0, "session-nope", wanted(0, 0), version=version, topic_id=SOME_ID)[
            "sessionId"
        ]
        _fetch(b, "again", one, 1, None, version=version)
        _fetch(b, "and again", one, 2, None, version=version)


@scenario()
def test_deleted_and_created_again(b):
    """The id of a deleted topic becomes unknown in the session; the new topic has a new id."""
    first = filled(b, "session-deleted")
    one = _fetch(b, "opened", 0, 0, "session-deleted", wanted(0, 4), version=13, topic_id=first)["sessionId"]
    b.call("DeleteTopics", 6, {"topics": [{"name": "session-deleted"}], "timeoutMs": 10000}, "deleted")
    b.until(
        "Metadata",
        12,
        {"topics": [{"name": "session-deleted"}], "allowAutoTopicCreation": False},
        lambda a: a["topics"][0]["errorCode"] == 3,
        "gone",
    )
    filled(b, "session-deleted")
    _fetch(b, "the old id", one, 1, None, version=13)
    _fetch(
        b, "the old id without a session", 0, -1, "session-deleted", wanted(0, 0), version=13, topic_id=first
    )


@scenario()
def test_order(b):
    """Partitions that returned data go to the end of the session's order."""
    b.create("session-order", partitions=4)
    for partition in range(4):
        for _ in range(3):
            b.produce("session-order", batch([b"%d" % partition * 100]), "fill", partition=partition)
    opened = _fetch(b, "one batch fits", 0, 0, "session-order", *[wanted(p, 0) for p in range(4)], most=200)
    for epoch in range(1, 9):
        _fetch(b, f"turn {epoch}", opened["sessionId"], epoch, None, most=200)


@scenario()
def test_long_poll(b):
    """An incremental fetch without listed partitions waits and wakes."""
    filled(b, "session-poll")
    client = b.connect()
    one = _fetch(b, "opened", 0, 0, "session-poll", wanted(0, 4))["sessionId"]
    client.send("Fetch", 12, request(None, wait=600_000, sessionId=one, sessionEpoch=1))
    b.produce("session-poll", batch([b"new"]), "append")
    b.note("woken", "Fetch", client.receive())
    client.send("Fetch", 12, request(None, wait=50, sessionId=one, sessionEpoch=2))
    b.note("data not yet taken", "Fetch", client.receive())


@scenario()
def test_log_start_moves(b):
    """A partition whose log start moved is listed even without data."""
    filled(b, "session-start")
    one = _fetch(b, "opened", 0, 0, "session-start", wanted(0, 4))["sessionId"]
    _fetch(b, "nothing", one, 1, None)
    b.call(
        "DeleteRecords",
        2,
        {
            "topics": [{"name": "session-start", "partitions": [{"partitionIndex": 0, "offset": 2}]}],
            "timeoutMs": 10000,
        },
        "deleted",
    )
    _fetch(b, "log start moved", one, 2, None)
    _fetch(b, "nothing again", one, 3, None)
    _fetch(b, "below the start", one, 4, "session-start", wanted(0, 1))
