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
    broker.logged(&["WARN", "of=\"topic t\" settings=preallocate ", later]);
    broker.logged(&["WARN", "of=\"topic t\" settings=local.retention.ms ", none]);

    client.alter("t", &[("segment.jitter.ms", "7"), ("retention.ms", "8")]);
    broker.logged(&["WARN", "of=\"topic t\" settings=segment.jitter.ms ", later]);
    let pair = [("log.preallocate", "true"), ("num.replica.fetchers", "2")];
    client.alter_of((BROKER, "1"), &pair);
    broker.logged(&["WARN", "of=\"broker 1\" settings=log.preallocate ", later]);
    broker.logged(&["WARN", "of=\"broker 1\" settings=num.replica.fetchers ", none]);
    client.alter_of((BROKER, ""), &pair);
    let default = "of=\"the cluster's default\"";
    broker.logged(&["WARN", default, "settings=log.preallocate ", later]);
    broker.logged(&["WARN", default, "settings=num.replica.fetchers ", none]);

    // At its default it is what happens anyway, and what has its effect is not named.
    client.alter_of((TOPIC, "t"), &[("preallocate", "false"), ("retention.ms", "9")]);
    client.alter_of((BROKER, "1"), &[("log.retention.ms", "9")]);
    let said = broker.log().into_iter().filter(|line| line.contains("configs without effect"));
    assert_eq!(said.count(), 7, "{:#?}", broker.log());
}
