//! Slowing down who produces over HTTP faster than the disk takes it, as `kafka::throttle` does with those of the
//! other face. HTTP has no `throttle_time_ms`, and many a client opens a connection for each request, so not to
//! read one would hold nobody: the answer itself waits. What came is taken and can be read meanwhile; a refusal
//! (429) would only have it sent again.

use super::service::HttpService;
use crate::broker::Page;
use crate::net::Context;

impl HttpService {
    /// Gives a page now, or when its time has come. The log asks for seconds at most.
    pub(super) fn give_in_time(&mut self, cx: &mut Context<'_>, page: Page) {
        if page.delay.is_zero() || self.draining {
            return self.give(cx, page);
        }
        let key = self.key();
        cx.set_timer(cx.now() + page.delay, key);
        self.delayed.insert(key, page);
    }

    /// Whether a timer was that of a page, which is given then. Its client may have gone.
    pub(super) fn is_time_for(&mut self, cx: &mut Context<'_>, key: u64) -> bool {
        let Some(page) = self.delayed.remove(&key) else { return false };
        self.give(cx, page);
        true
    }

    /// Nobody waits any more.
    pub(super) fn give_delayed(&mut self, cx: &mut Context<'_>) {
        for page in std::mem::take(&mut self.delayed).into_values() {
            self.give(cx, page);
        }
    }
}
