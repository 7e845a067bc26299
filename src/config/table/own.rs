//! Barnabas's own settings: what Kafka, with its thread pools and its JVM, has no name for.
//!
//! All begin with `barnabas.`; a Kafka setting is always preferred where one says the same.

use super::super::setting::{Setting, boolean, int, list, long, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    string("barnabas.cluster.id").id().used()
        .doc("Id of the cluster for a data directory that has none yet; else one by chance. CLUSTER_ID in Kafka's image."),
    int("barnabas.connection.max.requests").default("1024").between(1, 65536).used()
        .doc("Unanswered requests of one connection beyond which it is not read."),
    int("barnabas.connection.max.unsent.bytes").default("4194304").at_least(65536).used()
        .doc("Unsent bytes of one connection beyond which it is not read."),
    long("barnabas.flush.bytes").default("8388608").at_least(-1).used()
        .doc("Unflushed bytes of a partition beyond which it is flushed in the background; -1 leaves it to the system."),
    long("barnabas.flush.ms").default("100").at_least(-1).used()
        .doc("Time after which what was appended to a partition is flushed in the background; -1 leaves it to the system."),
    long("barnabas.groups.max.bytes").default("536870912").at_least(1048576).used()
        .doc("Memory for the members of all consumer groups; nobody may take more than an eighth of what is left of it."),
    list("barnabas.http.hosts").default("").any_items().used()
        .doc("Names that HTTP requests may call this broker by, beside addresses, localhost, its machine's and listeners'."),
    string("barnabas.http.listener").default("127.0.0.1:8080").used()
        .doc("Where metrics, health and REST are served, as host:port, or off. The default is left out where its port is taken."),
    int("barnabas.http.timeout.ms").default("30000").between(100, 3600000).used()
        .doc("An HTTP request that does not come whole, and a connection without one, ends after so long to twice as long."),
    string("barnabas.io").default("auto").one_of(&["auto", "mio", "uring"]).used()
        .doc("How sockets are driven; auto is mio (epoll). uring, io_uring, is mio where the system refuses it."),
    boolean("barnabas.io.sqpoll").default("false").used()
        .doc("With uring: a thread of the kernel's polls for each worker; each needs a core besides the worker's."),
    string("barnabas.log.format").default("text").one_of_any_case(&["text", "json"]).used()
        .doc("How lines are logged to standard error: as text, or as a JSON object each."),
    string("barnabas.log.level").default("info").one_of_any_case(&["off", "error", "warn", "info", "debug"]).used()
        .doc("What is logged to standard error."),
    long("barnabas.unwritten.bytes").default("0").at_least(-1).used()
        .doc("Bytes not written back from half of which on producers are slowed down; 0 takes the system's dirty limit, -1 none."),
    int("barnabas.workers").default("0").between(0, 1024).used()
        .doc("Worker threads; 0 takes one per core."),
    boolean("barnabas.workers.pinned").default("false").used()
        .doc("Each worker stays on a core of its own, as far as there are that many."),
];
