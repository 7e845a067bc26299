//! Who is told that a thread of this room has ended without an order.
//!
//! A worker that is gone would still count as the least loaded one, and an acceptor that is gone
//! lets nobody in: such a server must never look as if it served. What is to be done, the owner of
//! the threads decides.

use std::io;
use std::sync::Arc;

/// What is called, on the thread that ends.
pub(crate) type Failure = Arc<dyn Fn() + Send + Sync>;

/// Tells when it is dropped, so that a panic that unwinds is told too.
struct Watch(Option<Failure>);

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(failure) = self.0.take() {
            failure();
        }
    }
}

/// Does all the work of a thread, which is called `name` in the log; tells unless that ends as
/// it was told to.
pub(crate) fn watched(failure: Failure, name: &str, work: impl FnOnce() -> io::Result<()>) {
    let mut watch = Watch(Some(failure));
    match work() {
        Ok(()) => watch.0 = None,
        Err(error) => {
            ::log::error!(
                target: "barnabas::net", thread = name, error:%;
                "a thread ends, its wait has failed"
            );
        }
    }
}
