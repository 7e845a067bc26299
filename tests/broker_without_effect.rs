//! A setting that does nothing here is named in the log when somebody sets it, whoever it belongs to.
#![allow(clippy::unwrap_used)]

mod broker_support;

use broker_support::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

#[test]
fn what_has_no_effect_is_named_when_it_is_set() {
    let dir = TempDir::new();
    let broker = Broker::start(dir.path(), &[]);
    let mut client = broker.client();
    let configs = [("preallocate", "true"), ("local.retention.ms", "5"), ("retention.ms", "5")];
    client.create_with("t", 1, &configs);
    let later = "accepted, but without effect yet";
    let none = "accepted, but there is nothing here that they govern";
    broker.logged(&["WARN", &format!("configs of topic t: {later}: preallocate")]);
    broker.logged(&["WARN", &format!("configs of topic t: {none}: local.retention.ms")]);

    client.alter("t", &[("segment.jitter.ms", "7"), ("retention.ms", "8")]);
    broker.logged(&["WARN", &format!("configs of topic t: {later}: segment.jitter.ms")]);
    let pair = [("log.preallocate", "true"), ("num.replica.fetchers", "2")];
    client.alter_of((BROKER, "1"), &pair);
    broker.logged(&["WARN", &format!("configs of broker 1: {later}: log.preallocate")]);
    broker.logged(&["WARN", &format!("configs of broker 1: {none}: num.replica.fetchers")]);
    client.alter_of((BROKER, ""), &pair);
    let default = "configs of the cluster's default";
    broker.logged(&["WARN", &format!("{default}: {later}: log.preallocate")]);
    broker.logged(&["WARN", &format!("{default}: {none}: num.replica.fetchers")]);

    // At its default it is what happens anyway, and what has its effect is not named.
    client.alter_of((TOPIC, "t"), &[("preallocate", "false"), ("retention.ms", "9")]);
    client.alter_of((BROKER, "1"), &[("log.retention.ms", "9")]);
    let said = broker.log().into_iter().filter(|line| line.contains("configs of"));
    assert_eq!(said.count(), 7, "{:#?}", broker.log());
}
