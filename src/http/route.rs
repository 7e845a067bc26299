//! Which page a request asks for, by the table of all endpoints. What is not in it is not found.
//!
//! The table is the only one: the document at `/v1/openapi.json` is made from it too. The console's files, which are for people,
//! stand beside it.

use super::api::{HEADER, JSON, KEY, MOST_CLIENTS, VALUE};
use super::console::Asset;
use super::desk::Desk;
use super::head::{Head, Method};
use super::problem::{self, Problem};
use super::query::{Kind, Param, Query};
use super::response::Response;

/// A page, or a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A file of the console.
    Console(Asset),
    /// The process answers.
    Livez,
    /// Clients can be sent here.
    Readyz,
    /// Everything is as it should be.
    Healthz {
        /// What is not is named.
        in_full: bool,
    },
    /// For Prometheus.
    Metrics,
    /// The broker itself.
    Broker,
    /// All topics.
    Topics,
    /// One topic, by name.
    Topic(String),
    /// Messages of a topic.
    Messages(String, Query),
    /// Messages for a topic.
    Produce(String, Query),
    /// Messages of a topic, as they come.
    Tail(String, Query),
    /// A new topic.
    CreateTopic(Query),
    /// A topic that is to go.
    DeleteTopic(String),
    /// Settings.
    Configs(Of),
    /// A change of settings.
    Alter(Of, Query),
    /// All consumer groups.
    Groups,
    /// One group, by name.
    Group(String),
    /// New offsets for a group.
    ResetOffsets(String),
    /// Connected clients.
    Clients(Query),
    /// What all this is.
    OpenApi,
}

/// Whose settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// A topic's, by its name.
    Topic(String),
    /// This broker's.
    Broker,
    /// Those that all brokers have unless they have their own.
    AllBrokers,
}

/// What can be asked for.
pub(super) struct Endpoint {
    /// GET stands for HEAD too.
    pub(super) method: Method,
    /// The path; a part in braces is any name.
    pub(super) path: &'static str,
    /// Its route, given the name in the path.
    pub(super) route: fn(String, Query) -> Route,
    pub(super) query: &'static [Param],
    pub(super) about: &'static str,
    /// What its body is called in the document, if it has one.
    pub(super) body: Option<&'static str>,
    /// What its answer is called there.
    pub(super) answer: &'static str,
    /// Offsets that stand in the answer's head, and what they say.
    pub(super) offsets: &'static [(&'static str, &'static str)],
}

const fn get(
    path: &'static str,
    about: &'static str,
    route: fn(String, Query) -> Route,
) -> Endpoint {
    let (method, query, offsets) = (Method::Get, &[], &[]);
    Endpoint { method, path, route, query, about, body: None, answer: "Any", offsets }
}

const fn change(
    (method, path): (Method, &'static str),
    about: &'static str,
    route: fn(String, Query) -> Route,
) -> Endpoint {
    Endpoint { method, ..get(path, about, route) }
}

const PARTITION: Kind = Kind::Integer(0, i32::MAX as i64);

const TAIL: &[Param] = &[
    Param { name: "partition", kind: PARTITION, about: "All partitions unless it is given." },
    Param {
        name: "offset",
        kind: Kind::Integer(0, i64::MAX),
        about: "The offset of the first message; needs a partition, and no timestamp.",
    },
    Param {
        name: "timestamp",
        kind: Kind::Integer(0, i64::MAX),
        about: "Milliseconds since 1970: begins with the first messages that are not older; not with offset.",
    },
    KEY,
    VALUE,
    HEADER,
    JSON,
];

const MESSAGES: &[Param] = &[
    Param { name: "partition", kind: PARTITION, about: "0 unless it is given." },
    Param {
        name: "offset",
        kind: Kind::Integer(0, i64::MAX),
        about: "The offset of the first message, the first that there is unless it is given; not with timestamp.",
    },
    Param {
        name: "timestamp",
        kind: Kind::Integer(0, i64::MAX),
        about: "Milliseconds since 1970: begins with the first message that is not older; not with offset.",
    },
    Param {
        name: "limit",
        kind: Kind::Capped(1, 1000),
        about: "How many messages at most: 10 unless it is given, 1000 at most.",
    },
    KEY,
    VALUE,
    HEADER,
    JSON,
];

const PRODUCE: &[Param] = &[Param {
    name: "partition",
    kind: PARTITION,
    about: "The partition of messages that name none; unless it is given, their keys say it.",
}];

const CLIENTS: &[Param] = &[
    Param {
        name: "limit",
        kind: Kind::Capped(1, MOST_CLIENTS as i64),
        about: "How many clients at most: 1000 unless it is given, 10000 at most.",
    },
    Param {
        name: "after",
        kind: Kind::Integer(0, i64::MAX),
        about: "Only connections with greater numbers: the last one that was told.",
    },
];

const VALIDATE_ONLY: &[Param] =
    &[Param { name: "validate_only", kind: Kind::Flag, about: "Only says what would come of it." }];

/// All that can be asked for.
pub(super) const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        answer: "Health",
        ..get("/livez", "200 while the process answers.", |_, _| Route::Livez)
    },
    Endpoint {
        answer: "Health",
        ..get("/readyz", "200 when clients can be sent here.", |_, _| Route::Readyz)
    },
    Endpoint {
        answer: "Health",
        ..get("/healthz", "200 when it is ready and no partition is offline.", |_, _| {
            Route::Healthz { in_full: true }
        })
    },
    Endpoint {
        answer: "Text",
        ..get(
            "/metrics",
            "Metrics for Prometheus, by the names of the JMX exporter and of kafka_exporter.",
            |_, _| Route::Metrics,
        )
    },
    Endpoint { answer: "Broker", ..get("/v1/broker", "The broker itself.", |_, _| Route::Broker) },
    Endpoint { answer: "Topics", ..get("/v1/topics", "All topics.", |_, _| Route::Topics) },
    Endpoint {
        answer: "Topic",
        ..get("/v1/topics/{name}", "One topic.", |name, _| Route::Topic(name))
    },
    Endpoint {
        query: MESSAGES,
        answer: "Messages",
        offsets: &[
            (
                "X-Next-Offset",
                "Where to go on: there may be more although fewer came than were asked for.",
            ),
            ("X-End-Offset", "Where the partition ends for now."),
        ],
        ..get("/v1/topics/{name}/messages", "Messages of one partition.", Route::Messages)
    },
    Endpoint {
        query: PRODUCE,
        body: Some("NewMessages"),
        answer: "Produced",
        ..change(
            (Method::Post, "/v1/topics/{name}/messages"),
            "Produces messages; the topic is created as it is for a producer.",
            Route::Produce,
        )
    },
    Endpoint {
        query: TAIL,
        answer: "Events",
        ..get(
            "/v1/topics/{name}/tail",
            "Messages as they come, as server-sent events; it begins behind what there is.",
            Route::Tail,
        )
    },
    Endpoint {
        query: VALIDATE_ONLY,
        body: Some("NewTopic"),
        answer: "Created",
        ..change((Method::Post, "/v1/topics"), "Creates a topic.", |_, query| {
            Route::CreateTopic(query)
        })
    },
    Endpoint {
        answer: "Deleted",
        ..change((Method::Delete, "/v1/topics/{name}"), "Deletes a topic.", |name, _| {
            Route::DeleteTopic(name)
        })
    },
    Endpoint {
        answer: "Settings",
        ..get("/v1/topics/{name}/configs", "The settings of a topic.", |name, _| {
            Route::Configs(Of::Topic(name))
        })
    },
    Endpoint {
        query: VALIDATE_ONLY,
        body: Some("Patch"),
        answer: "Settings",
        ..change(
            (Method::Patch, "/v1/topics/{name}/configs"),
            "Changes settings of a topic; null takes one away.",
            |name, query| Route::Alter(Of::Topic(name), query),
        )
    },
    Endpoint {
        answer: "Settings",
        ..get("/v1/broker/configs", "The settings of this broker.", |_, _| {
            Route::Configs(Of::Broker)
        })
    },
    Endpoint {
        query: VALIDATE_ONLY,
        body: Some("Patch"),
        answer: "Settings",
        ..change(
            (Method::Patch, "/v1/broker/configs"),
            "Changes settings of this broker; null takes one away.",
            |_, query| Route::Alter(Of::Broker, query),
        )
    },
    Endpoint {
        answer: "Settings",
        ..get("/v1/cluster/configs", "What is set for all brokers while they run.", |_, _| {
            Route::Configs(Of::AllBrokers)
        })
    },
    Endpoint {
        query: VALIDATE_ONLY,
        body: Some("Patch"),
        answer: "Settings",
        ..change(
            (Method::Patch, "/v1/cluster/configs"),
            "Changes settings for all brokers; null takes one away.",
            |_, query| Route::Alter(Of::AllBrokers, query),
        )
    },
    Endpoint {
        answer: "Groups",
        ..get("/v1/groups", "All consumer groups.", |_, _| Route::Groups)
    },
    Endpoint {
        answer: "Group",
        ..get("/v1/groups/{name}", "One consumer group, with its lag.", |name, _| {
            Route::Group(name)
        })
    },
    Endpoint {
        body: Some("NewOffsets"),
        answer: "Offsets",
        ..change(
            (Method::Post, "/v1/groups/{name}/offsets"),
            "Sets offsets of a group that has no members.",
            |name, _| Route::ResetOffsets(name),
        )
    },
    Endpoint {
        query: CLIENTS,
        answer: "Clients",
        ..get(
            "/v1/clients",
            "The clients that are connected, by the numbers of their connections.",
            |_, query| Route::Clients(query),
        )
    },
    get("/v1/openapi.json", "This document.", |_, _| Route::OpenApi),
];

impl Endpoint {
    /// The name in the path, empty where it has none; nothing if this is another path.
    fn name_in<'p>(&self, parts: &'p [String]) -> Option<&'p str> {
        let mut name = "";
        let mut wanted = self.path.split('/').skip(1);
        for part in parts {
            match wanted.next()? {
                any if any.starts_with('{') && !part.is_empty() => name = part,
                same if same == part => {}
                _ => return None,
            }
        }
        wanted.next().is_none().then_some(name)
    }

    fn allows(&self, method: Method) -> bool {
        self.method == method || self.method == Method::Get && method == Method::Head
    }
}

impl Route {
    /// Who makes it.
    pub(super) fn desk(&self) -> Desk {
        match self {
            Route::Tail(..) => Desk::Tails,
            Route::Messages(..) => Desk::Records,
            Route::Produce(..)
            | Route::CreateTopic(_)
            | Route::DeleteTopic(_)
            | Route::Alter(..)
            | Route::ResetOffsets(_)
            | Route::Clients(_) => Desk::Others,
            _ => Desk::Overviews,
        }
    }

    /// It is made without a look at records, the controller or other workers.
    pub(super) fn is_quick(&self) -> bool {
        self.desk() == Desk::Overviews
    }

    /// The page that a request asks for, or why there is none.
    pub(super) fn of(head: &Head) -> Result<Route, Response> {
        if let Some(asset) = Asset::of(head) {
            return asset.map(Route::Console);
        }
        let here: Vec<(&Endpoint, &str)> = ENDPOINTS
            .iter()
            .filter_map(|one| Some((one, one.name_in(&head.target.parts)?)))
            .collect();
        if here.is_empty() {
            return Err(problem::NOT_FOUND.response());
        }
        let Some((endpoint, name)) = here.iter().find(|(one, _)| one.allows(head.method)) else {
            let methods: Vec<&str> = here.iter().map(|(one, _)| one.method.and_head()).collect();
            return Err(not_allowed(methods.join(", ")));
        };
        let query = Query::read(&head.target.query, endpoint.query, head.method.is_safe());
        let query = query.map_err(|problem| problem.response())?;
        Ok(match (endpoint.route)((*name).to_owned(), query) {
            Route::Tail(name, query) => Route::Tail(name, query.behind(head.last_event.as_ref())),
            route => route,
        })
    }
}

/// The answer to a method that a path does not have.
pub(super) fn not_allowed(methods: String) -> Response {
    let problem = Problem::new(405, "Method not allowed");
    Response { fields: vec![("Allow", methods)], ..problem.response() }
}
