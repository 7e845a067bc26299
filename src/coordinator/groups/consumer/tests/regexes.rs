//! Subscriptions by regular expression.

use super::*;

fn join(member: &str, regex: &str) -> Beat {
    Beat { topics: None, regex: Some(regex.to_owned()), ..Beat::join(member, &[]) }
}

#[test]
fn an_expression_is_looked_up_behind_the_answer() {
    let mut bench = Bench::with(&[("foo-1", 1), ("foo-2", 1), ("bar", 1)]);
    let reply = bench.beat(&join("a", "foo.*"));
    assert_eq!((reply.member_epoch, reply.assignment.unwrap().len()), (1, 0));
    assert_eq!((bench.group().epoch, bench.group().target_epoch), (2, 1));
    let topics: Vec<&str> = bench.group().regexes["foo.*"].topics.iter().map(|t| &**t).collect();
    assert_eq!(topics, ["foo-1", "foo-2"]);
    let reply = bench.beat(&Beat::at("a", 1));
    assert_eq!((reply.member_epoch, reply.assignment.unwrap().len()), (2, 2));
    bench.check_log();
    bench.beat(&Beat::at("a", -1));
    assert!(bench.group().regexes.is_empty(), "nobody has it any more");
    bench.check_log();
}

#[test]
fn new_topics_are_found_in_bursts() {
    let mut bench = Bench::with(&[("foo-1", 1)]);
    bench.beat(&join("a", "foo.*"));
    bench.beat(&Beat::at("a", 1));
    bench.topic("foo-2", 1);
    bench.pass(10_000);
    bench.beat(&Beat::at("a", 2));
    assert_eq!(bench.group().epoch, 2, "not more than ten seconds later");
    bench.pass(1);
    bench.beat(&Beat::at("a", 2));
    assert_eq!((bench.group().epoch, bench.group().regexes["foo.*"].topics.len()), (3, 2));
    assert_eq!(bench.beat(&Beat::at("a", 2)).assignment.unwrap().len(), 2);
    bench.check_log();
}

#[test]
fn a_known_expression_changes_the_target_at_once() {
    let mut bench = Bench::with(&[("foo", 2), ("bar", 2)]);
    bench.beat(&join("a", "foo"));
    bench.beat(&Beat::at("a", 1));
    bench.pass(1000);
    let reply = bench.beat(&join("b", "foo"));
    assert_eq!((bench.group().epoch, reply.member_epoch), (3, 3));
    assert_eq!(bench.group().wishes.kind(2), assign::Subscription::Same);
    // To names, and back to nothing at all.
    let names =
        Beat { topics: Some(vec!["bar".into()]), regex: Some(String::new()), ..Beat::at("b", 3) };
    bench.pass(1000);
    assert_eq!(bench.beat(&names).member_epoch, 4);
    assert_eq!(bench.group().regexes.len(), 1, "a still has it");
    bench.check_log();
}

#[test]
fn what_is_no_expression_is_refused() {
    let mut bench = Bench::with(&[("foo", 2)]);
    let reply = bench.beat(&join("a", "(foo"));
    assert_eq!(reply.code, ErrorCode::INVALID_REGULAR_EXPRESSION);
    let message = reply.message.unwrap();
    let begin = "SubscribedTopicRegex `(foo` is not a valid regular expression: ";
    assert!(message.starts_with(begin), "{message}");
    assert!(bench.log.is_empty());
}

#[test]
fn a_lookup_that_could_not_be_written_is_made_again() {
    let mut bench = Bench::with(&[("foo", 2)]);
    bench.beat(&Beat::join("a", &[]));
    let change = Beat { regex: Some("foo".into()), ..Beat::at("a", 1) };
    bench.beat(&change);
    assert_eq!(bench.group().regexes.len(), 1);
    // It is looked up again only if its records are not there.
    let other = Beat { regex: Some("fo+".into()), ..Beat::at("a", 1) };
    bench.pass(20_000);
    bench.beat(&other);
    assert_eq!(bench.group().regexes.keys().next().map(|regex| &**regex), Some("fo+"));
    bench.check_log();
}

#[test]
fn what_a_member_wants_no_more_goes_to_those_who_want_it() {
    let mut bench = Bench::with(&[("foo", 4)]);
    bench.beat(&join("a", "foo"));
    bench.pass(1000);
    bench.beat(&join("b", "foo"));
    bench.beat(&Beat::at("a", 1));
    bench.pass(20_000);
    bench.beat(&Beat::at("b", 3));
    assert_eq!(bench.group().state(), State::Stable);
    // The topics of the group are the same as before, but one of two has turned away from them.
    bench.beat(&Beat { regex: Some("none".into()), ..Beat::at("b", 3) });
    assert_eq!((bench.group().epoch, bench.group().regexes.len()), (4, 2));
    let reply = bench.beat(&Beat::at("b", 3).owning(&[]));
    assert_eq!((reply.member_epoch, bench.group().target("b").len()), (4, 0));
    let reply = bench.beat(&Beat::at("a", 3));
    assert_eq!(given(&reply, bench.id_of("foo")), Some(vec![0, 1, 2, 3]));
    bench.check_log();
}

#[test]
fn a_group_has_one_lookup_on_its_way() {
    let mut bench = Bench::with(&[("foo", 1), ("bar", 1)]);
    let first = bench.beat_alone(&join("a", "foo"));
    assert_eq!(first.len(), 1);
    assert!(bench.beat_alone(&join("b", "bar")).is_empty());
    bench.pass(20_000);
    assert!(bench.beat_alone(&Beat::at("a", 1)).is_empty());
    // It brings what the group had when it asked, as of then.
    bench.topic("foo-2", 1);
    for lookup in first {
        let found = lookup.run(&bench.topics, bench.now - 20_000, &|| false).unwrap();
        bench.single(|shard, world, effects| shard.looked_up(world, found, effects));
    }
    assert!(bench.group().regexes.contains_key("foo") && bench.group().regexes.len() == 1);
    let second = bench.beat_alone(&Beat::at("b", 1));
    assert_eq!(second.len(), 1);
    // One that could not be made is asked for again.
    bench.shard.not_looked_up(GROUP);
    let third = bench.beat_alone(&Beat::at("a", bench.member("a").epoch));
    assert_eq!(third.len(), 1);
    for lookup in third {
        assert!(lookup.run(&bench.topics, bench.now, &|| true).is_none(), "given up");
    }
    bench.shard.not_looked_up(GROUP);
    bench.beat(&Beat::at("b", bench.member("b").epoch));
    assert_eq!(bench.group().regexes["bar"].topics.len(), 1);
    bench.check_log();
}

#[test]
fn a_lookup_of_a_group_that_is_gone_changes_nothing() {
    let mut bench = Bench::with(&[("foo", 1)]);
    let lookups = bench.beat_alone(&join("a", "foo"));
    bench.beat(&Beat::at("a", -1));
    let written = bench.log.len();
    for lookup in lookups {
        let found = lookup.run(&bench.topics, bench.now, &|| false).unwrap();
        bench.single(|shard, world, effects| shard.looked_up(world, found, effects));
    }
    assert_eq!(bench.log.len(), written);
    bench.check_log();
}

#[test]
fn a_topic_that_goes_meanwhile_is_not_given_out() {
    let mut bench = Bench::with(&[("foo", 2), ("bar", GOING)]);
    let reply = bench.join("a", &["foo", "bar"]);
    assert_eq!((reply.code, reply.assignment.unwrap().len()), (ErrorCode::NONE, 1));
    bench.check_log();
}

#[test]
fn an_expression_of_another_broker_that_is_too_large_here_keeps_its_topics() {
    const LARGE: &str = "foo|(.{0,1000}){30}";
    let mut bench = Bench::with(&[("foo", 2)]);
    bench.beat(&join("a", "foo"));
    bench.beat(&Beat::at("a", 1));
    let mut member = bench.member("a").clone();
    let resolved = bench.group().regexes["foo"].clone();
    member.regex = LARGE.into();
    bench.log.push(records::member(GROUP, &member));
    bench.log.push(records::regex(GROUP, LARGE, &resolved));
    bench.log.push(records::no_regex(GROUP, "foo"));
    bench.shard = bench.reloaded();
    let epoch = bench.group().epoch;
    bench.topic("foo-2", 1);
    bench.pass(20_000);
    assert_eq!(bench.beat_alone(&Beat::at("a", 2)).len(), 1, "it is looked up");
    bench.shard.not_looked_up(GROUP);
    let reply = bench.beat(&Beat::at("a", 2));
    assert!(reply.assignment.is_none(), "{reply:?}");
    assert_eq!(bench.group().regexes[LARGE].topics, resolved.topics);
    assert_eq!((bench.group().epoch, bench.group().state()), (epoch, State::Stable));
    // Not at once again, and whoever would bring it anew is told.
    assert!(bench.beat_alone(&Beat::at("a", 2)).is_empty());
    let other = Beat { group: "other".into(), ..join("b", LARGE) };
    assert_eq!(bench.beat(&other).code, ErrorCode::INVALID_REGULAR_EXPRESSION);
    bench.check_log();
}
