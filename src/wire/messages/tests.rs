//! What the declarations make, by a few messages whose bytes were worked out by hand.

use super::fetch::*;
use super::metadata::*;
use super::produce::{PartitionProduceData, PartitionProduceResponse, ProduceRequest};
use crate::wire::codec::{Array, DecodeError, External, Message, Reader, Reason, Records, Writer};
use crate::wire::error::ErrorCode;
use crate::wire::uuid::Uuid;

fn decode<'a, T: Message<'a>>(bytes: &'a [u8], version: i16) -> Result<T, DecodeError> {
    T::decode(&mut Reader::new(bytes), version)
}

fn encode<'a>(message: &impl Message<'a>, version: i16) -> Writer {
    let mut w = Writer::new();
    message.encode(&mut w, version);
    w
}

#[test]
fn metadata_request_in_its_forms() {
    let request: MetadataRequest<'_> = decode(&[0, 0, 0, 1, 0, 1, b't'], 0).unwrap();
    let names: Vec<_> = request.topics.unwrap().iter().map(|t| t.name).collect();
    assert_eq!(names, [Some("t")]);
    assert!(request.allow_auto_topic_creation, "absent in v0, so Kafka's default");

    let request: MetadataRequest<'_> = decode(&[0xff, 0xff, 0xff, 0xff], 1).unwrap();
    assert_eq!(request.topics, None);

    let error = decode::<MetadataRequest<'_>>(&[0xff, 0xff, 0xff, 0xff], 0).unwrap_err();
    assert_eq!((error.field, error.reason), ("MetadataRequest.topics", Reason::UnexpectedNull));
}

#[test]
fn flexible_request_with_unknown_tags_and_bytes_behind() {
    // One topic by name, an unknown tag in the topic and one in the request, two bytes behind.
    let mut bytes = vec![2];
    bytes.extend([0; 16]);
    bytes.extend([2, b't', 1, 7, 1, 9]);
    bytes.extend([1, 0, 1, 5, 0, 42, 42]);
    let request: MetadataRequest<'_> = decode(&bytes, 12).unwrap();
    let topic = request.topics.unwrap().iter().next().unwrap();
    assert_eq!((topic.name, topic.topic_id), (Some("t"), Uuid::ZERO));
    assert!(request.allow_auto_topic_creation && !request.include_topic_authorized_operations);
}

#[test]
fn tagged_fields_are_written_when_they_differ_from_the_default() {
    let none = encode(&FetchRequest::default(), 15);
    assert_eq!(none.bytes().last(), Some(&0), "no tags");
    let state = ReplicaState { replica_id: 1, replica_epoch: 2 };
    let request =
        FetchRequest { cluster_id: Some("c"), replica_state: state, ..Default::default() };
    let w = encode(&request, 15);
    let tags = &w.bytes()[none.len() - 1..];
    assert_eq!(tags, [2, 0, 2, 2, b'c', 1, 13, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0]);
    assert_eq!(decode::<FetchRequest<'_>>(w.bytes(), 15), Ok(request));
}

#[test]
fn a_long_tagged_field_gets_a_long_size() {
    let endpoints = [NodeEndpoint { node_id: 1, host: "h", port: 9, rack: None }; 40];
    let response = FetchResponse { node_endpoints: (&endpoints).into(), ..Default::default() };
    let w = encode(&response, 16);
    assert_eq!(decode::<FetchResponse<'_>>(w.bytes(), 16), Ok(response));
}

#[test]
fn a_tagged_field_fills_its_size() {
    let none = encode(&FetchRequest::default(), 15).into_bytes();
    let with_tag =
        |size, value: &[u8]| [&none[..none.len() - 1], &[1, 0, size], value, &[0xff; 8]].concat();
    let bytes = with_tag(2, &[2, b'c']);
    assert_eq!(decode::<FetchRequest<'_>>(&bytes, 15).unwrap().cluster_id, Some("c"));
    let error = decode::<FetchRequest<'_>>(&with_tag(3, &[2, b'c', 0]), 15).unwrap_err();
    assert_eq!(error.field, "FetchRequest.cluster_id");
    assert_eq!(error.reason, Reason::BadTagSize { tag: 0, unused: 1 });
    // Nor may it reach beyond.
    let error = decode::<FetchRequest<'_>>(&with_tag(1, &[2, b'c']), 15).unwrap_err();
    assert_eq!(error.reason, Reason::Truncated { needed: 1, left: 0 });
}

#[test]
fn external_records_leave_a_hole() {
    let partitions = [
        PartitionData { records: Some(Records::External(1000)), ..Default::default() },
        PartitionData { records: Some(Records::Bytes(b"ab")), ..Default::default() },
        PartitionData { records: Some(Records::External(5)), ..Default::default() },
    ];
    let topics =
        [FetchableTopicResponse { partitions: (&partitions).into(), ..Default::default() }];
    let response = FetchResponse { responses: (&topics).into(), ..Default::default() };
    let w = encode(&response, 12);
    assert_eq!(w.total_len(), w.len() + 1005);

    // With the holes filled it is an ordinary response.
    let mut bytes = Vec::new();
    let mut from = 0;
    for &External { at, len } in w.externals() {
        bytes.extend_from_slice(&w.bytes()[from..at]);
        bytes.resize(bytes.len() + len as usize, 7);
        from = at;
    }
    bytes.extend_from_slice(&w.bytes()[from..]);
    assert_eq!(bytes.len(), w.total_len());
    let response: FetchResponse<'_> = decode(&bytes, 12).unwrap();
    let topic = response.responses.iter().next().unwrap();
    let sizes: Vec<_> = topic.partitions.iter().map(|p| p.records.unwrap().len()).collect();
    assert_eq!(sizes, [1000, 2, 5]);

    // The same out of elements that were encoded one by one.
    let mut scratch = Writer::new();
    partitions.iter().for_each(|p| p.encode(&mut scratch, 12));
    let partitions = Array::written(3, &scratch, 12);
    let topics = [FetchableTopicResponse { partitions, ..Default::default() }];
    let response = FetchResponse { responses: (&topics).into(), ..Default::default() };
    let again = encode(&response, 12);
    assert_eq!((again.bytes(), again.externals()), (w.bytes(), w.externals()));
}

#[test]
fn a_count_that_cannot_be_is_refused_at_once() {
    // acks, timeout, no transactional id, then 2^31 - 1 topics.
    let bytes = [0xff, 0xff, 0, 1, 0, 0, 0, 9, 0x7f, 0xff, 0xff, 0xff];
    let error = decode::<ProduceRequest<'_>>(&bytes, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ProduceRequest.topic_data at byte 8: 2147483647 elements cannot be in the 0 bytes that are left"
    );
    let error = decode::<ProduceRequest<'_>>(&[0; 7], 3).unwrap_err();
    assert_eq!((error.field, error.at), ("ProduceRequest.timeout_ms", 4));
    let error = decode::<ProduceRequest<'_>>(&[0; 99], 14).unwrap_err();
    assert_eq!(error.reason, Reason::UnknownVersion(14));
}

#[test]
fn the_innermost_field_is_named() {
    let mut bytes = vec![0xff, 0xff, 0, 1, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1];
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 3, 1, 2]);
    let error = decode::<ProduceRequest<'_>>(&bytes, 3).unwrap_err();
    assert_eq!((error.field, error.at), ("PartitionProduceData.records", 27));
    assert_eq!(error.reason, Reason::Truncated { needed: 3, left: 2 });
}

#[test]
fn records_are_null_by_default() {
    assert_eq!(PartitionData::default().records, None);
    assert_eq!(PartitionProduceData::default().records, None);
}

#[test]
fn too_long_a_text_is_cut_at_a_character() {
    let text = "ä".repeat(20_000);
    let partition = PartitionProduceResponse {
        error_code: ErrorCode::INVALID_RECORD,
        error_message: Some(&text),
        ..Default::default()
    };
    let w = encode(&partition, 9);
    let again: PartitionProduceResponse<'_> = decode(w.bytes(), 9).unwrap();
    assert_eq!(again.error_message, Some(&text[..32766]));
}
