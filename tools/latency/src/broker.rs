//! The set-up: one request at a time over a connection of its own. What the broker can do, a topic, its
//! leaders, where its partitions begin and end.

use crate::frames::{self, FETCH, PRODUCE};
use barnabas::wire::api::ApiKey;
use barnabas::wire::codec::{Array, Message};
use barnabas::wire::error::ErrorCode;
use barnabas::wire::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use barnabas::wire::messages::create_topics::{
    CreatableTopic, CreateTopicsRequest, CreateTopicsResponse,
};
use barnabas::wire::messages::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse};
use barnabas::wire::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use barnabas::wire::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use barnabas::wire::messages::produce::ProduceResponse;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

const API_VERSIONS: i16 = 0;
const METADATA: i16 = 9;
const CREATE_TOPICS: i16 = 5;
const DELETE_TOPICS: i16 = 4;
const LIST_OFFSETS: i16 = 4;
/// What the load needs.
const NEEDED: [(ApiKey, i16); 6] = [
    (ApiKey::Produce, PRODUCE),
    (ApiKey::Fetch, FETCH),
    (ApiKey::Metadata, METADATA),
    (ApiKey::CreateTopics, CREATE_TOPICS),
    (ApiKey::DeleteTopics, DELETE_TOPICS),
    (ApiKey::ListOffsets, LIST_OFFSETS),
];
/// How long an answer may take, and a topic until it is led.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);
/// The largest answer that is read here.
const LARGEST: usize = 64 << 20;
/// ListOffsets' names of the two ends.
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;

/// A connection for the set-up.
#[derive(Debug)]
pub struct Broker {
    stream: TcpStream,
    address: String,
    /// How long an answer may take.
    patience: Duration,
}

/// A partition, where its leader is, and where it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Led {
    pub partition: i32,
    pub leader: SocketAddr,
    pub start: i64,
    pub end: i64,
}

/// Connects to the first that answers of the addresses that a name has.
fn reach(name: &str, addresses: &[SocketAddr]) -> Result<TcpStream, String> {
    let mut failed = Vec::new();
    for address in addresses {
        match TcpStream::connect_timeout(address, PATIENCE) {
            Ok(stream) => return Ok(stream),
            Err(why) if addresses.len() == 1 => failed.push(why.to_string()),
            Err(why) => failed.push(format!("{address}: {why}")),
        }
    }
    match failed.is_empty() {
        true => Err(format!("{name} has no address")),
        false => Err(format!("nobody answers at {name}: {}", failed.join(", "))),
    }
}

impl Broker {
    /// Connects and looks whether the broker can do what is needed.
    ///
    /// # Errors
    /// When nobody listens, or it cannot.
    pub fn connect(address: &str) -> Result<Broker, String> {
        let failed = |why| format!("{address}: {why}");
        let all: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        let stream = reach(address, &all)?;
        stream.set_nodelay(true).map_err(failed)?;
        let mut broker = Broker { stream, address: address.to_owned(), patience: PATIENCE };
        broker.wait_at_most(PATIENCE)?;
        broker.check_versions()?;
        Ok(broker)
    }

    /// From now on an answer may take so long.
    ///
    /// # Errors
    /// When the system refuses that.
    pub fn wait_at_most(&mut self, patience: Duration) -> Result<(), String> {
        let failed = |why| format!("{}: {why}", self.address);
        self.stream.set_read_timeout(Some(patience)).map_err(failed)?;
        self.stream.set_write_timeout(Some(patience)).map_err(failed)?;
        self.patience = patience;
        Ok(())
    }

    /// Which of the addresses behind its name it has.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn reached(&self) -> Result<SocketAddr, String> {
        self.stream.peer_addr().map_err(|why| format!("{}: {why}", self.address))
    }

    fn call<'a>(
        &mut self,
        api: ApiKey,
        version: i16,
        body: &impl Message<'a>,
    ) -> Result<Vec<u8>, String> {
        let request = frames::request(api, version, 0, body);
        self.exchange(api, &request)
    }

    fn exchange(&mut self, api: ApiKey, request: &[u8]) -> Result<Vec<u8>, String> {
        let (address, patience) = (&self.address, self.patience.as_secs());
        let failed = |why: std::io::Error| match why.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("{address} has not answered {} within {patience} s", api.name())
            }
            ErrorKind::UnexpectedEof => {
                format!("{address} has closed the connection instead of answering {}", api.name())
            }
            _ => format!("{address} does not answer {}: {why}", api.name()),
        };
        self.stream.write_all(request).map_err(failed)?;
        let mut size = [0; 4];
        self.stream.read_exact(&mut size).map_err(failed)?;
        let size = u32::from_be_bytes(size) as usize;
        if size > LARGEST {
            return Err(format!(
                "{address} does not speak Kafka's protocol: an answer of {size} bytes"
            ));
        }
        let mut answer = vec![0; size];
        self.stream.read_exact(&mut answer).map_err(failed)?;
        Ok(answer)
    }

    fn check_versions(&mut self) -> Result<(), String> {
        let answer =
            self.call(ApiKey::ApiVersions, API_VERSIONS, &ApiVersionsRequest::default())?;
        let (_, versions) =
            frames::answer::<ApiVersionsResponse<'_>>(&answer, ApiKey::ApiVersions, API_VERSIONS)?;
        for (api, version) in NEEDED {
            let has = versions.api_keys.iter().any(|one| {
                one.api_key == api as i16 && (one.min_version..=one.max_version).contains(&version)
            });
            if !has {
                let (address, name) = (&self.address, api.name());
                return Err(format!(
                    "{address} has no version {version} of {name}, which this needs"
                ));
            }
        }
        Ok(())
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// What the broker says.
    pub fn create(&mut self, name: &str, partitions: i32) -> Result<(), String> {
        let topics = [CreatableTopic {
            name,
            num_partitions: partitions,
            replication_factor: -1,
            ..Default::default()
        }];
        let request = CreateTopicsRequest { topics: Array::from(&topics), ..Default::default() };
        let answer = self.call(ApiKey::CreateTopics, CREATE_TOPICS, &request)?;
        let (_, response) = frames::answer::<CreateTopicsResponse<'_>>(
            &answer,
            ApiKey::CreateTopics,
            CREATE_TOPICS,
        )?;
        match response.topics.iter().next().map(|topic| (topic.error_code, topic.error_message)) {
            Some((ErrorCode::NONE, _)) => Ok(()),
            Some((code, why)) => Err(format!(
                "{} cannot make the topic {name}: {code:?} {}",
                self.address,
                why.unwrap_or_default()
            )),
            None => Err(format!("{} says nothing of the topic {name}", self.address)),
        }
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn delete(&mut self, name: &str) -> Result<(), String> {
        let names = [name];
        let request = DeleteTopicsRequest {
            topic_names: Array::from(&names),
            timeout_ms: i32::try_from(self.patience.as_millis()).unwrap_or(i32::MAX),
            ..Default::default()
        };
        let answer = self.call(ApiKey::DeleteTopics, DELETE_TOPICS, &request)?;
        let (_, response) = frames::answer::<DeleteTopicsResponse<'_>>(
            &answer,
            ApiKey::DeleteTopics,
            DELETE_TOPICS,
        )?;
        match response.responses.iter().next().map(|topic| topic.error_code) {
            Some(ErrorCode::NONE) | None => Ok(()),
            Some(code) => Err(format!("{} cannot delete the topic {name}: {code:?}", self.address)),
        }
    }

    /// A topic's partitions, and the host and port of who leads each, as soon as all have a leader.
    ///
    /// # Errors
    /// When that takes too long, or there is no such topic.
    pub fn leaders(&mut self, topic: &str) -> Result<Vec<(i32, String)>, String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let why = match self.look_for_leaders(topic)? {
                Ok(led) => return Ok(led),
                Err(code) => code,
            };
            if Instant::now() > until {
                return Err(format!("{}: the topic {topic} is not ready: {why:?}", self.address));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn look_for_leaders(
        &mut self,
        topic: &str,
    ) -> Result<Result<Vec<(i32, String)>, ErrorCode>, String> {
        let topics = [MetadataRequestTopic { name: Some(topic), ..Default::default() }];
        let request = MetadataRequest {
            topics: Some(Array::from(&topics)),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let answer = self.call(ApiKey::Metadata, METADATA, &request)?;
        let (_, metadata) =
            frames::answer::<MetadataResponse<'_>>(&answer, ApiKey::Metadata, METADATA)?;
        let Some(topic) = metadata.topics.iter().next() else {
            return Ok(Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        };
        let mut led = Vec::new();
        let codes = topic.partitions.iter().map(|partition| partition.error_code);
        if let Some(code) =
            [topic.error_code].into_iter().chain(codes).find(|code| *code != ErrorCode::NONE)
        {
            return Ok(Err(code));
        }
        for partition in topic.partitions.iter() {
            let leader = metadata.brokers.iter().find(|one| one.node_id == partition.leader_id);
            let Some(leader) = leader else { return Ok(Err(ErrorCode::LEADER_NOT_AVAILABLE)) };
            let leader = format!("{}:{}", bracketed(leader.host), leader.port);
            led.push((partition.partition_index, leader));
        }
        led.sort();
        Ok(if led.is_empty() { Err(ErrorCode::LEADER_NOT_AVAILABLE) } else { Ok(led) })
    }

    /// Where a partition begins and ends.
    ///
    /// # Errors
    /// What the broker says.
    pub fn ends(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), String> {
        Ok((self.offset(topic, partition, EARLIEST)?, self.offset(topic, partition, LATEST)?))
    }

    /// One of the two, as soon as the broker has learned that it leads the partition: metadata may tell of
    /// it a moment sooner.
    fn offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> Result<i64, String> {
        const NOT_YET: [ErrorCode; 2] =
            [ErrorCode::NOT_LEADER_OR_FOLLOWER, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION];
        let until = Instant::now() + PATIENCE;
        loop {
            match self.ask_offset(topic, partition, timestamp)? {
                Some((ErrorCode::NONE, offset)) => return Ok(offset),
                Some((code, _)) if NOT_YET.contains(&code) && Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                found => {
                    let address = &self.address;
                    return Err(format!(
                        "{address} does not say where {topic}-{partition} ends: {found:?}"
                    ));
                }
            }
        }
    }

    fn ask_offset(
        &mut self,
        topic: &str,
        partition_index: i32,
        timestamp: i64,
    ) -> Result<Option<(ErrorCode, i64)>, String> {
        let partitions =
            [ListOffsetsPartition { partition_index, timestamp, ..Default::default() }];
        let topics = [ListOffsetsTopic { name: topic, partitions: Array::from(&partitions) }];
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: Array::from(&topics),
            ..Default::default()
        };
        let answer = self.call(ApiKey::ListOffsets, LIST_OFFSETS, &request)?;
        let (_, response) =
            frames::answer::<ListOffsetsResponse<'_>>(&answer, ApiKey::ListOffsets, LIST_OFFSETS)?;
        let found = response.topics.iter().flat_map(|topic| topic.partitions.iter()).next();
        Ok(found.map(|one| (one.error_code, one.offset)))
    }

    /// Stores a batch, and waits until that is done.
    ///
    /// # Errors
    /// What the broker says.
    pub fn store(&mut self, topic: &str, partition: i32, batch: &[u8]) -> Result<(), String> {
        let answer =
            self.exchange(ApiKey::Produce, &frames::produce(topic, partition, -1, batch, 0))?;
        let (_, response) =
            frames::answer::<ProduceResponse<'_>>(&answer, ApiKey::Produce, PRODUCE)?;
        refused(&response).map_or(Ok(()), |why| Err(format!("{}: {why}", self.address)))
    }
}

/// Why a produce was refused, if it was.
pub fn refused(response: &ProduceResponse<'_>) -> Option<String> {
    let mut partitions =
        response.responses.iter().flat_map(|topic| topic.partition_responses.iter());
    let one = partitions.next()?;
    (one.error_code != ErrorCode::NONE).then(|| {
        format!(
            "a produce was refused: {:?} {}",
            one.error_code,
            one.error_message.unwrap_or_default()
        )
    })
}

/// An address of IPv6 stands in brackets before a port.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::reach;
    use std::net::{SocketAddr, TcpListener};

    #[test]
    fn every_address_of_a_name_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let there = listener.local_addr().expect("an address");
        let nobody: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        let stream = reach("name:1", &[nobody, there]).expect("a connection");
        assert_eq!(stream.peer_addr().expect("an address"), there);
        let why = reach("name:1", &[nobody, nobody]).expect_err("nobody is there");
        assert!(why.starts_with("nobody answers at name:1: 127.0.0.1:1: "), "{why}");
        assert!(reach("name:1", &[]).expect_err("nothing is there").contains("no address"));
    }
}
