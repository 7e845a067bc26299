//! A client that behaves well, beside whatever a test does to its broker.

use super::{Broker, TempDir, Wait, batch, stored};
use std::sync::atomic::{AtomicBool, Ordering};

/// A broker with something in it, and a well-behaved client that works all the time: it produces,
/// fetches what it has produced, and expects nothing unusual.
pub struct Bystander {
    broker: Broker,
    stored: Vec<u8>,
}

impl Bystander {
    pub fn start(dir: &TempDir, more: &[&str]) -> Bystander {
        let broker = Broker::start(&dir.join("data"), more);
        let mut client = broker.client();
        client.create("t", 1);
        client.create("beside", 1);
        let mut kept = Vec::new();
        for n in 0..20 {
            let batch = batch(n, 3, 200);
            let offset = client.append(("t", 0), &batch);
            kept.extend(stored(&batch, offset, 0));
        }
        Bystander { broker, stored: kept }
    }

    /// Does something while a bystander is at work, and then looks at what is stored.
    pub fn watch(self, act: impl FnOnce(&Broker)) {
        let (mut beside, broker) = (self.broker.client(), &self.broker);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let work = || {
                let mut n = 0;
                while !done.load(Ordering::Relaxed) || n < 10 {
                    let batch = batch(n, 1, 100);
                    assert_eq!(beside.append(("beside", 0), &batch), n as i64);
                    let fetched = beside.fetch(("beside", 0), n as i64, Wait::LONG);
                    assert!(fetched.records == stored(&batch, n as i64, 0));
                    n += 1;
                }
            };
            let bystander = scope.spawn(work);
            // Tell the bystander also when this panics, or the scope would wait for ever.
            let told = Told(&done);
            act(broker);
            drop(told);
            bystander.join().unwrap();
        });
        assert!(broker.client().fetch_all(("t", 0)) == self.stored, "what is stored is harmed");
        self.broker.stop_cleanly();
    }
}

struct Told<'a>(&'a AtomicBool);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
