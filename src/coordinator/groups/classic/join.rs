//! JoinGroup: who may come in, and what it sets off (`classicGroupJoinToClassicGroup`).

use super::super::effects::Then;
use super::super::shard::{Group, Shard};
use super::super::{Caller, Effects, JoinReply, Kind, NoRoom, Reply, Token, World};
use super::{
    AfterAppend, Classic, Member, NEW_MEMBER_TIMEOUT, Protocols, State, Turn, static_member,
};
use crate::wire::error::ErrorCode;
use crate::wire::messages::join_group::JoinGroupRequest;
use std::sync::Arc;

/// From this version on a dynamic member is given its id first and joins with it then (KIP-394).
const ID_FIRST: i16 = 4;
/// The longest string that has a place in all versions and in a record.
const MAX_ID: usize = i16::MAX as usize;

/// A JoinGroup that has been read.
pub(in super::super) struct Join<'r> {
    pub(in super::super) caller: Caller<'r>,
    pub(in super::super) token: Token,
    pub(in super::super) member_id: Arc<str>,
    pub(in super::super) instance_id: Option<Arc<str>>,
    pub(in super::super) session_timeout: i32,
    pub(in super::super) rebalance_timeout: i32,
    pub(in super::super) protocol_type: Arc<str>,
    pub(in super::super) protocols: Protocols,
}

impl<'r> Join<'r> {
    fn read(request: &JoinGroupRequest<'_>, caller: Caller<'r>, token: Token) -> Join<'r> {
        let protocols = request.protocols.iter();
        // Version 0 has no rebalance timeout.
        let rebalance_timeout = if caller.version == 0 {
            request.session_timeout_ms
        } else {
            request.rebalance_timeout_ms
        };
        Join {
            caller,
            token,
            member_id: request.member_id.into(),
            instance_id: request.group_instance_id.map(Arc::from),
            session_timeout: request.session_timeout_ms,
            rebalance_timeout,
            protocol_type: request.protocol_type.into(),
            protocols: protocols.map(|one| (one.name.into(), one.metadata.into())).collect(),
        }
    }

    pub(in super::super) fn refused(&self, code: ErrorCode, member_id: &Arc<str>) -> JoinReply {
        JoinReply::failed(code, member_id.clone())
    }

    /// It would leave its group without a protocol.
    pub(super) fn refuse_offer(&self, turn: &mut Turn<'_, '_>) {
        let refused = self.refused(ErrorCode::UNKNOWN_SERVER_ERROR, &"".into());
        turn.answer_join(self.token, refused);
    }

    /// It is to be given an id, and comes again with that.
    pub(in super::super) fn is_first_of_two(&self) -> bool {
        self.member_id.is_empty() && self.instance_id.is_none() && self.caller.version >= ID_FIRST
    }

    /// What a member takes that joins so.
    pub(in super::super) fn bytes(&self) -> usize {
        self.new_member(self.member_id.clone()).bytes()
    }

    fn new_member(&self, id: Arc<str>) -> Member {
        Member {
            id,
            instance_id: self.instance_id.clone(),
            client_id: self.caller.client_id.into(),
            client_host: self.caller.host.into(),
            rebalance_timeout: self.rebalance_timeout,
            session_timeout: self.session_timeout,
            protocols: self.protocols.clone(),
            assignment: Arc::from([]),
            join: Some(self.token),
            sync: None,
            is_new: true,
            expected: 0,
            alarm: None,
        }
    }
}

impl Shard {
    /// JoinGroup. The answer comes when the group's join phase has ended, or at once.
    pub fn join(
        &mut self,
        world: &mut World<'_>,
        caller: Caller<'_>,
        request: &JoinGroupRequest<'_>,
        token: Token,
        effects: &mut Effects,
    ) {
        let join = Join::read(request, caller, token);
        let settings = world.settings;
        let code = if request.group_id.is_empty() {
            ErrorCode::INVALID_GROUP_ID
        } else if join.session_timeout < settings.min_session_timeout
            || join.session_timeout > settings.max_session_timeout
        {
            ErrorCode::INVALID_SESSION_TIMEOUT
        } else {
            ErrorCode::NONE
        };
        let mut turn = Turn { timers: &mut self.timers, world, effects };
        if code != ErrorCode::NONE {
            return turn.answer_join(token, join.refused(code, &join.member_id));
        }
        if let Err(no_room) = self.has_room_to_join(world, request.group_id, &join) {
            effects.no_room = Some(no_room);
            let refused = join.refused(ErrorCode::COORDINATOR_NOT_AVAILABLE, &join.member_id);
            return effects.reply(token, Reply::Join(refused));
        }
        if let Some(Group::Consumer(group)) = self.groups.get(request.group_id)
            && !group.is_empty()
        {
            return self.classic_join(world, request.group_id, &join, effects);
        }
        if let Some(Group::Foreign(group)) = self.groups.get(request.group_id)
            && !group.is_empty()
        {
            let refused = join.refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, &"".into());
            return effects.reply(token, Reply::Join(refused));
        }
        // An empty group of another kind becomes a classic one: its end is written down with the new one.
        let before = self.take_empty(request.group_id, &join.member_id);
        let is_new_group = !self.groups.contains_key(request.group_id);
        if is_new_group {
            if !join.member_id.is_empty() {
                let refused = join.refused(ErrorCode::UNKNOWN_MEMBER_ID, &join.member_id);
                return effects.reply(token, Reply::Join(refused));
            }
            let id: Arc<str> = request.group_id.into();
            let group = Classic::new(id.clone(), world.now_ms);
            self.insert(id, Group::Classic(group));
        }
        let mut turn = Turn { timers: &mut self.timers, world, effects };
        let Some(Group::Classic(group)) = self.groups.get_mut(request.group_id) else {
            let refused = join.refused(ErrorCode::UNKNOWN_MEMBER_ID, &join.member_id);
            return turn.answer_join(token, refused);
        };
        group.join(&join, &mut turn);
        if is_new_group && turn.effects.records.is_empty() {
            let mut records =
                before.as_ref().map(|before| before.tombstones(&group.id)).unwrap_or_default();
            records.push(group.empty_record());
            let after = AfterAppend::Created(group.id.clone(), before);
            turn.effects.append(records, Then::Classic(after));
        }
    }
}

impl Shard {
    /// A group that gives way to a new member, out of the shard.
    fn take_empty(&mut self, id: &str, member: &str) -> Option<Group> {
        let gives_way = self.groups.get(id)?.gives_way_to(Kind::Classic);
        if gives_way && member.is_empty() { self.groups.remove(id) } else { None }
    }

    fn has_room_to_join(&self, world: &World<'_>, id: &str, join: &Join<'_>) -> Result<(), NoRoom> {
        let growth = match self.groups.get(id) {
            Some(Group::Consumer(group)) => group.growth_by_join(join),
            Some(Group::Classic(group)) => Classic::growth_by(Some(group), join),
            Some(Group::Foreign(_)) | None => Classic::growth_by(None, join),
        };
        if growth == 0 { Ok(()) } else { self.has_room(world, id, growth) }
    }
}

impl Classic {
    fn join(&mut self, join: &Join<'_>, turn: &mut Turn<'_, '_>) {
        let nobody: Arc<str> = "".into();
        if !self.has_room_for(&join.member_id, turn.world.settings.max_size) {
            self.drop_member(&join.member_id, turn);
            let full = join.refused(ErrorCode::GROUP_MAX_SIZE_REACHED, &nobody);
            return turn.answer_join(join.token, full);
        }
        if !self.supports(&join.protocol_type, &join.protocols) {
            let refused = join.refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, &join.member_id);
            return turn.answer_join(join.token, refused);
        }
        match join.member_id.is_empty() {
            true => self.join_as_new(join, turn),
            false => self.join_again(join, turn),
        }
    }

    /// In a rebalance those count who have joined: the last ones to come back are left out where
    /// the limit was lowered.
    fn has_room_for(&self, member: &str, max_size: usize) -> bool {
        let known = self.members.get(member);
        match self.state {
            State::Empty => true,
            State::PreparingRebalance => {
                known.is_some_and(|member| member.join.is_some()) || self.joined < max_size
            }
            State::CompletingRebalance | State::Stable => {
                known.is_some() || self.members.len() < max_size
            }
        }
    }

    fn join_as_new(&mut self, join: &Join<'_>, turn: &mut Turn<'_, '_>) {
        let named = join.instance_id.as_deref().unwrap_or(join.caller.client_id);
        let id: Arc<str> = format!("{named}-{}", (turn.world.new_id)().hyphenated()).into();
        if id.len() > MAX_ID {
            // Kafka fails when it writes its answer, and keeps the id.
            let nobody = "".into();
            let refused = join.refused(ErrorCode::UNKNOWN_SERVER_ERROR, &nobody);
            return turn.answer_join(join.token, refused);
        }
        let known = join.instance_id.as_ref().and_then(|name| self.static_members.get(name));
        if let Some(old) = known.cloned() {
            return static_member::replace(self, join, &old, &id, turn);
        }
        if join.is_first_of_two() {
            self.expect_join_of(id.clone());
            turn.watch(&self.id, &id, join.session_timeout);
            return turn.answer_join(join.token, join.refused(ErrorCode::MEMBER_ID_REQUIRED, &id));
        }
        self.admit(join, id, turn);
    }

    /// A new member is in.
    fn admit(&mut self, join: &Join<'_>, id: Arc<str>, turn: &mut Turn<'_, '_>) {
        if !self.could_elect(&id, &join.protocols) {
            return join.refuse_offer(turn);
        }
        if self.state == State::PreparingRebalance && self.previous == State::Empty {
            self.new_member_added = true;
        }
        self.add(join.new_member(id.clone()), &join.protocol_type);
        self.expect_within(&id, NEW_MEMBER_TIMEOUT, turn);
        self.rebalance_or_complete(&format!("member {id} joins"), turn);
    }

    fn join_again(&mut self, join: &Join<'_>, turn: &mut Turn<'_, '_>) {
        let id = &join.member_id;
        if self.pending_joins.contains(id) {
            if join.instance_id.is_some() {
                // An id that was given to a dynamic member.
                let refused = join.refused(ErrorCode::UNKNOWN_SERVER_ERROR, id);
                return turn.answer_join(join.token, refused);
            }
            return self.admit(join, id.clone(), turn);
        }
        if let Err(code) = self.check_member(id, join.instance_id.as_deref()) {
            return turn.answer_join(join.token, join.refused(code, id));
        }
        let same = self.members.get(id).is_some_and(|member| member.offers(&join.protocols));
        let leads = self.is_leader(id);
        match self.state {
            State::PreparingRebalance => self.update_and_rebalance(join, turn),
            // It may not have got the answer to its join.
            State::CompletingRebalance if same => {
                let members = if leads { self.for_leader() } else { Vec::new() };
                turn.answer_join(join.token, self.joined_as(id, members));
            }
            // A leader that joins again wants to assign anew, be it for reasons of its own.
            State::Stable if same && !leads => {
                turn.answer_join(join.token, self.joined_as(id, Vec::new()));
            }
            State::CompletingRebalance | State::Stable => self.update_and_rebalance(join, turn),
            State::Empty => {
                turn.answer_join(join.token, join.refused(ErrorCode::UNKNOWN_MEMBER_ID, id));
            }
        }
    }

    fn update_and_rebalance(&mut self, join: &Join<'_>, turn: &mut Turn<'_, '_>) {
        let id = &join.member_id;
        if !self.could_elect(id, &join.protocols) {
            return join.refuse_offer(turn);
        }
        self.update(id, join, turn);
        self.rebalance_or_complete(&format!("member {id} joins again"), turn);
    }

    /// Takes over what a member that is in says of itself, and has it wait.
    pub(super) fn update(&mut self, id: &str, join: &Join<'_>, turn: &mut Turn<'_, '_>) {
        self.offer(id, join.protocols.clone());
        let Some(member) = self.members.get_mut(id) else { return };
        member.rebalance_timeout = join.rebalance_timeout;
        member.session_timeout = join.session_timeout;
        match member.join.replace(join.token) {
            None => self.joined += 1,
            // A join that was repeated: nobody listens to the first one, most likely. Kafka never
            // answers it.
            Some(before) => {
                let code = ErrorCode::REBALANCE_IN_PROGRESS;
                turn.answer_join(before, JoinReply::failed(code, id.into()));
            }
        }
    }
}
