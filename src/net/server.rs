//! Binding, starting, and stopping: the threads of the net room.

use super::acceptor::{self, Acceptor, Order};
use super::admission::{Admissions, Doorkeeper};
use super::core::Core;
use super::door::{self, Door};
use super::epoll::{self, Epoll};
use super::mailbox::{Bell, DEFAULT_LIMIT, Mailbox, Receiver, Sender};
use super::options::{DriverKind, Limits, Options};
use super::pool::Budget;
use super::service::Service;
use super::stats::Stats;
#[cfg(target_os = "linux")]
use super::uring::Uring;
use super::watch::{Failure, watched};
use super::worker::{Control, Mail, Worker};
use mio::{Poll, Waker};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

/// Listening sockets and everything that other threads need to know of workers before those run.
/// Who connects before [`Bound::start`] waits.
pub struct Bound<M: Send + 'static> {
    options: Options,
    doors: Vec<Door>,
    workers: Vec<Seat<M>>,
    budget: Arc<Budget>,
    admissions: Arc<Admissions>,
    failure: Failure,
}

/// The driver of a worker.
enum Kind {
    Mio(Epoll),
    #[cfg(target_os = "linux")]
    Uring(Box<Uring>),
}

/// A worker that does not run yet.
struct Seat<M> {
    driver: Kind,
    mail: Mail<M>,
    control: Sender<Control>,
    sender: Sender<M>,
    stats: Arc<Stats>,
}

/// Opens the listening sockets. Workers for a service with messages of type `M` can be sent to
/// from now on and started by [`Bound::start`].
pub fn bind<M: Send + 'static>(options: &Options) -> io::Result<Bound<M>> {
    assert!(options.workers > 0, "a server needs a worker");
    let doors = door::open_all(options)?;
    let mut options = options.clone();
    let workers = seats(&mut options)?;
    let limits = &options.limits;
    Ok(Bound {
        doors,
        workers,
        budget: Budget::new(limits.max_memory),
        admissions: Admissions::new(limits, options.workers),
        options,
        failure: Arc::new(|| {}),
    })
}

/// All that can fail of a worker is made here, so that one that was started works.
fn seat<M: Send>(options: &Options) -> io::Result<Seat<M>> {
    let stats = Arc::new(Stats::default());
    let (driver, bell) = driver(options, &stats)?;
    let (control, control_receiver) = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT);
    let (sender, messages) = Mailbox::with_bell(bell.clone(), DEFAULT_LIMIT);
    let mail = Mail { bell, control: control_receiver, messages };
    Ok(Seat { driver, mail, control, sender, stats })
}

fn driver(options: &Options, stats: &Arc<Stats>) -> io::Result<(Kind, Arc<Bell>)> {
    let limits = &options.limits;
    #[cfg(target_os = "linux")]
    if options.driver == DriverKind::Uring {
        let uring = Box::new(Uring::new(options.sqpoll, limits.turn_written, stats.clone())?);
        let waker = uring.waker();
        return Ok((Kind::Uring(uring), ringing(move || waker.wake())));
    }
    let poll = Poll::new()?;
    let bell = bell(&poll, epoll::WAKE)?;
    let epoll = Epoll::new(poll, limits.turn_bytes, limits.turn_written, stats.clone());
    let epoll = epoll.map_err(|error| {
        io::Error::new(error.kind(), format!("a worker cannot have its receive window: {error}"))
    })?;
    Ok((Kind::Mio(epoll), bell))
}

/// The workers' seats. All have the same driver: the one that was asked for, or mio.
fn seats<M: Send>(options: &mut Options) -> io::Result<Vec<Seat<M>>> {
    let seats = |options: &Options| (0..options.workers).map(|_| seat(options)).collect();
    match seats(options) {
        Err(why) if options.driver == DriverKind::Uring => {
            ::log::warn!(
                target: "barnabas::net", error:% = why;
                "no io_uring here, so sockets are driven by mio"
            );
            options.driver = DriverKind::Mio;
            seats(options)
        }
        made => made,
    }
}

/// A bell that ends the waits of `poll`.
fn bell(poll: &Poll, token: mio::Token) -> io::Result<Arc<Bell>> {
    let waker = Waker::new(poll.registry(), token)?;
    Ok(ringing(move || waker.wake()))
}

fn ringing(wake: impl Fn() -> io::Result<()> + Send + Sync + 'static) -> Arc<Bell> {
    Bell::new(move || {
        if let Err(error) = wake() {
            ::log::error!(target: "barnabas::net", error:%; "a thread could not be woken");
        }
    })
}

impl<M: Send + 'static> Bound<M> {
    /// All addresses, in the order of the options, with the ports that they got.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.doors.iter().map(|door| door.address).collect()
    }

    /// Those of the listener with this index; there is at least one, unless it was optional.
    pub fn addresses_of(&self, listener: usize) -> impl Iterator<Item = SocketAddr> + '_ {
        let doors = self.doors.iter().filter(move |door| door.listener == listener);
        doors.map(|door| door.address)
    }

    /// What moves the bytes: what was asked for, or what is used in its place.
    pub fn driver(&self) -> DriverKind {
        self.options.driver
    }

    /// The workers' mailboxes.
    pub fn senders(&self) -> Vec<Sender<M>> {
        self.workers.iter().map(|worker| worker.sender.clone()).collect()
    }

    /// Who decides how many may come in.
    pub fn doorkeeper(&self) -> Doorkeeper {
        Doorkeeper::new(self.admissions.clone())
    }

    /// The workers' counters.
    pub fn stats(&self) -> Vec<Arc<Stats>> {
        self.workers.iter().map(|worker| worker.stats.clone()).collect()
    }

    /// Memory that all connections together use.
    pub fn budget(&self) -> Arc<Budget> {
        self.budget.clone()
    }

    /// What to do when one of the threads ends though nobody has stopped it: it is logged, and
    /// who had to do with that thread is not served any more. Called on the thread that ends; it
    /// cannot stop the server itself, but tell somebody to.
    pub fn on_failure(mut self, failure: impl Fn() + Send + Sync + 'static) -> Bound<M> {
        self.failure = Arc::new(failure);
        self
    }

    /// Starts all threads. `service` is called once on each worker's thread.
    pub fn start<S, F>(self, service: F) -> io::Result<Running>
    where
        S: Service<Message = M>,
        F: Fn(usize) -> S + Send + Sync + 'static,
    {
        let service = Arc::new(service);
        let (orders, order_receiver, poll, bell) = acceptor_seat()?;
        let controls: Vec<_> = self.workers.iter().map(|seat| seat.control.clone()).collect();
        let admissions = self.admissions;
        let mut acceptor = Acceptor::new(
            poll,
            bell,
            (orders.clone(), order_receiver),
            self.doors,
            controls.clone(),
            admissions.clone(),
            &self.options,
        )?;
        // From here on a failure stops and joins what runs already.
        let mut running =
            Running { orders, controls, acceptor: None, workers: Vec::new(), admissions };
        for (index, seat) in self.workers.into_iter().enumerate() {
            let (service, limits, budget) =
                (service.clone(), self.options.limits.clone(), self.budget.clone());
            let failure = self.failure.clone();
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            let pin = self.options.pinned.then_some(index);
            let worker = move || {
                pin.into_iter().for_each(stay_on_a_core);
                work(seat, limits, budget, || service(index))
            };
            let worker = move || watched(failure, "a worker", worker);
            running.workers.push(thread.spawn(worker)?);
        }
        let thread = thread::Builder::new().name("acceptor".into());
        let failure = self.failure;
        let accept = move || watched(failure, "the acceptor", || acceptor.run());
        running.acceptor = Some(thread.spawn(accept)?);
        Ok(running)
    }
}

type AcceptorSeat = (Sender<Order>, Receiver<Order>, Poll, Arc<Bell>);

fn acceptor_seat() -> io::Result<AcceptorSeat> {
    let poll = Poll::new()?;
    let bell = bell(&poll, acceptor::WAKE)?;
    let (orders, receiver) = Mailbox::with_bell(bell.clone(), 16);
    Ok((orders, receiver, poll, bell))
}

/// Keeps the calling worker on one of the cores that the process may use, in turn. Where the system lets
/// nobody choose, it says so and goes on.
fn stay_on_a_core(worker: usize) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let core = cores.get(worker.checked_rem(cores.len()).unwrap_or_default());
    if !core.is_some_and(|core| core_affinity::set_for_current(*core)) {
        ::log::warn!(target: "barnabas::net", worker; "a worker cannot be kept on a core");
    }
}

/// The whole life of a worker thread.
fn work<S: Service>(
    seat: Seat<S::Message>,
    limits: Limits,
    budget: Arc<Budget>,
    service: impl FnOnce() -> S,
) -> io::Result<()> {
    let Seat { driver, mail, control, sender, stats } = seat;
    drop((control, sender));
    let core = Core::new(limits, budget, stats);
    match driver {
        Kind::Mio(epoll) => Worker::new(core, service(), epoll, mail).run(),
        #[cfg(target_os = "linux")]
        Kind::Uring(uring) => Worker::new(core, service(), *uring, mail).run(),
    }
}

/// The running threads.
pub struct Running {
    orders: Sender<Order>,
    controls: Vec<Sender<Control>>,
    acceptor: Option<JoinHandle<()>>,
    workers: Vec<JoinHandle<()>>,
    admissions: Arc<Admissions>,
}

impl Running {
    /// Connections that are open, those on their way to a worker included.
    pub fn connections(&self) -> usize {
        self.admissions.total()
    }

    /// Accepts nobody any more, answers what has come, writes it out until `deadline` at the
    /// latest, closes all connections, and returns when all threads have ended. For as long as it
    /// takes to receive what had come, a few seconds at most, the deadline is put off.
    ///
    /// # Panics
    /// If one of the threads has.
    pub fn stop(mut self, deadline: Instant) {
        if let Some(panic) = self.end(deadline).into_iter().next() {
            std::panic::resume_unwind(panic);
        }
    }

    fn end(&mut self, deadline: Instant) -> Vec<Box<dyn std::any::Any + Send>> {
        let patience = deadline.saturating_duration_since(Instant::now());
        // A thread that has ended already needs no order.
        let _ = self.orders.send(Order::Stop);
        let acceptor = self.acceptor.take().map(JoinHandle::join);
        for control in &self.controls {
            let _ = control.send(Control::Stop(patience));
        }
        let workers = self.workers.drain(..).map(JoinHandle::join);
        acceptor.into_iter().chain(workers).filter_map(Result::err).collect()
    }
}

impl Drop for Running {
    /// Stops at once, where nobody has stopped it properly.
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}
