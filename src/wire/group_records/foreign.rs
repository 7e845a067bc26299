//! Keys of the records of share groups and streams groups: which group, and which member of it. Their values have
//! no meaning here.
//!
//! All of Kafka's keys of these kinds begin with the group's name; those of a member have its id behind it.
//! Schemas: `ShareGroup…Key.json` and `StreamsGroup…Key.json` in Kafka's `group-coordinator` module.

use super::super::codec::{DecodeError, Form, Reader, Value, Writer};

/// The kinds of groups that others serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ForeignKind {
    /// Members share what partitions have (KIP-932).
    Share,
    /// Members run the tasks of a topology (KIP-1071).
    Streams,
}

impl ForeignKind {
    /// As clients call it.
    pub fn name(self) -> &'static str {
        match self {
            ForeignKind::Share => "share",
            ForeignKind::Streams => "streams",
        }
    }
}

/// The key of a record of such a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForeignKey<'a> {
    /// The kind of its group.
    pub kind: ForeignKind,
    /// The type of the record.
    pub record: i16,
    /// Which group.
    pub group_id: &'a str,
    /// Which member, in records of members.
    pub member_id: Option<&'a str>,
}

/// No key is flexible.
const FORM: Form = Form { version: 0, flexible: false, nullable: false, tagged: false };

/// Type, kind, whether it is of a member.
const TYPES: [(i16, ForeignKind, bool); 12] = [
    (10, ForeignKind::Share, true),
    (SHARE_GROUP, ForeignKind::Share, false),
    (SHARE_TARGETS, ForeignKind::Share, false),
    (13, ForeignKind::Share, true),
    (14, ForeignKind::Share, true),
    (15, ForeignKind::Share, false),
    (STREAMS_GROUP, ForeignKind::Streams, false),
    (STREAMS_MEMBER, ForeignKind::Streams, true),
    (STREAMS_TARGETS, ForeignKind::Streams, false),
    (21, ForeignKind::Streams, true),
    (22, ForeignKind::Streams, true),
    (23, ForeignKind::Streams, false),
];
const SHARE_GROUP: i16 = 11;
const SHARE_TARGETS: i16 = 12;
const STREAMS_GROUP: i16 = 17;
const STREAMS_MEMBER: i16 = 19;
const STREAMS_TARGETS: i16 = 20;

impl<'a> ForeignKey<'a> {
    /// Reads a key behind its type; none: the type is of another kind.
    pub(super) fn decode(record: i16, r: &mut Reader<'a>) -> Result<Option<Self>, DecodeError> {
        let Some((_, kind, of_member)) = TYPES.into_iter().find(|(known, ..)| *known == record)
        else {
            return Ok(None);
        };
        let group_id = <&str>::read(r, FORM)?;
        let member_id = if of_member { Some(<&str>::read(r, FORM)?) } else { None };
        Ok(Some(ForeignKey { kind, record, group_id, member_id }))
    }

    pub(super) fn encode(&self, w: &mut Writer) {
        w.write_i16(self.record);
        self.group_id.write(w, FORM);
        self.member_id.into_iter().for_each(|member| member.write(w, FORM));
    }

    /// The two records whose tombstones end a group, in this order: its targets' epoch, then the group itself.
    pub fn last_of(kind: ForeignKind, group_id: &'a str) -> [ForeignKey<'a>; 2] {
        let records = match kind {
            ForeignKind::Share => [SHARE_TARGETS, SHARE_GROUP],
            ForeignKind::Streams => [STREAMS_TARGETS, STREAMS_GROUP],
        };
        records.map(|record| ForeignKey { kind, record, group_id, member_id: None })
    }

    /// Whether the record is the group itself: its tombstone ends it.
    pub fn is_group(&self) -> bool {
        matches!(self.record, SHARE_GROUP | STREAMS_GROUP)
    }

    /// Whether the record makes somebody a member of a streams group.
    pub fn is_streams_member(&self) -> bool {
        self.record == STREAMS_MEMBER
    }
}
