//! The `barnabas` binary: flags become a configuration, the configuration a running broker, and a
//! signal ends it.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

mod error_stream;
mod json_line;
mod log_fields;
mod service_manager;
mod text_line;

use barnabas::broker::{self, Broker, Endpoint, Place, Shared, StoredSettings, WorkerMessage};
use barnabas::config::flags::{self, Command, Show, Start};
use barnabas::config::{self, Config};
use barnabas::faces::Faces;
use barnabas::http::{self, Facts, Http, HttpService, Whereabouts};
use barnabas::kafka::KafkaService;
use barnabas::log::limits::OpenFiles;
use barnabas::net;
use error_stream::Lines;
use json_line::json_line;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use text_line::text_line;

/// What a broker exits with if it cannot start with what it was given.
const UNUSABLE: u8 = 2;
/// How long a stop waits for a start that is under way.
const PATIENCE: Duration = Duration::from_millis(500);
/// Signals within so long of the first are part of it.
const TOGETHER: Duration = Duration::from_secs(1);
/// How long a stop waits for answers to reach their clients.
const DRAIN: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    let arguments: Result<Vec<String>, _> =
        std::env::args_os().skip(1).map(std::ffi::OsString::into_string).collect();
    let Ok(arguments) = arguments else {
        return unusable("the command line is not UTF-8 text");
    };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match flags::parse(&arguments, config::variables(std::env::vars_os())) {
        Err(line) => unusable(&line),
        Ok(Command::Print(text)) => print(&text),
        Ok(Command::ShowConfig(show)) => show_config(&show),
        Ok(Command::Healthcheck(start)) => healthcheck(&start),
        Ok(Command::Run(start)) => {
            let ended = log_to_stderr(&start.config).and_then(|()| run(*start));
            Lines::all().settle();
            ended.unwrap_or_else(|line| unusable(&line))
        }
    }
}

/// Lines of the log go to standard error, and what a thread says that panics.
fn log_to_stderr(config: &Config) -> Result<(), String> {
    let is_json = config.log_is_json();
    let line = if is_json { in_json } else { text_line };
    let loss = if is_json { |lost| loss(in_json, lost) } else { |lost| loss(text_line, lost) };
    let no_stream = |why: std::io::Error| format!("cannot log to standard error: {why}");
    // Not std's own, whose lock a write that waits would keep.
    let stream = std::io::stderr().as_fd().try_clone_to_owned().map_err(no_stream)?;
    Lines::all().serve(File::from(stream), loss).map_err(no_stream)?;
    env_logger::Builder::new()
        .filter_level(config.log_level())
        .format(move |out, record| out.write_all(line(record).as_bytes()))
        .target(env_logger::Target::Pipe(Box::new(Lines::all())))
        .init();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let (name, trace) = (thread.name().unwrap_or("?"), Backtrace::capture());
        let trace = match trace.status() {
            BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        let args = format_args!("thread {name} {panic}{trace}");
        let _ =
            Lines::all().write_all(line(&of_ours(log::Level::Error).args(args).build()).as_bytes());
        Lines::all().settle();
    }));
    Ok(())
}

fn in_json(record: &log::Record<'_>) -> String {
    json_line(record, SystemTime::now())
}

/// Says how many lines of the log were lost.
fn loss(line: fn(&log::Record<'_>) -> String, lost: u64) -> String {
    let args = format_args!("lines are missing here: nobody had read those before");
    line(&of_ours(log::Level::Warn).args(args).key_values(&[("lines", lost)]).build())
}

fn of_ours<'a>(level: log::Level) -> log::RecordBuilder<'a> {
    let mut record = log::Record::builder();
    record.level(level).target("barnabas");
    record
}

/// Prints the settings that would hold. What was set while a broker ran is read beside that broker.
fn show_config(show: &Show) -> ExitCode {
    let config = &show.sourced.config;
    let stored = match show.shown.ephemeral {
        true => Ok(StoredSettings::default()),
        false => broker::stored_settings(config.data_dir(), config.node_id()),
    };
    let (stored, code) = match stored {
        Ok(stored) => (stored, ExitCode::SUCCESS),
        Err(why) => {
            let what = "what was set while a broker ran is not shown, it cannot be read";
            eprintln!("barnabas: {what}: {why}");
            (StoredSettings::default(), ExitCode::FAILURE)
        }
    };
    let StoredSettings { cluster, node } = stored;
    // What a start would say, where it does not come between the settings.
    let (in_force, left_out) = config.with_stored(&cluster, &node);
    let left_out = left_out.into_iter().chain(in_force.outdone()).map(|one| one.to_string());
    for warning in show.sourced.warnings.iter().cloned().chain(left_out) {
        eprintln!("barnabas: {warning}");
    }
    let printed = print(&config::effective(&show.sourced, &cluster, &node, show.shown));
    if printed == ExitCode::SUCCESS { code } else { printed }
}

/// Asks the broker that runs with this configuration.
fn healthcheck(start: &Start) -> ExitCode {
    match http::healthcheck(&start.config, start.ephemeral) {
        Ok(line) => print(&format!("{line}\n")),
        Err(line) => {
            eprintln!("barnabas: {line}");
            ExitCode::FAILURE
        }
    }
}

/// Writes to standard output; gives the exit code. Nobody may be listening to us: no reason to complain.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(why) if why.kind() != ErrorKind::BrokenPipe => {
            eprintln!("barnabas: cannot write to standard output: {why}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn unusable(line: &str) -> ExitCode {
    eprintln!("barnabas: {line}");
    ExitCode::from(UNUSABLE)
}

/// However many Kafka clients there are, who asks whether the broker is well is heard.
const KEPT_FOR_HTTP: usize = 8;

/// Runs a broker until a signal ends it. An error is why it could not start.
fn run(start: Start) -> Result<ExitCode, String> {
    start.warnings.iter().for_each(|warning| log::warn!(about:% = warning; "configuration"));
    let config = Arc::new(start.config);
    // From here on a signal is kept until somebody looks, so that none falls between.
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM])
        .map_err(|why| format!("cannot wait for signals: {why}"))?;
    // A file that may not be as large as it is to be (RLIMIT_FSIZE) is an error like a full disk, not the end.
    signal_hook::flag::register(SIGXFSZ, Arc::default())
        .map_err(|why| format!("cannot wait for signals: {why}"))?;
    tell_unopened(&config);
    let mut options = options(&config)?;
    let open_files = divide_open_files(&options)?;
    options.limits.max_open = usize::try_from(open_files.connections).unwrap_or(usize::MAX);
    let place = if start.ephemeral { Place::Temporary } else { Place::Kept };
    // Who chooses another port is to know at once what else is in the way.
    let also = || place.refusal(&config).map_or(String::new(), |also| format!("; {also}"));
    let bound = net::bind::<WorkerMessage>(&options).map_err(|why| format!("{why}{}", also()))?;
    // A broker without one of its threads would take connections and not serve them.
    let watched = signals.handle();
    let bound = bound.on_failure(move || watched.close());
    let (signals, opened) =
        watch(signals).map_err(|why| format!("cannot wait for signals: {why}"))?;
    let broker = Broker::open(config.clone(), place).map_err(|why| why.to_string())?;
    let _ = opened.send(());
    let addresses: Vec<Vec<SocketAddr>> =
        (0..config.listeners().len()).map(|at| bound.addresses_of(at).collect()).collect();
    let endpoints = endpoints(&config, &addresses);
    broker.attach(bound.senders(), endpoints);
    broker.shared().limit_connections(bound.doorkeeper());
    let shared = broker.shared().clone();
    let pages: Vec<SocketAddr> = bound.addresses_of(config.listeners().len()).collect();
    if pages.is_empty() && options.listeners.len() > config.listeners().len() {
        log::warn!("HTTP is not served: there are no console, no metrics and no health check");
    }
    let driver = bound.driver().name();
    let running = bound.start(services(shared.clone(), driver, &addresses, &pages));
    let running = match running {
        Ok(running) => running,
        Err(why) => {
            // What was open is left as it was found: closed cleanly.
            if let Err(also) = broker.close() {
                log::error!(error:% = also; "not everything could be closed");
            }
            return Err(format!("cannot start the threads: {why}"));
        }
    };
    let whereabouts = Whereabouts::leave(&shared.data_dir, &pages);
    service_manager::ready(&shared, &announce(&config, &addresses, &pages));
    tell_console(&pages);
    broker.settle();
    let signal = signals.recv().ok();
    service_manager::stopping();
    match signal {
        Some(signal) => log::info!(signal; "stopping"),
        None => log::error!("a thread that serves connections has ended: stopping"),
    }
    drop(whereabouts);
    running.stop(Instant::now() + DRAIN);
    match broker.close() {
        Ok(()) if signal.is_some() => Ok(ExitCode::SUCCESS),
        Ok(()) => Ok(ExitCode::FAILURE),
        Err(why) => {
            log::error!(
                error:% = why;
                "not everything could be closed; the next start will recover"
            );
            Ok(ExitCode::FAILURE)
        }
    }
}

/// What each worker runs.
fn services(
    shared: Arc<Shared>,
    driver: &'static str,
    addresses: &[Vec<SocketAddr>],
    pages: &[SocketAddr],
) -> impl Fn(usize) -> Faces + Send + Sync + 'static {
    let port = |list: &[SocketAddr]| list.first().map_or(0, SocketAddr::port);
    let facts = Facts {
        port: addresses.first().map_or(0, |first| port(first)),
        http_port: port(pages),
        driver,
        started: Instant::now(),
    };
    let http = (!pages.is_empty()).then(|| Http::new(shared.clone(), facts));
    let http_listener = addresses.len();
    move |worker| {
        let http = http.clone().map(|http| HttpService::new(http, worker));
        Faces::new(KafkaService::new(shared.clone(), worker), http, http_listener)
    }
}

/// Hands on the first signal, when the broker is open; its channel ends without one when a thread of
/// the broker fails. Logs that are being recovered have nothing that a stop could save: then, and
/// when somebody asks again, the process ends at once. Signals that come together are one: a terminal's
/// interrupt reaches the process and whoever passes it on to it.
fn watch(mut signals: Signals) -> io::Result<(Receiver<i32>, Sender<()>)> {
    let (tell, told) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        if let Err(RecvTimeoutError::Timeout) = opened.recv_timeout(PATIENCE) {
            log::warn!(signal; "stopping before all logs are open; the next start recovers");
            Lines::all().settle();
            std::process::exit(0);
        }
        let _ = tell.send(signal);
        let asked = Instant::now();
        // Whoever asks again does not want to wait.
        if signals.forever().any(|_| asked.elapsed() > TOGETHER) {
            Lines::all().settle();
            std::process::exit(130);
        }
    })?;
    Ok((told, open))
}

/// What is asked for and not opened.
fn tell_unopened(config: &Config) {
    let unopened = config.controller_listeners();
    if !unopened.is_empty() {
        let names: Vec<String> = unopened.iter().map(ToString::to_string).collect();
        let names = names.join(", ");
        log::info!(
            listeners:% = names;
            "not opened, because a node that is its own controller needs none"
        );
    }
}

/// Writes, and gives, the one line on standard output: the listeners answer now.
fn announce(config: &Config, addresses: &[Vec<SocketAddr>], pages: &[SocketAddr]) -> String {
    let mut listeners = Vec::new();
    for (listener, addresses) in config.listeners().iter().zip(addresses) {
        listeners.extend(addresses.iter().map(|a| format!("{}://{a}", listener.name)));
    }
    listeners.extend(pages.iter().map(|address| format!("http://{address}")));
    let line =
        format!("barnabas {} is ready: {}\n", env!("CARGO_PKG_VERSION"), listeners.join(", "));
    // A broker serves, whether or not anybody reads that.
    let _ = print(&line);
    line
}

/// Says where people look at all this. An address that stands for all that there are is none to go to.
fn tell_console(pages: &[SocketAddr]) {
    let Some(page) = pages.first() else { return };
    let ip = match page.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    log::info!(
        at:% = format_args!("http://{}/", SocketAddr::new(ip, page.port()));
        "the console is there"
    );
}

fn options(config: &Config) -> Result<net::Options, String> {
    let limit = |value: i32| usize::try_from(value).unwrap_or(usize::MAX);
    let defaults = net::Limits::default();
    let idle = u64::try_from(config.connections_max_idle_ms()).unwrap_or(u64::MAX / 2);
    let limits = net::Limits {
        max_frame: limit(config.socket_request_max_bytes()).saturating_add(4),
        max_unsent: limit(config.connection_max_unsent_bytes()),
        max_slots: limit(config.connection_max_requests()),
        max_memory: match usize::try_from(config.queued_max_request_bytes()) {
            Ok(bytes) if bytes > 0 => bytes,
            _ => defaults.max_memory,
        },
        max_connections: limit(config.max_connections()),
        max_connections_per_ip: limit(config.max_connections_per_ip()),
        idle_timeout: Duration::from_millis(idle),
        ..defaults
    };
    let mut listeners = config.listeners().iter().map(resolve).collect::<Result<Vec<_>, _>>()?;
    if let Some(listener) = config.http_listener() {
        // The default may be somebody else's port; who asks for one is told that it is taken.
        let optional = config.source("barnabas.http.listener") == config::Source::Default;
        listeners.push(net::Listen { optional, keeps: KEPT_FOR_HTTP, ..resolve(&listener)? });
    }
    Ok(net::Options {
        listeners,
        workers: config.workers(),
        limits,
        backlog: backlog(config),
        driver: match config.get("barnabas.io") {
            Some("uring") => net::DriverKind::Uring,
            _ => net::DriverKind::Mio,
        },
        sqpoll: config.io_sqpoll(),
        pinned: config.workers_pinned(),
        ..Default::default()
    })
}

/// Leaves descriptors to what a broker has open all the time, beside logs and connections: a few of its
/// own, sixteen at most, two for each worker, and its listening sockets.
fn divide_open_files(options: &net::Options) -> Result<OpenFiles, String> {
    let doors: usize = options.listeners.iter().map(|listen| listen.addresses.len()).sum();
    let own = u64::try_from(16 + 2 * options.workers + doors).unwrap_or(u64::MAX);
    barnabas::log::limits::divide_open_files(own)
}

/// How many connections may wait to be accepted. Kafka's default of 50 makes clients that connect in
/// a burst wait for a second each, until their lost SYN is sent again; unless it was asked for, the
/// kernel's queue is longer, which costs nothing.
fn backlog(config: &Config) -> u32 {
    let usual = net::Options::default().backlog;
    match config.source("socket.listen.backlog.size") {
        config::Source::Default => usual,
        _ => u32::try_from(config.socket_listen_backlog_size()).unwrap_or(usual),
    }
}

/// What a listener binds.
fn resolve(listener: &config::Endpoint) -> Result<net::Listen, String> {
    let found = net::resolve(&listener.host, listener.port);
    found.map_err(|why| format!("cannot listen on {listener}: {why}"))
}

/// What clients are told, with the ports that the system chose. An empty host stands for the
/// address that the client itself used.
fn endpoints(config: &Config, addresses: &[Vec<SocketAddr>]) -> Vec<Endpoint> {
    let advertised = config.advertised_listeners().iter().zip(addresses);
    let endpoint = |(advertised, bound): (&config::Endpoint, &Vec<SocketAddr>)| Endpoint {
        host: advertised.host.clone(),
        port: match (advertised.port, bound.first()) {
            (0, Some(bound)) => bound.port(),
            (port, _) => port,
        },
    };
    advertised.map(endpoint).collect()
}
