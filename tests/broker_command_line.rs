//! The binary from outside: its one line, its exit codes, its signals, what it leaves behind.
#![allow(clippy::unwrap_used)]

mod broker_support;

use barnabas::wire::error::ErrorCode;
use broker_support::*;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

#[test]
fn one_line_on_stdout_when_the_listener_answers_and_nothing_else_ever() {
    let dir = TempDir::new();
    let more = ["--log-level", "debug", "--set", "num.partitions=3"];
    let broker = Broker::start(&dir.join("data"), &more);
    let port = broker.address.port();
    assert_ne!(port, 0, "port 0 takes a free one and says which");
    let expected = format!(
        "barnabas {} is ready: PLAINTEXT://127.0.0.1:{port}, PLAINTEXT://[::1]:{port}\n",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(broker.line, expected);
    let mut client = broker.client();
    assert!(client.api_versions() > 10);
    let brokers = client.cluster().brokers;
    assert_eq!(
        brokers,
        [(1, "127.0.0.1".to_owned(), i32::from(port))],
        "clients are told the port"
    );
    client.create("t", -1);
    assert_eq!(client.cluster().topics["t"].epochs, [0, 0, 0], "--set has its effect");
    drop(client);
    broker.stop_cleanly();
}

#[test]
fn settings_come_from_variables_too_and_are_printed_with_their_places() {
    let dir = TempDir::new();
    let mut with_variables = command(&["--port", "0", "--data-dir"]);
    with_variables.arg(dir.join("data"));
    with_variables.env("KAFKA_NUM_PARTITIONS", "3").env("KAFKA_BROKERS", "elsewhere:9092");
    let broker = Broker::spawn(with_variables);
    broker.logged(&["WARN", "no settings of Kafka or of Barnabas, left out: KAFKA_BROKERS"]);
    let mut client = broker.client();
    client.create("t", -1);
    assert_eq!(client.cluster().topics["t"].epochs, [0, 0, 0]);
    broker.stop_cleanly();

    let (mut print, elsewhere) = (Command::new(binary()), TempDir::new());
    let output = print
        .args(["config", "--set", "num.partitions=5"])
        .env("KAFKA_NODE_ID", "7")
        .current_dir(elsewhere.path())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0));
    for lines in ["# KAFKA_NODE_ID\nnode.id=7\n", "# --set\nnum.partitions=5\n"] {
        assert!(printed.contains(lines), "{printed}");
    }

    let mut wrong = command(&["--set", "num.partition=1"]);
    wrong.env("KAFKA_NODE_ID", "x").env("BARNABAS_WORKRS", "1");
    let refused = refused(wrong);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    let lines: Vec<&str> = refused.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    assert_eq!(lines[0], "barnabas: 3 problems with the configuration:");
    for (line, part) in
        lines[1..].iter().zip(["barnabas.workers", "num.partitions", "KAFKA_NODE_ID"])
    {
        assert!(line.contains(part), "{line}");
    }
}

#[test]
fn both_families_of_addresses_are_served() {
    for host in ["127.0.0.1", "::1", "localhost"] {
        let dir = TempDir::new();
        let broker = Broker::start(&dir.join("data"), &["--host", host]);
        assert!(broker.client().api_versions() > 10, "{host}");
        broker.stop_cleanly();
    }
}

#[test]
fn a_wildcard_tells_each_client_the_address_that_it_came_to() {
    let dir = TempDir::new();
    let broker = Broker::start(&dir.join("data"), &["--host", ""]);
    let port = broker.address.port();
    for host in ["127.0.0.1", "::1"] {
        let mut client = Client::connect(SocketAddr::new(host.parse().unwrap(), port));
        let brokers = client.cluster().brokers;
        assert_eq!(brokers, [(1, host.to_owned(), i32::from(port))]);
    }
    broker.stop_cleanly();
}

#[test]
fn a_wildcard_serves_ipv4_where_there_is_no_ipv6() {
    let dir = TempDir::new();
    let mut command = with_data(&dir.join("data"), &["--host", ""]);
    let argument = Some((0, libc::AF_INET6 as u32));
    deny(&mut command, &[Denied { call: libc::SYS_socket, argument, error: libc::EAFNOSUPPORT }]);
    let broker = Broker::spawn(command);
    assert!(broker.address.is_ipv4(), "{}", broker.line);
    let mut client = Client::connect(SocketAddr::from(([127, 0, 0, 1], broker.address.port())));
    assert_eq!(client.cluster().brokers[0].1, "127.0.0.1");
    broker.stop_cleanly();
}

#[test]
fn help_and_version_go_to_stdout_and_start_nothing() {
    let dir = TempDir::new();
    for flag in ["--help", "--version"] {
        let output = refused(in_dir(command(&[flag]), dir.path()));
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{flag}");
        assert!(output.stdout.contains("barnabas") || output.stdout.contains("Usage"), "{flag}");
    }
    assert!(dir.names().is_empty(), "nothing is made: {:?}", dir.names());
}

#[test]
fn ephemeral_leaves_nothing_behind_and_sweeps_what_a_kill_left() {
    let dir = TempDir::new();
    std::fs::create_dir(dir.join("tmp")).unwrap();
    std::fs::create_dir(dir.join("cwd")).unwrap();
    let start = || {
        let mut command = in_dir(command(&["--ephemeral", "--port", "0"]), &dir.join("cwd"));
        command.env("TMPDIR", dir.join("tmp"));
        Broker::spawn(command)
    };
    let first = start();
    let mut client = first.client();
    client.create("t", 2);
    assert_eq!(client.append(("t", 0), &batch(1, 10, 100)), 0);
    let of_first = names(&dir.join("tmp"));
    assert_eq!(of_first.len(), 1, "{of_first:?}");
    assert_eq!(first.kill().code, None);
    assert_eq!(names(&dir.join("tmp")), of_first, "a kill leaves its directory");

    let second = start();
    let of_second = names(&dir.join("tmp"));
    assert_eq!(of_second.len(), 1, "the next start sweeps it away");
    assert_ne!(of_second, of_first);
    assert!(second.client().cluster().topics.is_empty());
    let third = start();
    assert_eq!(names(&dir.join("tmp")).len(), 2, "one that is in use stays");
    let mut client = second.client();
    client.create("t", 1);
    assert_eq!(client.append(("t", 0), &batch(1, 10, 100)), 0, "and goes on");
    second.stop_cleanly();
    third.stop_cleanly();
    assert!(names(&dir.join("tmp")).is_empty());
    assert!(names(&dir.join("cwd")).is_empty(), "no data directory either");
}

#[test]
fn many_ephemeral_brokers_start_at_once() {
    let dir = TempDir::new();
    for _ in 0..4 {
        let start = || {
            let mut command = command(&["--ephemeral", "--port", "0"]);
            command.env("TMPDIR", dir.path());
            Broker::spawn(command)
        };
        let brokers: Vec<Broker> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(dir.names().len(), brokers.len(), "each has a directory of its own");
        for broker in &brokers {
            broker.client().create("t", 1);
        }
        brokers.into_iter().for_each(Broker::stop_cleanly);
        assert!(dir.names().is_empty(), "{:?}", dir.names());
    }
}

#[test]
fn a_signal_answers_what_is_in_flight_and_exits_with_zero() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let dir = TempDir::new();
        let broker = Broker::start(&dir.join("data"), &["--workers", "2"]);
        let mut admin = broker.client();
        admin.create("t", 1);
        admin.create("quiet", 1);
        let (mut waiting, mut busy) = (broker.client(), broker.client());
        let parked = waiting.send_fetch(&[(("quiet", 0), 0)], Wait::LONG);
        let behind = waiting.send_produce(("t", 0), -1, &batch(1, 5, 50));
        until_visible(&mut admin, ("t", 0), 5);
        let created = busy.send_create("more", 4, &[]);
        let produced = busy.send_produce(("t", 0), -1, &batch(2, 5, 50));
        // Whether the broker has begun with these when the signal comes is its own affair; that
        // they have arrived is not: they were sent before it.
        broker.signal(signal);
        let rows = waiting.fetched(parked);
        assert_eq!((rows[0].code, rows[0].records.len()), (ErrorCode::NONE, 0));
        assert_eq!(waiting.produced(behind).code, ErrorCode::NONE);
        waiting.assert_closed();
        assert!(busy.created(created).is_ok(), "a request that was in flight is answered");
        let second = busy.try_answer(produced).map(|answer| broker_support::produced(&answer).code);
        busy.assert_closed();
        let ended = broker.ended();
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{:#?}", ended.log);

        let broker = Broker::start(&dir.join("data"), &[]);
        let mut client = broker.client();
        assert_eq!(client.cluster().topics["more"].epochs, [0; 4]);
        let end = client.offset(("t", 0), -1);
        assert_eq!(end, if second.is_some() { 10 } else { 5 }, "answered means kept");
        broker.stop_cleanly();
    }
}

#[test]
fn a_signal_before_the_first_client_or_with_idle_ones_ends_it_too() {
    let dir = TempDir::new();
    Broker::start(&dir.join("data"), &[]).stop_cleanly();
    let broker = Broker::start(&dir.join("data"), &[]);
    let mut idle = broker.client();
    let mut half = broker.client();
    idle.api_versions();
    half.send_bytes(&[0, 0, 1, 0, 0]);
    broker.stop_cleanly();
    idle.assert_closed();
    half.assert_closed();
}

fn in_dir(mut command: Command, dir: &Path) -> Command {
    command.current_dir(dir);
    command
}

/// Waits until a partition's high watermark is there.
fn until_visible(client: &mut Client, at: At<'_>, end: i64) {
    while client.fetch(at, end - 1, Wait::LONG).records.is_empty() {}
}

/// Expects exit code 2, one line on standard error that has the parts, and `dir` as it was.
#[track_caller]
fn assert_refused(command: Command, dir: &Path, parts: &[&str]) {
    let before = picture(dir);
    let refused = refused(command);
    let said = &refused.stderr;
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(refused.stdout, "", "{refused:?}");
    assert_eq!(said.lines().count(), 1, "{refused:?}");
    assert!(said.starts_with("barnabas: ") && said.ends_with('\n'), "{refused:?}");
    assert!(parts.iter().all(|part| said.contains(part)), "{parts:?} in {said}");
    assert_eq!(picture(dir), before, "nothing is touched");
}

fn with_data(dir: &Path, more: &[&str]) -> Command {
    command(&[&["--port", "0", "--data-dir", dir.to_str().unwrap()], more].concat())
}

#[test]
fn unusable_flags_are_refused_with_one_line() {
    let dir = TempDir::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--nosuch"], &["--nosuch"]),
        (&["stray"], &["stray"]),
        (&["--port", "70000"], &["--port", "70000"]),
        (&["--port", "-1"], &["--port"]),
        (&["--port"], &["--port"]),
        (&["--node-id", "x"], &["--node-id"]),
        (&["--node-id", "-2"], &["node"]),
        (&["--workers", "9999"], &["workers"]),
        (&["--io", "epoll"], &["--io", "epoll"]),
        (&["--log-level", "loud"], &["loud"]),
        (&["--config", "no/such/file"], &["no/such/file"]),
        (&["--ephemeral", "--data-dir", "d"], &["--ephemeral", "--data-dir"]),
        (&["--set", "num.partitons=3"], &["num.partitons", "did you mean num.partitions?"]),
        (&["--set", "log.dir.s=x"], &["did you mean log.dirs?"]),
        (&["--set", "mesage.max.bytes=1"], &["did you mean message.max.bytes?"]),
        (&["--set", "num.partitions=many"], &["num.partitions", "many"]),
        (&["--set", "num.partitions=0"], &["num.partitions", "0"]),
        (&["--set", "num.partitions"], &["key=value"]),
        (&["--set", "listeners=nonsense"], &["listeners"]),
        (&["--host", "no such host"], &["no such host"]),
        (&["--host", "203.0.113.1", "--port", "0"], &["203.0.113.1"]),
    ];
    for (arguments, parts) in cases {
        assert_refused(in_dir(command(arguments), dir.path()), dir.path(), parts);
    }
}

#[test]
fn a_worker_that_cannot_have_its_memory_is_refused() {
    let dir = TempDir::new();
    let mut command = with_data(&dir.join("data"), &["--workers", "2", "--io", "mio"]);
    let argument = Some((1, u32::try_from(barnabas::net::WINDOW).unwrap()));
    deny(&mut command, &[Denied { call: libc::SYS_mmap, argument, error: libc::ENOMEM }]);
    assert_refused(command, dir.path(), &["worker", "receive window"]);
    assert!(dir.names().is_empty());
}

#[test]
fn a_broker_whose_threads_cannot_wait_ends_with_an_error() {
    let dir = TempDir::new();
    let calls = [
        libc::SYS_epoll_pwait,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait,
    ];
    let denied = calls.map(|call| Denied { call, argument: None, error: libc::EBADF });
    assert_ends_when_denied(&dir, "mio", &denied);
    let enter = libc::SYS_io_uring_enter;
    // With all of its calls denied it is not used at all; here those that wait for one completion are.
    let denied = [Denied { call: enter, argument: Some((2, 1)), error: libc::EBADF }];
    assert_ends_when_denied(&dir, "uring", &denied);
    Broker::start(&dir.join("data"), &[]).stop_cleanly();
}

fn assert_ends_when_denied(dir: &TempDir, io: &str, denied: &[Denied]) {
    let mut command = with_data(&dir.join("data"), &["--io", io]);
    deny(&mut command, denied);
    let ended = refused(command);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for part in ["thread=\"a worker\"", "a thread that serves connections has ended: stopping"] {
        assert!(ended.stderr.contains(part), "{part} in {ended:?}");
    }
}

#[test]
fn io_uring_is_used_where_it_is_asked_for_and_mio_where_the_system_refuses_it() {
    let dir = TempDir::new();
    Broker::start(&dir.join("data"), &[]).stop_cleanly();
    let broker = Broker::start(&dir.join("data"), &["--io", "uring", "--workers", "2"]);
    assert_eq!((rings_of(&broker), broker.log()), (2, vec![]));
    broker.client().create("t", 1);
    broker.stop_cleanly();
    let calls = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    for call in calls {
        let mut command = with_data(&dir.join("data"), &["--io", "uring", "--workers", "2"]);
        deny(&mut command, &[Denied { call, argument: None, error: libc::EPERM }]);
        let broker = Broker::spawn(command);
        // It may be written after the line that tells the listeners.
        broker.logged(&["no io_uring here"]);
        let (rings, lines) = (rings_of(&broker), broker.log());
        assert!(rings == 0 && lines.len() == 1, "{rings} rings, {lines:#?}");
        assert!(lines[0].contains("no io_uring here, so sockets are driven by mio"), "{lines:#?}");
        assert!(broker.client().cluster().topics.contains_key("t"));
        broker.stop_cleanly();
    }
}

fn rings_of(broker: &Broker) -> usize {
    let open = std::fs::read_dir(format!("/proc/{}/fd", broker.pid())).unwrap();
    let links = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| link.to_string_lossy().contains("io_uring")).count()
}

#[test]
fn a_port_that_is_taken_is_refused_before_the_data_directory_is_made() {
    let dir = TempDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let data = dir.join("data");
    let arguments = ["--port", &port, "--data-dir", data.to_str().unwrap()];
    assert_refused(command(&arguments), dir.path(), &[&port, "in use"]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let also = other.local_addr().unwrap().port().to_string();
    let both = [&arguments[..], &["--http-port", &also]].concat();
    assert_refused(command(&both), dir.path(), &[&port, &also]);
    assert!(dir.names().is_empty());
}

#[test]
fn a_directory_that_is_not_ours_is_refused_untouched() {
    let dir = TempDir::new();
    let (foreign, file) = (dir.join("foreign"), dir.join("file"));
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("thesis.txt"), "years of work").unwrap();
    std::fs::write(&file, "a file").unwrap();
    assert_refused(with_data(&foreign, &[]), dir.path(), &["foreign", "thesis.txt"]);
    assert_refused(with_data(&file, &[]), dir.path(), &["file"]);
    assert_refused(with_data(&file.join("below"), &[]), dir.path(), &["below"]);
    std::fs::remove_file(foreign.join("thesis.txt")).unwrap();
    for nonsense in ["", "version=1\n", "version=7\nnode.id=1\n", "\u{0}\u{1}"] {
        std::fs::write(foreign.join("meta.properties"), nonsense).unwrap();
        assert_refused(with_data(&foreign, &[]), dir.path(), &["meta.properties"]);
    }
}

#[test]
fn the_directory_of_another_node_or_a_running_broker_is_refused_untouched() {
    let dir = TempDir::new();
    let data = dir.join("data");
    // What the running broker brings to the disk by itself would look like a change.
    let quiet = ["--node-id", "7", "--set", "barnabas.flush.ms=-1"];
    let broker = Broker::start(&data, &quiet);
    let mut client = broker.client();
    client.create("t", 1);
    client.append(("t", 0), &batch(1, 10, 100));
    assert_refused(with_data(&data, &["--node-id", "7"]), dir.path(), &["data", "another broker"]);
    assert_refused(with_data(&data, &["--node-id", "8"]), dir.path(), &["node 7", "node 8"]);
    assert_eq!(client.append(("t", 0), &batch(2, 10, 100)), 10, "the first goes on");
    broker.stop_cleanly();
    assert_refused(with_data(&data, &["--node-id", "8"]), dir.path(), &["node 7", "node 8"]);
    let broker = Broker::start(&data, &["--node-id", "7"]);
    assert_eq!(broker.client().offset(("t", 0), -1), 20);
    broker.stop_cleanly();
}

/// Root may write anywhere, so for root the broker is run as nobody, from a copy of the binary that
/// nobody can reach.
#[test]
fn a_directory_that_cannot_be_written_is_refused() {
    let dir = TempDir::new();
    let own = dir.join("barnabas");
    // Not by ourselves: a child that another test forks meanwhile would hold the copy open for
    // writing, and such a file cannot be run.
    let copied = Command::new("cp").arg(binary()).arg(&own).status().unwrap();
    assert!(copied.success());
    let mode = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&own, 0o755);
    mode(dir.path(), 0o755);
    let run = |data: &Path| {
        let arguments = ["--port", "0", "--data-dir", data.to_str().unwrap()];
        let mut command = command_of(Command::new(&own), &arguments);
        // SAFETY: it only asks who we are.
        if unsafe { libc::geteuid() } == 0 {
            command.uid(65_534).gid(65_534);
        }
        command
    };
    let data = dir.join("data");
    std::fs::create_dir(&data).unwrap();
    mode(&data, 0o555);
    assert_refused(run(&data), dir.path(), &["data", "ermission denied"]);
    assert_refused(run(&data.join("new")), dir.path(), &["new", "ermission denied"]);
    mode(&data, 0o755);
    std::fs::create_dir(dir.join("ours")).unwrap();
    Broker::start(&dir.join("ours"), &[]).stop_cleanly();
    mode(&dir.join("ours/.lock"), 0o444);
    mode(&dir.join("ours"), 0o555);
    assert_refused(run(&dir.join("ours")), dir.path(), &["ours", "ermission denied"]);
}
