//! What the flusher does with those who ask it, again and again, at its end, or in vain.

use super::super::{FlushListener, FlushTicket, Keepers, Log, WakeRequest, steps};
use super::*;
use crate::config::TopicConfig;
use std::sync::mpsc::channel;

/// Whoever is told by it asks for another flush at once.
struct Again {
    flusher: Flusher,
    log: Arc<Durability>,
}

impl FlushListener for Again {
    fn flushed(&self, _offset: i64, _bytes: u64, _wake: WakeRequest<'_>) {
        let ticket = FlushTicket::new(0, 7);
        self.log.wait(1, Some(ticket.clone()), Arc::new(Nobody));
        assert!(!ticket.settle());
        self.log.ask(&self.flusher);
    }
}

struct Nobody;

impl FlushListener for Nobody {
    fn flushed(&self, _offset: i64, _bytes: u64, _wake: WakeRequest<'_>) {}
}

#[test]
fn who_asks_while_the_flusher_stops_is_told() {
    let name = format!("barnabas-flusher-stop-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    let config = Arc::new(TopicConfig::default());
    let log = Log::create(dir.join("t-0"), config, keepers.clone()).unwrap();
    let ground = keepers.flusher.ground.clone();
    let (urgent, queue) = Mailbox::for_thread(MAX_JOBS);
    let background = urgent.clone();
    let flusher = Flusher { urgent, background, ground: ground.clone(), threads: Arc::default() };
    let (tell, told) = channel();
    flusher.set_delivery(Box::new(move |_, keys| tell.send(keys).unwrap()));
    let again = Again { flusher: flusher.clone(), log: log.durability.clone() };
    log.durability.wait(1, None, Arc::new(again));
    log.durability.ask(&flusher);
    flusher.tell(Job::Stop);
    // Both are there, so they are taken at once, and what the first leads to comes behind the stop.
    Keeper::new(ground, false).run(queue);
    let keys: Vec<u64> = told.try_iter().flatten().collect();
    assert_eq!(keys, [7]);
    drop(log);
    keepers.stop();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_log_that_registers_again_and_again_has_one_time() {
    let dir = std::env::temp_dir().join(format!("barnabas-flusher-{}", std::process::id()));
    let keepers = Keepers::spawn().unwrap();
    keepers.flusher.set_pace(3_600_000, 1);
    let config = Arc::new(TopicConfig::default());
    let log = Log::create(dir.join("t-0"), config, keepers.clone()).unwrap();
    let ground = keepers.flusher.ground.clone();
    let mut keeper = Keeper::new(ground, true);
    let mut round = Vec::new();
    for _ in 0..3 {
        keeper.sort(Job::Dirty(log.durability.clone()), &mut round);
    }
    assert_eq!((keeper.due.len(), round.len()), (1, 0));
    // Once its time has come it gets another.
    let (_, due) = keeper.due.pop_first().unwrap();
    keeper.due.insert((Instant::now(), 0), due);
    keeper.take_due(&mut round);
    keeper.sort(Job::Dirty(log.durability.clone()), &mut round);
    assert_eq!((keeper.due.len(), round.len()), (1, 1));
    drop(log);
    keepers.stop();
    std::fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_busy_log_that_cannot_be_flushed_for_now_is_flushed_later() {
    let name = format!("barnabas-flusher-busy-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let keepers = Keepers::spawn().unwrap();
    let config = Arc::new(TopicConfig::default());
    let create = |name: &str| Log::create(dir.join(name), config.clone(), keepers.clone()).unwrap();
    let logs: Vec<Log> = (0..VOLUME_FROM).map(|n| create(&format!("t-{n}"))).collect();
    keepers.flusher.set_data_dir(&dir);
    // What all others need before they are found, and cannot have for now.
    let catalog = create("catalog-0");
    let lost = (dir.join("catalog-0/00000000000000000000.log"), "it is gone".to_owned());
    catalog.durability.failed.set(lost).unwrap();
    keepers.flusher.set_catalog(&catalog);
    let busy = logs[0].durability.clone();
    let (release, released) = (channel::<()>(), channel::<()>());
    let held = channel();
    let holder = {
        let busy = busy.clone();
        thread::spawn(move || {
            let work = busy.lock_work();
            held.0.send(()).unwrap();
            release.1.recv().unwrap();
            drop(work);
            released.0.send(()).unwrap();
        })
    };
    held.1.recv().unwrap();
    // When the next one is begun, that it is busy was seen.
    let mut once = Some(());
    steps::watch(Some(Box::new(move |_| {
        if once.take().is_some() {
            release.0.send(()).unwrap();
            released.1.recv().unwrap();
        }
    })));
    let mut keeper = Keeper::new(keepers.flusher.ground.clone(), false);
    let round: Vec<_> = logs.iter().map(|log| log.durability.clone()).collect();
    keeper.flush(&round);
    steps::watch(None);
    holder.join().unwrap();
    let later: Vec<_> = keeper.due.values().map(|log| log.name.clone()).collect();
    assert_eq!(later, ["t-0"]);
    drop((logs, catalog));
    keepers.stop();
    std::fs::remove_dir_all(dir).unwrap();
}
