//! What consumers of the classic protocol put into their joins and get from their syncs, as bytes
//! (`ConsumerProtocolSubscription.json`, `ConsumerProtocolAssignment.json`, version 1).

use std::collections::BTreeMap;

/// Partitions by the name of their topic.
pub type Named = BTreeMap<String, Vec<i32>>;

pub fn subscription(topics: &[String], owned: &Named) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    bytes.extend((topics.len() as i32).to_be_bytes());
    topics.iter().for_each(|topic| write_text(&mut bytes, topic));
    bytes.extend((-1i32).to_be_bytes());
    write_named(&mut bytes, owned);
    bytes
}

pub fn assignment(partitions: &Named) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    write_named(&mut bytes, partitions);
    bytes.extend((-1i32).to_be_bytes());
    bytes
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as i16).to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn write_named(bytes: &mut Vec<u8>, named: &Named) {
    bytes.extend((named.len() as i32).to_be_bytes());
    for (topic, list) in named {
        write_text(bytes, topic);
        bytes.extend((list.len() as i32).to_be_bytes());
        list.iter().for_each(|partition| bytes.extend(partition.to_be_bytes()));
    }
}

/// The topics of a subscription.
pub fn topics(bytes: &[u8]) -> Vec<String> {
    let mut bytes = &bytes[2..];
    (0..number(&mut bytes)).map(|_| text(&mut bytes)).collect()
}

/// The partitions of an assignment; none of an empty one.
pub fn assigned(bytes: &[u8]) -> Named {
    if bytes.is_empty() {
        return Named::new();
    }
    let mut bytes = &bytes[2..];
    let count = number(&mut bytes);
    let mut one = |_| {
        let topic = text(&mut bytes);
        let count = number(&mut bytes);
        (topic, (0..count).map(|_| number(&mut bytes)).collect())
    };
    (0..count).map(&mut one).collect()
}

fn number(bytes: &mut &[u8]) -> i32 {
    let (number, rest) = bytes.split_at(4);
    *bytes = rest;
    i32::from_be_bytes(number.try_into().unwrap())
}

fn text(bytes: &mut &[u8]) -> String {
    let (len, rest) = bytes.split_at(2);
    let len = i16::from_be_bytes(len.try_into().unwrap()) as usize;
    let (text, rest) = rest.split_at(len);
    *bytes = rest;
    std::str::from_utf8(text).unwrap().to_owned()
}
