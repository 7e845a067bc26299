//! Barnabas's own settings: what Kafka, with its thread pools and its JVM, has no name for.
//!
//! All begin with `barnabas.`; a Kafka setting is always preferred where one says the same.

use super::super::setting::{Setting, int, string};

#[rustfmt::skip]
pub(super) static ROWS: &[Setting] = &[
    string("barnabas.io").default("auto").one_of(&["auto", "mio", "uring"]).used()
        .doc("How sockets are driven; auto takes the best that is built in."),
    string("barnabas.log.level").default("info").one_of_any_case(&["off", "error", "warn", "info", "debug"]).used()
        .doc("What is logged to standard error."),
    int("barnabas.workers").default("0").between(0, 1024).used()
        .doc("Worker threads; 0 takes one per core."),
];
