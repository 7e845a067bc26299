//! Protocols that a member names more than once: Kafka counts names, so such a protocol is nobody's. Where no other
//! one is left Kafka fails in the middle of the rebalance, and its group is of no use until its members' sessions
//! have ended; here the join is refused with Kafka's error, and nothing else happens.

use super::room_tests::Bench;
use crate::wire::error::ErrorCode;

const REFUSED: ErrorCode = ErrorCode::UNKNOWN_SERVER_ERROR;
const NONE: ErrorCode = ErrorCode::NONE;
const NOBODY: (&str, Option<&str>) = ("", None);
const TWICE: &[(&str, &[u8])] = &[("p", b"1"), ("p", b"2")];
const ONCE: &[(&str, &[u8])] = &[("p", b"1")];

#[test]
fn a_member_that_names_one_protocol_five_thousand_times_is_refused() {
    let mut bench = Bench::new();
    bench.settings.max_member_bytes = usize::MAX;
    let many = vec![("p", &b"m"[..]); 5_000];
    for version in [3, 9] {
        let mut reply = bench.offer("g", NOBODY, version, &many);
        if reply.code == ErrorCode::MEMBER_ID_REQUIRED {
            reply = bench.offer("g", (&reply.member_id, None), version, &many);
        }
        assert_eq!((reply.code, reply.generation, &*reply.member_id), (REFUSED, -1, ""));
    }
    let other = bench.offer("h", NOBODY, 3, ONCE);
    assert_eq!((other.code, other.protocol.as_deref()), (NONE, Some("p")));
}

#[test]
fn what_is_named_twice_is_passed_over_for_what_is_named_once() {
    let mut bench = Bench::new();
    let reply = bench.offer("g", NOBODY, 3, &[("x", b"1"), ("x", b"2"), ("p", b"3")]);
    assert_eq!((reply.code, reply.protocol.as_deref()), (NONE, Some("p")));
    assert_eq!(&*reply.members[0].metadata, b"3");
    // As many names as members, though not of every member.
    let reply = bench.offer("g", NOBODY, 3, &[("x", b"1")]);
    assert_eq!(reply.code, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
}

#[test]
fn a_group_goes_on_when_somebody_comes_with_a_protocol_twice() {
    let mut bench = Bench::new();
    let me = bench.offer("g", NOBODY, 3, ONCE);
    assert_eq!(bench.sync("g", &me, 7), NONE);
    assert_eq!(bench.offer("g", NOBODY, 3, TWICE).code, REFUSED, "a newcomer");
    assert_eq!(bench.beat("g", &me), NONE, "nobody joins");
    assert_eq!(bench.offer("g", (&me.member_id, None), 3, TWICE).code, REFUSED, "the member");
    assert_eq!(bench.beat("g", &me), NONE, "it is a member as before");
    let again = bench.offer("g", (&me.member_id, None), 3, &[("q", b"1"), ("p", b"1")]);
    assert_eq!((again.code, again.generation), (NONE, me.generation + 1));
    assert_eq!(again.protocol.as_deref(), Some("q"), "and can change its mind");
}

#[test]
fn a_static_member_that_comes_back_with_a_protocol_twice_replaces_nobody() {
    let mut bench = Bench::new();
    let me = bench.offer("g", ("", Some("i")), 5, ONCE);
    assert_eq!(bench.sync("g", &me, 7), NONE);
    assert_eq!(bench.offer("g", ("", Some("i")), 5, TWICE).code, REFUSED);
    assert_eq!(bench.beat("g", &me), NONE, "it is not fenced");
}
