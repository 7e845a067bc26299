//! Picks whom to give a partition and whom to take one from, so that loads come together.
//!
//! Members are sorted by load. Those with the least form a range at the one end, those with the
//! most a range at the other; each range is gone through once, then its level has changed by one
//! and it takes in the members that are on that level. Kafka's `MemberAssignmentBalancer`.

/// See the module's comment. Members are indices; their loads are those of the start, which change
/// for members in the ranges only, and of these the levels tell.
#[derive(Debug, Default)]
pub(super) struct Balancer {
    sorted: Vec<usize>,
    least_end: usize,
    least_level: i64,
    next_least: usize,
    most_start: usize,
    most_end: usize,
    most_level: i64,
    /// The place after the next one: zero when the range is at its very beginning.
    next_most: usize,
}

impl Balancer {
    /// Begins anew with some members; the difference between the most and the least loaded one.
    pub(super) fn begin(&mut self, members: &[usize], loads: &[usize]) -> i64 {
        let load = |member: Option<&usize>| level(loads, member);
        self.sorted.clear();
        self.sorted.extend_from_slice(members);
        self.sorted.sort_by_key(|member| (load(Some(member)), *member));
        let (least, most) = (load(self.sorted.first()), load(self.sorted.last()));
        (self.least_end, self.least_level, self.next_least) = (0, least - 1, 0);
        let count = self.sorted.len();
        (self.most_start, self.most_end, self.most_level) = (count, count, most + 1);
        self.next_most = count;
        most - least
    }

    /// The member that gets the next partition.
    pub(super) fn next_least(&mut self, loads: &[usize]) -> Option<usize> {
        if self.next_least >= self.least_end {
            self.least_level += 1;
            while self.least_end < self.sorted.len()
                && level(loads, self.sorted.get(self.least_end)) == self.least_level
            {
                self.least_end += 1;
            }
            self.next_least = 0;
        }
        self.next_least += 1;
        self.sorted.get(self.next_least - 1).copied()
    }

    /// The member that gives the next partition up; none if all that could have been excluded.
    pub(super) fn next_most(&mut self, loads: &[usize]) -> Option<usize> {
        if self.next_most <= self.most_start {
            let below = |start: usize| {
                level(loads, start.checked_sub(1).and_then(|at| self.sorted.get(at)))
            };
            if self.most_end <= self.most_start && self.most_start > 0 {
                // All of the range were excluded: the level goes down to the next member's.
                self.most_level = below(self.most_start);
            } else {
                self.most_level -= 1;
            }
            let mut start = self.most_start;
            while start > 0 && below(start) == self.most_level {
                start -= 1;
            }
            (self.most_start, self.next_most) = (start, self.most_end);
        }
        self.next_most = self.next_most.checked_sub(1)?;
        self.sorted.get(self.next_most).copied()
    }

    /// The member that came last from [`Balancer::next_most`] has nothing to give.
    pub(super) fn exclude_most(&mut self) {
        self.most_end -= 1;
        self.sorted.swap(self.next_most, self.most_end);
    }

    /// No move makes it better.
    pub(super) fn is_balanced(&self) -> bool {
        self.most_level - self.least_level <= 1
    }
}

fn level(loads: &[usize], member: Option<&usize>) -> i64 {
    let load = member.and_then(|member| loads.get(*member)).copied().unwrap_or(0);
    i64::try_from(load).unwrap_or(i64::MAX)
}
