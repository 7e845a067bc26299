//! An echo: our own net room, and a service that answers each frame with as many bytes as it was told. What is
//! left between it and the broker is what the broker does with a request.
//!
//! The bench starts it as a child of itself, so that it is measured like the broker.

use super::process;
use barnabas::net::{
    self, ConnId, Context, DriverKind, Flow, Framing, Options, Part, Peer, Service, Slot,
};
use std::net::SocketAddr;
use std::process::Command;

/// Says that this process is the echo.
pub const FLAG: &str = "--echo";

/// The command that runs it; its answers have so many bytes.
pub fn command(answer: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([FLAG, &answer.to_string()]);
    command
}

/// Serves until it is killed, with the driver that the broker is measured with.
pub fn run(arguments: &[String]) {
    let answer: usize = arguments[0].parse().expect("a number");
    let driver = match process::io().as_deref() {
        Some("uring") => DriverKind::Uring,
        _ => DriverKind::Mio,
    };
    let listeners = vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()];
    let bound = net::bind(&Options { listeners, driver, ..Options::default() }).expect("bind");
    let address = bound.addresses()[0];
    let _running = bound.start(move |_| Echo { answer: vec![0; answer] }).expect("start");
    println!("echo {address}");
    loop {
        std::thread::park();
    }
}

struct Echo {
    answer: Vec<u8>,
}

impl Service for Echo {
    type Session = ();
    type Message = ();

    fn open(&mut self, _: &mut Context<'_>, _: ConnId, _: &Peer) {}

    fn framing(&self, (): &(), input: &[u8]) -> Framing {
        let Some(prefix) = input.first_chunk::<4>() else { return Framing::Incomplete { need: 4 } };
        match 4 + u32::from_be_bytes(*prefix) as usize {
            size if size <= input.len() => Framing::Whole(size),
            need => Framing::Incomplete { need },
        }
    }

    fn request(&mut self, cx: &mut Context<'_>, (): &mut (), slot: Slot, _: &[u8]) -> Flow {
        cx.reply(slot, &[Part::Bytes(&self.answer)]);
        Flow::Next
    }

    fn message(&mut self, _: &mut Context<'_>, (): ()) {}
    fn timer(&mut self, _: &mut Context<'_>, _: u64) {}
    fn end_of_turn(&mut self, _: &mut Context<'_>) {}
    fn drain(&mut self, _: &mut Context<'_>) {}
    fn closed(&mut self, _: &mut Context<'_>, _: ConnId, (): ()) {}
}
