//! What a consumer group's members take in memory, and what a request would add to it.

use super::super::classic::join::Join;
use super::super::room::{self, NAME, PARTITION, names};
use super::super::{Caller, NoRoom, Shard, World};
use super::{Consumer, Member, Refusal};
use crate::wire::error::ErrorCode;
use crate::wire::messages::consumer_group_heartbeat::ConsumerGroupHeartbeatRequest;

/// The consumer protocol keeps what a member has, what it is to have, and who has each partition.
const MEMBER: usize = room::MEMBER + 1536;

impl Member {
    /// What it takes in memory, but for its partitions.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.id, &self.client_id, &self.client_host, &self.regex];
        let others = [&self.instance_id, &self.rack_id, &self.assignor];
        let others = others.into_iter().flatten().map(|text| text.len() + NAME);
        let protocols = self.classic.iter().flat_map(|side| &side.protocols);
        let protocols = protocols.map(|(name, metadata)| name.len() + metadata.len() + NAME);
        MEMBER
            + texts.iter().map(|text| text.len()).sum::<usize>()
            + others.chain(protocols).sum::<usize>()
            + names(self.topics.iter())
    }
}

impl Consumer {
    /// All that is counted, counted anew.
    pub(in super::super) fn weigh(&self) -> usize {
        let members = self.members.values().map(Member::bytes).sum::<usize>();
        let regexes = self.regexes.iter();
        let regexes = regexes.map(|(regex, one)| regex.len() + names(one.topics.iter()));
        let partitions = self.owners.len() + self.targeted.len();
        members + regexes.sum::<usize>() + partitions * PARTITION
    }

    /// What it takes to let a classic member in; its topics are in its metadata.
    pub(in super::super) fn growth_by_join(&self, join: &Join<'_>) -> usize {
        let known = join.instance_id.as_ref().and_then(|name| self.static_member(name));
        let known = known.or_else(|| self.members.get(&join.member_id));
        join.bytes().saturating_sub(known.map_or(0, Member::bytes))
    }

    fn growth_by(
        group: Option<&Consumer>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        caller: Caller<'_>,
    ) -> usize {
        let known = request.instance_id.and_then(|name| group?.static_member(name));
        let known = known.or_else(|| group?.members.get(request.member_id));
        let topics = request.subscribed_topic_names.iter().flat_map(|names| names.iter());
        let topics = topics.map(|name| name.len() + NAME).sum::<usize>();
        let others = [request.instance_id, request.rack_id, request.subscribed_topic_regex];
        let others = others.into_iter().flatten().map(str::len).sum::<usize>();
        match known {
            Some(member) => (topics + others).saturating_sub(member.bytes() - MEMBER),
            None => MEMBER + request.member_id.len() + caller.client_id.len() + topics + others,
        }
    }
}

impl Shard {
    /// Whether what a heartbeat says has room.
    pub(super) fn has_room_for_report(
        &self,
        world: &World<'_>,
        request: &ConsumerGroupHeartbeatRequest<'_>,
        caller: Caller<'_>,
    ) -> Result<(), (Refusal, NoRoom)> {
        let group = self.consumer(request.group_id);
        let says_nothing = request.subscribed_topic_names.is_none()
            && request.subscribed_topic_regex.is_none()
            && request.member_epoch != 0;
        let growth = match says_nothing {
            true => 0,
            false => Consumer::growth_by(group, request, caller),
        };
        if growth == 0 {
            return Ok(());
        }
        self.has_room(world, request.group_id, growth).map_err(|no_room| {
            let message = format!(
                "The members of all groups take {} bytes of memory, of {} that they may take: {growth} \
                 more are too many.",
                no_room.taken, world.settings.max_member_bytes
            );
            (Refusal::new(ErrorCode::COORDINATOR_NOT_AVAILABLE, message), no_room)
        })
    }
}
