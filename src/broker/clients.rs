//! What a worker says of its connections when it is asked who is there. Plain values, made for one answer.

use crate::wire::api::ApiKey;
use crate::wire::error::ErrorCode;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;

/// A question to a worker.
#[derive(Debug, Clone)]
pub struct WhoIsThere {
    /// Connections with greater numbers than this; all if there is none.
    pub after: Option<u64>,
    /// So many at most, those with the smallest numbers.
    pub limit: usize,
    /// Where the answer goes. That all of these are gone says that no more answers come.
    pub tell: Sender<Vec<ClientInfo>>,
}

/// A connection of a Kafka client. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// The connection's number, by which log lines name it.
    pub connection: u64,
    /// The client's address.
    pub address: SocketAddr,
    /// The index of the listener that it came to.
    pub listener: usize,
    /// When it came.
    pub connected_at: i64,
    /// When it last asked for something.
    pub last_request_at: Option<i64>,
    /// What it calls itself.
    pub client_id: Option<String>,
    /// Name and version of its software, if it told them (ApiVersions from v3 on).
    pub software: Option<(String, String)>,
    /// What it has asked for, in all.
    pub asked: Asked,
    /// The same by API.
    pub apis: Vec<(ApiKey, i16, Asked)>,
    /// The last errors that it was told, the oldest first.
    pub last_errors: Vec<Failure>,
    /// The groups that it speaks for.
    pub groups: Vec<Membership>,
}

/// How often something was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Requests.
    pub requests: u64,
    /// Those whose answers told an error.
    pub errors: u64,
}

/// An error that a client was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: i64,
    /// To which request.
    pub api: ApiKey,
    /// What it was.
    pub code: ErrorCode,
}

/// A member that a client speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The group.
    pub group: String,
    /// The member's id, once the client knows it.
    pub member: Option<String>,
    /// Its generation, or, of a consumer group, the member's epoch.
    pub generation: Option<i32>,
    /// How many generations it has been through on this connection.
    pub rebalances: u64,
}
