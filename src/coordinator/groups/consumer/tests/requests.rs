//! What a request must look like, and who is let in.

use super::*;

fn refused(bench: &mut Bench, beat: Beat) -> (ErrorCode, String) {
    let reply = bench.beat(&beat);
    (reply.code, reply.message.unwrap_or_default())
}

#[test]
fn requests_that_make_no_sense_are_refused_in_kafkas_words() {
    let mut bench = Bench::with(&[("t", 1)]);
    let join = || Beat::join("a", &["t"]);
    let at = |epoch| Beat::at("a", epoch);
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (Beat { member: String::new(), ..join() }, "MemberId can't be empty."),
        (Beat { member: String::new(), version: 0, ..at(1) }, "MemberId can't be empty."),
        (Beat { member: String::new(), version: 0, ..at(-1) }, "MemberId can't be empty."),
        (Beat { group: " ".into(), ..join() }, "GroupId can't be empty."),
        (Beat { instance: text(""), ..join() }, "InstanceId can't be empty."),
        (Beat { rack: text(""), ..join() }, "RackId can't be empty."),
        (Beat { timeout: -1, ..join() }, "RebalanceTimeoutMs must be provided in first request."),
        (Beat { owned: None, ..join() }, "TopicPartitions must be empty when (re-)joining."),
        (join().owning(&[(Uuid::ONE, &[0])]), "TopicPartitions must be empty when (re-)joining."),
        (
            Beat { topics: None, ..join() },
            "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.",
        ),
        (at(-2), "InstanceId can't be null."),
        (at(-3), "MemberEpoch is invalid."),
    ];
    for (beat, message) in cases {
        let expected = (ErrorCode::INVALID_REQUEST, message.to_owned());
        assert_eq!(refused(&mut bench, beat.clone()), expected, "{beat:?}");
    }
    let (code, message) = refused(&mut bench, Beat { assignor: text("best"), ..join() });
    assert_eq!(code, ErrorCode::UNSUPPORTED_ASSIGNOR);
    let expected = "ServerAssignor best is not supported. Supported assignors: uniform, range.";
    assert_eq!(message, expected);
    assert!(bench.log.is_empty());
}

#[test]
fn who_is_not_there_is_unknown() {
    let mut bench = Bench::with(&[("t", 1)]);
    let lost = |text: &str| (ErrorCode::GROUP_ID_NOT_FOUND, text.to_owned());
    assert_eq!(refused(&mut bench, Beat::at("a", 1)), lost("Consumer group g not found."));
    assert_eq!(refused(&mut bench, Beat::at("a", -1)), lost("Group g not found."));
    bench.join("a", &["t"]);
    let unknown = |text: &str| (ErrorCode::UNKNOWN_MEMBER_ID, text.to_owned());
    let expected = unknown("Member b is not a member of group g.");
    assert_eq!(refused(&mut bench, Beat::at("b", 1)), expected);
    assert_eq!(refused(&mut bench, Beat::at("b", -1)), expected);
    let expected = unknown("Instance id i is unknown.");
    assert_eq!(refused(&mut bench, Beat::at("a", 2).named("i")), expected);
    assert_eq!(refused(&mut bench, Beat::at("a", -2).named("i")), expected);
}

#[test]
fn old_clients_are_given_their_ids() {
    let mut bench = Bench::with(&[("t", 1)]);
    let join = Beat { member: String::new(), version: 0, ..Beat::join("", &["t"]) };
    let reply = bench.beat(&join);
    let id = reply.member_id.unwrap();
    assert_eq!((id.len(), reply.member_epoch), (22, 2));
    assert_eq!(bench.beat(&Beat::at(&id, 2)).code, ErrorCode::NONE);
}

#[test]
fn a_full_group_takes_nobody() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.settings.consumer.max_size = 1;
    bench.join("a", &["t"]);
    let (code, message) = refused(&mut bench, Beat::join("b", &["t"]));
    assert_eq!(code, ErrorCode::GROUP_MAX_SIZE_REACHED);
    assert_eq!(message, "The consumer group has reached its maximum capacity of 1 members.");
    assert_eq!(bench.beat(&Beat::join("a", &["t"])).code, ErrorCode::NONE);
}

#[test]
fn all_is_told_to_whoever_says_all() {
    let mut bench = Bench::with(&[("t", 1)]);
    let t = bench.id_of("t");
    bench.join("a", &["t"]);
    let all = Beat { epoch: 2, ..Beat::join("a", &["t"]).owning(&[(t, &[0])]) };
    assert_eq!(given(&bench.beat(&all), t), Some(vec![0]));
    assert_eq!(bench.beat(&Beat { timeout: -1, ..all.clone() }).assignment, None);
    assert_eq!(bench.beat(&Beat { topics: None, ..all }).assignment, None);
}

#[test]
fn a_member_that_leaves_is_gone_with_its_timers() {
    let mut bench = Bench::with(&[("t", 1)]);
    bench.join("a", &["t"]);
    let reply = bench.beat(&Beat::at("a", -1));
    assert_eq!((reply.code, reply.member_epoch), (ErrorCode::NONE, -1));
    assert_eq!((reply.heartbeat_interval, reply.assignment), (0, None));
    assert_eq!((bench.group().state(), bench.group().epoch), (State::Empty, 3));
    assert_eq!(bench.group().metadata_hash, 0);
    bench.check_log();
    let reply = bench.join("b", &["t"]);
    assert_eq!(reply.member_epoch, 4);
    bench.check_log();
}

#[test]
fn the_assignor_that_most_members_like_is_taken() {
    let mut bench = Bench::with(&[("t", 4)]);
    let t = bench.id_of("t");
    let range =
        |member: &str| Beat { assignor: Some("range".into()), ..Beat::join(member, &["t"]) };
    bench.beat(&range("a"));
    bench.pass(1000);
    bench.beat(&range("b"));
    let target = |bench: &Bench, member: &str| {
        bench.group().targets[member][&t].iter().copied().collect::<Vec<_>>()
    };
    assert_eq!((target(&bench, "a"), target(&bench, "b")), (vec![0, 1], vec![2, 3]));
    assert_eq!(bench.group().preferred_assignor(None, None).as_deref(), Some("range"));
}
