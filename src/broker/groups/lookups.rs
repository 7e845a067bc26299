//! The thread that looks expressions up: a thousand of them over all topics take longer than a request,
//! or a timer, may wait. There is none before the first group asks.

use super::{RunningTopics, keeper};
use crate::broker::{Shared, now_ms};
use crate::coordinator::groups::consumer::Lookup;
use crate::net::mailbox::{Mailbox, Receiver, SendError, Sender};
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Lookups that wait at most; a group has one, and asks again with a later heartbeat.
const MAX_LOOKUPS: usize = 1 << 16;

/// See the module's comment.
#[derive(Default)]
pub(super) struct Lookups(Option<(Sender<Lookup>, JoinHandle<()>)>);

impl Lookups {
    pub(super) fn ask(&mut self, shared: &Arc<Shared>, lookup: Lookup) {
        let refused = match self.thread(shared) {
            Ok(queue) => match queue.send(lookup) {
                Ok(()) => return,
                Err(SendError::Full(lookup) | SendError::Closed(lookup)) => lookup,
            },
            Err(why) => {
                ::log::error!(
                    group:% = lookup.group(), error:% = why;
                    "no expressions are looked up"
                );
                lookup
            }
        };
        keeper::in_group(shared, refused.group(), |shard, _, _| {
            shard.not_looked_up(refused.group());
        });
    }

    fn thread(&mut self, shared: &Arc<Shared>) -> io::Result<&Sender<Lookup>> {
        if self.0.is_none() {
            let (sender, queue) = Mailbox::for_thread(MAX_LOOKUPS);
            let shared = shared.clone();
            let thread = thread::Builder::new().name("expressions".into());
            let thread = thread.spawn(move || work(&shared, queue))?;
            self.0 = Some((sender, thread));
        }
        let (sender, _) = self.0.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(sender)
    }

    /// Ends the thread, once the broker is stopping: what it is at is given up.
    pub(super) fn stop(self) {
        let Some((sender, thread)) = self.0 else { return };
        drop(sender);
        if thread.join().is_err() {
            ::log::error!("the thread that looks expressions up ended with a panic");
        }
    }
}

fn work(shared: &Shared, mut queue: Receiver<Lookup>) {
    while let Some(lookup) = queue.recv() {
        let group = lookup.group().clone();
        let topics = RunningTopics::of(shared);
        let Some(found) = lookup.run(&topics, now_ms(), &|| shared.is_stopping()) else { return };
        keeper::in_group(shared, &group, |shard, world, effects| {
            shard.looked_up(world, found, effects);
        });
    }
}
