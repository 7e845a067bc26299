//! What a worker runs: the two faces that clients talk to, Kafka's and HTTP's. Whose a connection is, the
//! listener says that it came to; nothing else happens here.

use crate::broker::WorkerMessage;
use crate::http::{self, HttpService, TIMERS};
use crate::kafka::KafkaService;
use crate::net::{ConnId, Context, Flow, Framing, Peer, Service, Slot};
use std::time::Instant;

/// A worker's services.
pub struct Faces {
    kafka: KafkaService,
    http: Option<HttpService>,
    /// The index of HTTP's listener, which is the last.
    http_listener: usize,
}

/// A connection of either face.
pub enum Session {
    /// A client of Kafka's.
    Kafka(<KafkaService as Service>::Session),
    /// One of HTTP's.
    Http(Box<http::Session>),
}

impl Faces {
    /// Both faces, or Kafka's alone.
    pub fn new(kafka: KafkaService, http: Option<HttpService>, http_listener: usize) -> Faces {
        Faces { kafka, http, http_listener }
    }
}

impl Faces {
    /// Appends wake whoever waits for a partition, on either face.
    fn wake_others(&mut self, cx: &mut Context<'_>) {
        let keys = self.kafka.take_others();
        if let (Some(http), false) = (&mut self.http, keys.is_empty()) {
            http.wake(cx, &keys);
        }
    }
}

impl Service for Faces {
    type Session = Session;
    type Message = WorkerMessage;

    fn open(&mut self, cx: &mut Context<'_>, conn: ConnId, peer: &Peer) -> Session {
        match &mut self.http {
            Some(http) if peer.listener == self.http_listener => {
                Session::Http(Box::new(http.open(cx, conn)))
            }
            _ => Session::Kafka(self.kafka.open(cx, conn, peer)),
        }
    }

    fn framing(&self, session: &Session, input: &[u8]) -> Framing {
        match session {
            Session::Kafka(session) => self.kafka.framing(session, input),
            Session::Http(session) => session.framing(input),
        }
    }

    fn request(
        &mut self,
        cx: &mut Context<'_>,
        session: &mut Session,
        slot: Slot,
        frame: &[u8],
    ) -> Flow {
        match (session, &mut self.http) {
            (Session::Kafka(session), _) => self.kafka.request(cx, session, slot, frame),
            (Session::Http(session), Some(http)) => http.request(cx, session, slot, frame),
            (Session::Http(_), None) => Flow::End("there is no HTTP here".into()),
        }
    }

    fn message(&mut self, cx: &mut Context<'_>, message: WorkerMessage) {
        match (message, &mut self.http) {
            (WorkerMessage::Page(page), Some(http)) => http.answered(cx, page),
            (WorkerMessage::Piece(piece), Some(http)) => http.piece(cx, piece),
            (WorkerMessage::Part(key), Some(http)) => http.part(cx, key),
            (message, _) => self.kafka.message(cx, message),
        }
        self.wake_others(cx);
    }

    fn timer(&mut self, cx: &mut Context<'_>, key: u64) {
        match &mut self.http {
            Some(http) if key & TIMERS != 0 => http.timer(cx, key),
            _ => self.kafka.timer(cx, key),
        }
    }

    fn end_of_turn(&mut self, cx: &mut Context<'_>) {
        self.kafka.end_of_turn(cx);
        self.wake_others(cx);
    }

    fn has_work(&self) -> bool {
        self.kafka.has_work()
    }

    fn wants_the_time(&self) -> bool {
        self.kafka.wants_the_time()
    }

    fn turned(&mut self, now: Instant) {
        self.kafka.turned(now);
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        self.kafka.drain(cx);
        if let Some(http) = &mut self.http {
            http.drain(cx);
        }
    }

    fn closed(&mut self, cx: &mut Context<'_>, conn: ConnId, session: Session) {
        match (session, &mut self.http) {
            (Session::Kafka(session), _) => self.kafka.closed(cx, conn, session),
            (Session::Http(session), Some(http)) => http.closed(cx, &session),
            (Session::Http(_), None) => {}
        }
    }
}
