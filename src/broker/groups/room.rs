//! The memory that the members of all groups take: the sum of all slots, and a line when it is used up.
//!
//! Each slot adds what its own shard counts after each event. Two slots that let somebody in at the same moment
//! do not see each other: the limit may be passed by what a few requests bring, no more.

use super::Groups;
use crate::coordinator::groups::NoRoom;
use std::sync::atomic::Ordering;

/// It is said so often at most, in milliseconds.
const REPORT_INTERVAL: i64 = 10_000;

impl Groups {
    /// What the members of all slots but one take.
    pub(super) fn member_bytes_beside(&self, own: usize) -> usize {
        self.member_bytes.load(Ordering::Relaxed).saturating_sub(own)
    }

    /// Says that somebody was refused, unless that was said a moment ago.
    pub(super) fn report(&self, no_room: &NoRoom, tick_ms: i64) {
        let due = |last: i64| (tick_ms.saturating_sub(last) >= REPORT_INTERVAL).then_some(tick_ms);
        if self.reported.fetch_update(Ordering::AcqRel, Ordering::Acquire, due).is_err() {
            return;
        }
        let NoRoom { group, bytes, taken } = no_room;
        ::log::warn!(
            group, bytes, taken, limit = self.settings().max_member_bytes;
            "a member was refused for the memory that it takes: those of all groups take much of \
             barnabas.groups.max.bytes, and nobody may take more than an eighth of the rest"
        );
    }
}
