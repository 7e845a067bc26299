//! The states of a classic group and what may follow what (Kafka's `ClassicGroupState`).

/// See the module's comment. A group that is deleted is simply gone: there is no state for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody is a member; there may be committed offsets.
    Empty,
    /// Members are asked to join again, until all have or their time is up.
    PreparingRebalance,
    /// All have joined; the leader is to say who gets what.
    CompletingRebalance,
    /// Everybody can have its assignment.
    Stable,
}

impl State {
    /// As it is told to clients.
    pub fn name(self) -> &'static str {
        match self {
            State::Empty => "Empty",
            State::PreparingRebalance => "PreparingRebalance",
            State::CompletingRebalance => "CompletingRebalance",
            State::Stable => "Stable",
        }
    }

    /// Whether a group may go from here to there.
    pub(super) fn may_become(self, next: State) -> bool {
        use State::{CompletingRebalance, Empty, PreparingRebalance, Stable};
        match next {
            Empty | CompletingRebalance => self == PreparingRebalance,
            PreparingRebalance => matches!(self, Stable | CompletingRebalance | Empty),
            Stable => self == CompletingRebalance,
        }
    }
}
