//! What has ended is removed: offsets that nobody has used for long, and groups without members and offsets
//! (`cleanupGroupMetadata`).
//!
//! Kafka looks every `offsets.retention.check.interval.ms`; here that is the shortest pause, and while it is known
//! that nothing can have ended the shard sleeps on. That is known from bounds: no offset of a group was
//! committed, or has an end of its own, before a certain time. Bounds are counted anew whenever a group turns out to
//! be younger than they say.
//!
//! A look is a [`Round`] over all groups by name. It goes in parts, so that nobody waits for it for long: a part ends
//! after so many groups and offsets, or with one append of tombstones, and the timer fires again at once. Its place
//! is a name, so that groups may come and go meanwhile. What holds: a group has either been passed, and then what the
//! round knows of the next time includes it, or is still to come; and whatever happens to a group says so
//! (`look_for_ended_at`), before or behind the place.

use super::super::any_group::Since;
use super::super::effects::Then;
use super::super::{Timer, World};
use super::records::{self, Batch};
use super::{AfterAppend, Committed, Effects, Group, GroupOffsets, Offsets, Shard};
use std::ops::Bound;
use std::sync::Arc;

/// Nothing will end before something happens to the group.
const NEVER: i64 = i64::MAX;
/// Groups and offsets that are looked at in one go. Tests have more parts.
const STEPS: usize = if cfg!(test) { 5 } else { 4096 };

/// A walk over all groups, by name.
#[derive(Debug)]
pub(super) struct Round {
    /// The last group that is done.
    after: Option<Arc<str>>,
    /// The one that is not, behind it.
    visit: Option<Visit>,
    /// When there is something to look for after this round: a tick.
    next: i64,
}

/// A group that takes more than one part.
#[derive(Debug, Clone)]
struct Visit {
    group: Arc<str>,
    /// The last offset that was looked at.
    after: Option<(Arc<str>, i32)>,
    /// Something stays, as far as it was seen.
    stays: bool,
    /// Something has ended.
    ended: bool,
}

/// How far a part has come with a group.
enum Come {
    /// It is done.
    Through,
    /// There is no room for more, or no time.
    To(Visit),
}

impl Visit {
    fn new(group: Arc<str>) -> Visit {
        Visit { group, after: None, stays: false, ended: false }
    }
}

impl Shard {
    /// The timer: one part of a round.
    pub(in super::super) fn remove_ended(&mut self, world: &mut World<'_>, effects: &mut Effects) {
        self.unset_timer();
        let new = Round { after: None, visit: None, next: NEVER };
        self.offsets.round.get_or_insert(new);
        let mut batch = Batch::part(world);
        let more = self.add_ended(world, &mut batch);
        if batch.records.is_empty() {
            return self.go_on_with_round(more, world);
        }
        ::log::info!(
            records = batch.records.len();
            "records say what has ended of groups and offsets"
        );
        effects.append(batch.records, Then::Offsets(AfterAppend::Ended { more }));
    }

    /// A part is over; whether there are more in this round.
    pub(super) fn go_on_with_round(&mut self, more: bool, world: &World<'_>) {
        // What this part removed is no news: the round knows of what its groups have left.
        self.offsets.lost_last = false;
        match more {
            true => self.set_expiry(world.tick_ms),
            false => {
                let next = self.offsets.round.take().map_or(NEVER, |round| round.next);
                self.look_for_ended_at(next);
            }
        }
    }

    /// What has ended could not be written down. The round goes on with the next check, behind the group that it
    /// was at: one that cannot be removed keeps nobody behind it here.
    pub(super) fn put_round_off(&mut self, world: &World<'_>) {
        let check = self.next_check(world);
        if let Some(round) = &mut self.offsets.round {
            round.next = round.next.min(check);
            if let Some(visit) = round.visit.take() {
                round.after = Some(visit.group);
            }
        }
        self.set_expiry(check);
    }

    /// One part; whether there is more to look at.
    fn add_ended(&mut self, world: &World<'_>, batch: &mut Batch) -> bool {
        let mut steps = STEPS;
        while let Some(visit) = self.next_visit() {
            if steps == 0 {
                return true;
            }
            steps -= 1;
            let id = visit.group.clone();
            let ends = self.ends_at(&id, world);
            let is_due = visit.after.is_some() || ends <= world.now_ms;
            let come = match is_due {
                true => self.add_ended_of(visit, world, batch, &mut steps),
                false => {
                    self.look_for_ended_by(ends, world);
                    Come::Through
                }
            };
            let Some(round) = &mut self.offsets.round else { return false };
            match come {
                Come::Through => (round.after, round.visit) = (Some(id), None),
                Come::To(visit) => {
                    round.visit = Some(visit);
                    return true;
                }
            }
        }
        false
    }

    /// The group that the round is at.
    fn next_visit(&self) -> Option<Visit> {
        let round = self.offsets.round.as_ref()?;
        if let Some(visit) = &round.visit {
            return Some(visit.clone());
        }
        let after = round.after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let next = self.groups.range::<str, _>((after, Bound::Unbounded)).next();
        next.map(|(id, _)| Visit::new(id.clone()))
    }

    fn add_ended_of(
        &mut self,
        mut visit: Visit,
        world: &World<'_>,
        batch: &mut Batch,
        steps: &mut usize,
    ) -> Come {
        let id = visit.group.clone();
        let Some(group) = self.groups.get(&id) else { return Come::Through };
        let is_first = visit.after.is_none();
        let Offsets { store, pending, .. } = &self.offsets;
        // A transaction may bring something yet.
        visit.stays |= pending.has_group(&id);
        let after = visit.after.clone();
        let offsets = store.group(&id).into_iter().flat_map(|of| of.after(after.as_ref()));
        for (topic, partition, committed) in offsets {
            let ended = has_ended(group, &committed, world)
                && !group.is_subscribed(topic)
                && !self.offsets.is_pending(&id, topic, partition);
            if *steps == 0 || ended && !batch.add(vec![records::tombstone(&id, topic, partition)]) {
                return Come::To(visit);
            }
            *steps -= 1;
            (visit.stays, visit.ended) = (visit.stays || !ended, visit.ended || ended);
            visit.after = Some((topic.clone(), partition));
        }
        self.end_visit(visit, is_first, world, batch)
    }

    /// All offsets of a group have been looked at.
    fn end_visit(
        &mut self,
        visit: Visit,
        in_one: bool,
        world: &World<'_>,
        batch: &mut Batch,
    ) -> Come {
        let id = &visit.group;
        let Some(group) = self.groups.get(id) else { return Come::Through };
        if visit.stays {
            if visit.ended {
                // Its bounds are those of before.
                self.look_for_ended_at(self.next_check(world));
            } else {
                // What was committed early was committed again since.
                self.offsets.store.group_mut(id).into_iter().for_each(GroupOffsets::recount);
                self.look_for_ended_by(self.ends_at(id, world), world);
            }
            return Come::Through;
        }
        let ends = group.is_empty() && group.ends_by_itself();
        if !ends || in_one && batch.add(group.tombstones(id)) {
            return Come::Through;
        }
        // What was seen is gone with the append; then it is to be seen whether something has come.
        Come::To(Visit::new(visit.group))
    }

    /// The earliest time at which something of a group can have ended, by the wall clock.
    fn ends_at(&self, id: &str, world: &World<'_>) -> i64 {
        let Some(group) = self.groups.get(id) else { return NEVER };
        let Some(offsets) = self.offsets.store.group(id) else {
            let ends = group.is_empty() && group.ends_by_itself();
            let stays = !ends || self.offsets.pending.has_group(id);
            return if stays { NEVER } else { i64::MIN };
        };
        let (oldest, first_end) = offsets.bounds();
        let Some(since) = group.idle_since() else { return NEVER };
        let since = match since {
            Since::Commit => oldest.0,
            // Not of those with an end of their own.
            Since::Time(time) if oldest.0 != NEVER => time,
            Since::Time(_) => NEVER,
        };
        since.saturating_add(world.settings.offsets_retention).min(first_end.0)
    }

    /// Sets the timer by what is known of all groups, in one go: they have just been loaded, and nobody waits
    /// for them.
    pub(in super::super) fn look_when_something_can_have_ended(&mut self, world: &World<'_>) {
        let ends = self.groups.keys().map(|id| self.ends_at(id, world));
        let first = ends.min().unwrap_or(NEVER);
        self.look_for_ended_by(first, world);
    }

    /// Something has happened to a group: it may end earlier than anything else.
    pub(in super::super) fn group_has_changed(&mut self, id: &str, world: &World<'_>) {
        self.look_for_ended_by(self.ends_at(id, world), world);
    }

    /// After each replay: what was committed may end earlier than all else, and a group may have
    /// nothing left to stay for.
    pub(in super::super) fn offsets_have_changed(&mut self, world: &World<'_>) {
        if std::mem::take(&mut self.offsets.lost_last) {
            self.look_for_ended_at(self.next_check(world));
        }
        let (oldest, first_end) = std::mem::take(&mut self.offsets.fresh);
        let first = oldest.0.saturating_add(world.settings.offsets_retention).min(first_end.0);
        self.look_for_ended_by(first, world);
    }

    /// By the wall clock, but no earlier than the next check is due.
    fn look_for_ended_by(&mut self, time: i64, world: &World<'_>) {
        if time != NEVER {
            let after = time.saturating_sub(world.now_ms);
            self.look_for_ended_at(self.next_check(world).max(world.tick_ms.saturating_add(after)));
        }
    }

    pub(super) fn next_check(&self, world: &World<'_>) -> i64 {
        world.tick_ms.saturating_add(world.settings.retention_check_interval)
    }

    /// A round is to begin then, at the latest; the one that is under way will not see it for certain.
    fn look_for_ended_at(&mut self, deadline: i64) {
        match &mut self.offsets.round {
            Some(round) => round.next = round.next.min(deadline),
            None if deadline == NEVER => {}
            None if self.offsets.armed.is_some_and(|armed| armed <= deadline) => {}
            None => self.set_expiry(deadline),
        }
    }

    fn set_expiry(&mut self, deadline: i64) {
        self.offsets.armed = Some(deadline);
        self.timers.set(Timer::Expiry, deadline);
    }

    fn unset_timer(&mut self) {
        self.offsets.armed = None;
        self.timers.cancel(&Timer::Expiry);
    }
}

fn has_ended(group: &Group, committed: &Committed<'_>, world: &World<'_>) -> bool {
    let Some(since) = group.idle_since() else { return false };
    let since = match since {
        Since::Commit => committed.committed_at,
        Since::Time(time) => time,
    };
    match committed.ends_at {
        Some(end) => world.now_ms >= end,
        None => world.now_ms.saturating_sub(since) >= world.settings.offsets_retention,
    }
}
