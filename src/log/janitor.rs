//! The janitor: the keeper thread that does what is due at some time: files that were given up are
//! removed after their delay, and whoever needs something done later or again leaves a chore
//! (Kafka's `KafkaScheduler` and `LogManager`'s tasks).
//!
//! It has no tick: it sleeps until the earliest chore is due, or for good if there is none. It must
//! never hold up anybody: leaving a chore takes a lock for a moment. What it has not removed when
//! the process ends bears a name by which the next start finds it.

use super::changes::{Change, Changes};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Removals that wait at most: beyond it they are done at once, so that memory is bounded.
const MAX_WAITING: usize = 1 << 20;
/// Removals are due at multiples of this, if they have more time than that: thousands of topics
/// that are deleted one after the other cost few wake-ups.
const GRAIN: Duration = Duration::from_millis(250);
/// How long a stop may spend on removals that are not due yet.
const STOP_BUDGET: Duration = Duration::from_millis(500);

/// A handle to the keeper. Clones share the thread.
#[derive(Clone)]
pub struct Janitor {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

struct Shared {
    began: Instant,
    schedule: Mutex<Schedule>,
    changed: Condvar,
    changes: Changes,
}

#[derive(Default)]
struct Schedule {
    /// By when they are due, since the thread began, and the order in which they were left.
    chores: BTreeMap<(Duration, u64), Chore>,
    /// Removals among them.
    removals: usize,
    /// Chores left so far.
    left: u64,
    /// How often the thread ended its sleep.
    wakes: u64,
    stopping: bool,
}

enum Chore {
    /// Files, or directories with all that is in them.
    Remove(Vec<PathBuf>),
    Run(Box<dyn FnOnce() + Send>),
}

impl Janitor {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn() -> io::Result<Janitor> {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            schedule: Mutex::default(),
            changed: Condvar::new(),
            changes: Changes::default(),
        });
        let of_thread = shared.clone();
        let thread = thread::Builder::new().name("janitor".into());
        let thread = thread.spawn(move || of_thread.work())?;
        Ok(Janitor { shared, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Removes files, and directories with all that is in them, after a delay. What is not there
    /// any more then is no error.
    pub fn remove(&self, paths: Vec<PathBuf>, delay: Duration) {
        if paths.is_empty() {
            return;
        }
        let mut due = self.shared.due(delay);
        if delay > GRAIN {
            let grains = due.as_nanos().div_ceil(GRAIN.as_nanos());
            due = GRAIN.saturating_mul(u32::try_from(grains).unwrap_or(u32::MAX));
        }
        let schedule = self.shared.lock();
        if schedule.removals >= MAX_WAITING {
            due = Duration::ZERO;
        }
        self.shared.leave(schedule, due, Chore::Remove(paths));
    }

    /// Runs `chore` on the thread after a delay; not if the janitor stops before. Chores run one
    /// after the other.
    pub fn run(&self, delay: Duration, chore: impl FnOnce() + Send + 'static) {
        let due = self.shared.due(delay);
        self.shared.leave(self.shared.lock(), due, Chore::Run(Box::new(chore)));
    }

    /// Has `listener` called when something changed for the first time since [`Janitor::take`], by
    /// the thread that changed it: it must not wait. Only once.
    pub fn on_change(&self, listener: impl Fn(Change) + Send + Sync + 'static) {
        self.shared.changes.listen(Box::new(listener));
    }

    /// Something changed in a log that is written down from time to time. Costs a load.
    pub fn note(&self, change: Change) {
        self.shared.changes.note(change);
    }

    /// Takes note of a change, before the logs are looked at; false if there was none.
    pub fn take(&self, change: Change) -> bool {
        self.shared.changes.take(change)
    }

    /// Removals that wait for their time.
    pub fn waiting_removals(&self) -> usize {
        self.shared.lock().removals
    }

    /// How often the thread ended its sleep so far: an idle broker's does not.
    pub fn wakes(&self) -> u64 {
        self.shared.lock().wakes
    }

    /// Ends the thread. Removals that wait are done now as far as that is quick; the next start
    /// does the rest.
    pub fn stop(&self) {
        self.shared.lock().stopping = true;
        self.shared.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A chore that holds the last handle to a broker may be the one that stops it.
        let thread = thread.filter(|thread| thread.thread().id() != thread::current().id());
        if thread.is_some_and(|thread| thread.join().is_err()) {
            ::log::error!("the janitor ended with a panic; the next start removes what it has not");
        }
    }
}

impl fmt::Debug for Janitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Janitor")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Schedule> {
        // Every critical section is one insertion or removal: nothing is half done.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn due(&self, delay: Duration) -> Duration {
        self.began.elapsed().saturating_add(delay)
    }

    fn leave(&self, mut schedule: MutexGuard<'_, Schedule>, due: Duration, chore: Chore) {
        if schedule.stopping {
            return; // Removals are found by the next start.
        }
        schedule.left += 1;
        schedule.removals += usize::from(chore.is_removal());
        let key = (due, schedule.left);
        schedule.chores.insert(key, chore);
        if schedule.chores.keys().next() == Some(&key) {
            drop(schedule);
            self.changed.notify_one();
        }
    }

    fn work(&self) {
        while let Some(chore) = self.next() {
            chore.run();
        }
        self.clear_up();
    }

    /// The next chore, once it is due; `None` when the janitor stops.
    fn next(&self) -> Option<Chore> {
        let mut schedule = self.lock();
        loop {
            if schedule.stopping {
                return None;
            }
            let first = schedule.chores.keys().next().map(|&(due, _)| due);
            let left = first.map(|due| due.saturating_sub(self.began.elapsed()));
            schedule = match left {
                Some(Duration::ZERO) => return schedule.pop(),
                Some(left) => {
                    let slept = self.changed.wait_timeout(schedule, left);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(schedule).unwrap_or_else(PoisonError::into_inner),
            };
            schedule.wakes += 1;
        }
    }

    /// Removes what can be removed within [`STOP_BUDGET`].
    fn clear_up(&self) {
        let began = Instant::now();
        while began.elapsed() < STOP_BUDGET {
            let Some(chore) = self.lock().pop() else { return };
            if chore.is_removal() {
                chore.run();
            }
        }
        // Chores may hold handles to this janitor: they go, so that it can.
        *self.lock() = Schedule { stopping: true, ..Schedule::default() };
    }
}

impl Schedule {
    fn pop(&mut self) -> Option<Chore> {
        let (_, chore) = self.chores.pop_first()?;
        self.removals -= usize::from(chore.is_removal());
        Some(chore)
    }
}

impl Chore {
    fn is_removal(&self) -> bool {
        matches!(self, Chore::Remove(_))
    }

    fn run(self) {
        match self {
            Chore::Remove(paths) => paths.iter().for_each(|path| remove(path)),
            Chore::Run(chore) => chore(),
        }
    }
}

fn remove(path: &Path) {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            ::log::warn!(
                path:% = path.display(), error:%;
                "cannot remove a file; the next start tries again"
            );
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn scratch(name: &str) -> PathBuf {
        let name = format!("barnabas-janitor-{name}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn chores_run_in_the_order_in_which_they_are_due() {
        let janitor = Janitor::spawn().unwrap();
        let (tell, told) = mpsc::channel();
        for (name, delay) in [("second", 30), ("third", 60), ("first", 0)] {
            let tell = tell.clone();
            janitor.run(Duration::from_millis(delay), move || tell.send(name).unwrap());
        }
        let order: Vec<&str> = (0..3).map(|_| told.recv().unwrap()).collect();
        assert_eq!(order, ["first", "second", "third"]);
        janitor.stop();
    }

    #[test]
    fn an_earlier_chore_is_not_held_up_by_the_sleep_for_a_later_one() {
        let janitor = Janitor::spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let hour = Duration::from_secs(3600);
        janitor.run(hour, || panic!("this is not due"));
        janitor.run(Duration::ZERO, move || tell.send(()).unwrap());
        told.recv().unwrap();
        janitor.stop();
    }

    #[test]
    fn without_a_chore_that_is_due_it_does_not_wake() {
        let janitor = Janitor::spawn().unwrap();
        let (tell, told) = mpsc::channel();
        let dir = scratch("sleep");
        janitor.remove(vec![dir.join("x")], Duration::from_secs(3600));
        let ready = tell.clone();
        janitor.run(Duration::ZERO, move || ready.send(()).unwrap());
        told.recv().unwrap();
        let before = janitor.wakes();
        // A later chore than the first one does not even wake it to look.
        janitor.run(Duration::from_secs(7200), || {});
        janitor.run(Duration::from_millis(1), move || tell.send(()).unwrap());
        told.recv().unwrap();
        assert!(janitor.wakes() <= before + 2, "one to look, one for what is due");
        janitor.stop();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn files_and_directories_go_when_they_are_due() {
        let janitor = Janitor::spawn().unwrap();
        let dir = scratch("due");
        let (file, tree, kept) = (dir.join("file"), dir.join("tree"), dir.join("kept"));
        fs::create_dir_all(tree.join("below")).unwrap();
        fs::write(tree.join("below/x"), "x").unwrap();
        fs::write(&file, "x").unwrap();
        fs::write(&kept, "x").unwrap();
        janitor.remove(vec![dir.join("absent"), file.clone(), tree.clone()], Duration::ZERO);
        janitor.remove(vec![kept.clone()], Duration::from_secs(3600));
        let (tell, told) = mpsc::channel();
        janitor.run(Duration::ZERO, move || tell.send(()).unwrap());
        told.recv().unwrap();
        assert!(!file.exists() && !tree.exists() && kept.exists());
        assert_eq!(janitor.waiting_removals(), 1);
        janitor.stop();
        assert!(!kept.exists(), "a clean stop clears up");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn removals_that_come_one_after_the_other_share_a_wake_up() {
        let janitor = Janitor::spawn().unwrap();
        let absent = PathBuf::from("/nonexistent/barnabas");
        (0..1000).for_each(|_| janitor.remove(vec![absent.clone()], Duration::from_secs(60)));
        let schedule = janitor.shared.lock();
        let first = schedule.chores.keys().next().unwrap().0;
        let last = schedule.chores.keys().next_back().unwrap().0;
        assert_eq!(first.as_nanos() % GRAIN.as_nanos(), 0);
        assert!(first >= Duration::from_secs(60), "never early");
        assert!(last - first < Duration::from_secs(30), "{first:?} to {last:?}");
        assert_eq!((last - first).as_nanos() % GRAIN.as_nanos(), 0);
        drop(schedule);
        janitor.stop();
    }

    #[test]
    fn a_stopped_janitor_takes_nothing_and_runs_nothing() {
        let janitor = Janitor::spawn().unwrap();
        janitor.run(Duration::from_secs(3600), || panic!("this is not due"));
        janitor.stop();
        janitor.stop();
        janitor.run(Duration::ZERO, || panic!("it has ended"));
        janitor.remove(vec![PathBuf::from("/nonexistent")], Duration::ZERO);
        assert_eq!(janitor.waiting_removals(), 0);
    }
}
