//! The pure connection: whatever the pieces in which bytes come and go and whatever the order of
//! the replies, the frames are the frames and the answers are in the order of the requests.
#![allow(clippy::unwrap_used)]

mod net_common;

use barnabas::net::{
    Budget, Connection, FileRange, Framing, Gather, Input, Limits, Next, Output, Part, Pool, WINDOW,
};
use net_common::{TestFile, pattern};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;

/// A small generator, so that a failure is a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let salt = self.below(256);
        (0..len).map(|at| (at * 31 + salt) as u8).collect()
    }
}

fn framing(input: &[u8]) -> Framing {
    let Some(prefix) = input.first_chunk::<4>() else { return Framing::Incomplete { need: 4 } };
    match 4 + u32::from_be_bytes(*prefix) as usize {
        size if size <= input.len() => Framing::Whole(size),
        need => Framing::Incomplete { need },
    }
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_be_bytes()[..], body].concat()
}

/// A connection, its buffers, and what is to come out of it.
struct Bench {
    conn: Connection,
    pool: Pool,
    budget: Arc<Budget>,
    limits: Limits,
    random: Random,
    file: Arc<TestFile>,
    /// Frames that are still to come out.
    frames: VecDeque<Vec<u8>>,
    /// Slots that are parked, and the answers of all slots in order.
    parked: Vec<u64>,
    answers: Vec<Option<Vec<u8>>>,
    out: Vec<u8>,
    /// What was offered last and not yet said to be written.
    offered: Option<Vec<u8>>,
}

impl Bench {
    fn new(seed: u64, limits: Limits) -> Bench {
        let budget = Budget::new(limits.max_memory);
        Bench {
            conn: Connection::new(),
            pool: Pool::new(budget.clone()),
            budget,
            limits,
            random: Random(seed),
            file: TestFile::new(100_000, seed.is_multiple_of(2)),
            frames: VecDeque::new(),
            parked: Vec::new(),
            answers: Vec::new(),
            out: Vec::new(),
            offered: None,
        }
    }

    /// Receives the next piece of `stream` the way a driver does; false if it is paused.
    fn receive(&mut self, stream: &mut &[u8], most: usize) -> bool {
        let window_len = 1 + self.random.below(WINDOW);
        let (own_len, window) = match self.conn.input(&self.limits, &mut self.pool).expect("memory")
        {
            Input::Paused => return false,
            Input::Space { own, window } => {
                let room = own.len() + if window { window_len } else { 0 };
                let n = room.min(most).min(stream.len());
                let (now, later) = stream.split_at(n);
                *stream = later;
                let (to_own, to_window) = now.split_at(n.min(own.len()));
                own[..to_own.len()].copy_from_slice(to_own);
                (to_own.len(), to_window.to_vec())
            }
        };
        self.conn.filled(own_len);
        self.handle(&window);
        true
    }

    /// Takes frames out until there are no more or the connection is paused.
    fn handle(&mut self, window: &[u8]) {
        let mut at = 0;
        while self.conn.may_feed(&self.limits, &self.pool) && self.random.below(50) > 0 {
            let (limits, pool) = (&self.limits, &mut self.pool);
            let (mut taken, mut frames) = (0, 1);
            match self.conn.frame(window, &mut at, limits, framing, pool) {
                Next::Frame(frame, mut behind) => {
                    let expected = self.frames.pop_front();
                    assert!(expected.as_deref() == Some(frame), "the next frame as it was sent");
                    // Some of those behind it are handled with it.
                    while self.random.below(2) > 0
                        && !behind.is_empty()
                        && let Framing::Whole(size) = framing(behind)
                        && let Some((frame, rest)) = behind.split_at_checked(size)
                    {
                        let expected = self.frames.pop_front();
                        assert!(expected.as_deref() == Some(frame), "the one behind it");
                        (taken, frames, behind) = (taken + size, frames + 1, rest);
                    }
                }
                Next::More => break,
                Next::Refused(why) => panic!("{why}"),
            }
            self.conn.took(taken, &mut at);
            (0..frames).for_each(|_| self.open_one());
        }
        self.conn.keep(&window[at..], &mut self.pool);
    }

    /// Opens a slot, which is answered now or later.
    fn open_one(&mut self) {
        let slot = self.conn.open_slot();
        assert_eq!(slot as usize, self.answers.len(), "slots are numbered in order");
        self.answers.push(None);
        match self.random.below(3) {
            0 => self.parked.push(slot),
            _ => self.answer(slot),
        }
    }

    /// Answers a slot in one way or another.
    fn answer(&mut self, slot: u64) {
        let mut answer = Vec::new();
        let filled = match self.random.below(10) {
            0 => self.conn.skip(slot, &mut self.pool),
            1 => {
                let (start, len) = (self.random.below(50_000), self.random.below(50_000));
                let head = self.random.bytes(9);
                let range =
                    FileRange { region: self.file.clone(), start: start as u64, len: len as u32 };
                answer.extend_from_slice(&head);
                answer.extend_from_slice(&pattern(start, len));
                let parts = [Part::Bytes(&head), Part::File(range)];
                self.conn.reply(slot, &parts, &mut self.pool)
            }
            size => {
                let len = self.random.below(if size == 2 { 100_000 } else { 100 });
                let body = self.random.bytes(len);
                let (a, b) = body.split_at(self.random.below(body.len() + 1));
                answer.extend_from_slice(&body);
                match self.random.below(2) {
                    0 => self.conn.reply_with(slot, vec![a.into(), b.into()], &mut self.pool),
                    _ => {
                        let parts = [Part::Bytes(a), Part::Bytes(b)];
                        self.conn.reply(slot, &parts, &mut self.pool)
                    }
                }
            }
        };
        assert!(filled, "an open slot can be answered");
        assert!(!self.conn.reply(slot, &[], &mut self.pool), "but not twice");
        self.answers[slot as usize] = Some(answer);
    }

    fn answer_a_parked_one(&mut self) {
        if !self.parked.is_empty() {
            let slot = self.parked.swap_remove(self.random.below(self.parked.len()));
            self.answer(slot);
        }
    }

    /// Takes an offer if there is none. What it points to must be the same until it is written.
    fn begin_write(&mut self) {
        if self.offered.is_some() {
            return;
        }
        let mut gather = Gather::new();
        self.offered = match self.conn.output(&mut gather) {
            Output::Nothing => None,
            Output::Gathered { .. } => {
                Some(gather.slices().iter().flat_map(|slice| slice.to_vec()).collect())
            }
            Output::File(range) => Some(pattern(range.start as usize, range.len as usize)),
        };
        assert_eq!(self.offered.is_some(), self.conn.outbox().has_output());
    }

    fn end_write(&mut self) {
        if let Some(offered) = self.offered.take() {
            let n = match self.random.below(4) {
                0 => 0,
                1 => self.random.below(offered.len()),
                _ => offered.len(),
            };
            self.out.extend_from_slice(&offered[..n]);
            self.conn.written(n, &mut self.pool);
        }
    }

    fn run(mut self, bodies: &[Vec<u8>]) {
        let mut stream = Vec::new();
        for body in bodies {
            let frame = framed(body);
            stream.extend_from_slice(&frame);
            self.frames.push_back(frame);
        }
        let mut stream = &stream[..];
        let most = [1, 10, 1_000, 100_000, usize::MAX][self.random.below(5)];
        while !(stream.is_empty() && self.frames.is_empty()) {
            match self.random.below(4) {
                0 | 1 => {
                    if self.conn.unhandled() == 0 || self.random.below(2) == 0 {
                        self.handle(&[]);
                    }
                    if self.frames.front().is_none_or(|frame| self.conn.unhandled() < frame.len()) {
                        let n = 1 + self.random.below(most);
                        self.receive(&mut stream, n);
                    }
                }
                2 => self.answer_a_parked_one(),
                _ => {
                    self.begin_write();
                    if self.random.below(2) == 0 {
                        self.answer_a_parked_one(); // while the write is under way
                    }
                    self.end_write();
                }
            }
        }
        self.finish();
    }

    fn finish(mut self) {
        while !self.parked.is_empty() {
            self.answer_a_parked_one();
        }
        assert!(self.conn.outbox().open_slots() == 0);
        while self.conn.outbox().has_output() {
            self.begin_write();
            self.end_write();
        }
        let expected: Vec<u8> = self.answers.iter().flatten().flatten().copied().collect();
        assert!(self.out == expected, "all answers, in the order of the requests");
        assert_eq!((self.conn.outbox().unsent(), self.conn.outbox().memory()), (0, 0));
        assert!(self.conn.outbox().is_empty());
        self.handle(&[]);
        assert_eq!((self.conn.unhandled(), self.pool.lent()), (0, 0), "it owns no buffer");
        self.conn.end();
        assert!(self.conn.is_finished());
        drop(self.pool);
        assert_eq!(self.budget.used(), 0, "all memory was given back");
    }
}

fn small_limits() -> Limits {
    Limits { max_frame: 200_000, max_unsent: 50_000, max_slots: 20, ..Limits::default() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn any_split_gives_the_same_frames_and_any_order_of_answers_the_same_output(
        seed: u64,
        sizes in prop::collection::vec(prop_oneof![10 => 0usize..200, 1 => 0usize..150_000], 0..60),
    ) {
        let mut random = Random(!seed);
        let bodies: Vec<_> = sizes.iter().map(|size| random.bytes(*size)).collect();
        Bench::new(seed, small_limits()).run(&bodies);
    }
}

#[test]
fn ten_thousand_frames_of_one_window_are_handled_in_place() {
    let mut bench = Bench::new(1, Limits { max_slots: usize::MAX, ..Limits::default() });
    let stream: Vec<u8> = (0..10_000u32).flat_map(|n| framed(&n.to_be_bytes())).collect();
    let (mut at, mut count) = (0, 0u32);
    loop {
        let (limits, pool) = (&bench.limits, &mut bench.pool);
        match bench.conn.frame(&stream, &mut at, limits, framing, pool) {
            Next::Frame(frame, _) => {
                assert!(stream.as_ptr_range().contains(&frame.as_ptr()), "not copied");
                assert_eq!(frame[4..], count.to_be_bytes());
                count += 1;
            }
            _ => break,
        }
    }
    assert_eq!((count, bench.pool.lent(), bench.budget.used()), (10_000, 0, 0));
}

#[test]
fn a_length_prefix_alone_takes_no_memory_in_proportion() {
    let mut bench = Bench::new(1, Limits::default());
    let largest = bench.limits.max_frame;
    let mut prefix = &((largest - 4) as u32).to_be_bytes()[..];
    assert!(bench.receive(&mut prefix, 4));
    assert_eq!(bench.conn.unhandled(), 4);
    assert!(bench.budget.used() <= 64 * 1024, "{} bytes for four", bench.budget.used());
    let mut sent = 4;
    let some = vec![7; 10_000];
    while sent < 1_000_000 {
        let mut piece = &some[..];
        bench.receive(&mut piece, usize::MAX);
        sent += some.len() - piece.len();
        let used = bench.budget.used();
        assert!(used <= (4 * sent).max(64 * 1024), "{used} bytes for {sent}");
    }
}

#[test]
fn a_prefix_beyond_the_limit_is_refused_before_a_byte_more_has_come() {
    let mut bench = Bench::new(1, Limits::default());
    let (limits, pool) = (&bench.limits, &mut bench.pool);
    let prefix = 0x7fff_ffffu32.to_be_bytes();
    match bench.conn.frame(&prefix, &mut 0, limits, framing, pool) {
        Next::Refused(why) => assert!(why.contains("2147483651 bytes"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(pool.lent(), 0);
}

#[test]
fn receives_go_straight_into_the_buffer_of_a_large_unfinished_frame() {
    let mut bench = Bench::new(1, Limits::default());
    let frame = framed(&vec![5; 1_000_000]);
    let mut stream = &frame[..];
    bench.frames.push_back(frame.clone());
    let mut straight = 0;
    while !stream.is_empty() {
        if let Ok(Input::Space { own, .. }) = bench.conn.input(&bench.limits, &mut bench.pool) {
            straight += own.len().min(stream.len());
        }
        bench.conn.filled(0);
        bench.receive(&mut stream, 100_000);
    }
    assert!(straight > 900_000, "{straight} of 1000000");
}

#[test]
fn a_parked_request_does_not_stop_those_behind_it() {
    let mut bench = Bench::new(1, small_limits());
    let slots: Vec<u64> = (0..3).map(|_| bench.conn.open_slot()).collect();
    assert!(bench.conn.reply(slots[1], &[Part::Bytes(b"two")], &mut bench.pool));
    assert!(bench.conn.skip(slots[2], &mut bench.pool));
    bench.begin_write();
    assert_eq!(bench.offered, None, "its answer waits for its turn");
    assert!(bench.conn.reply(slots[0], &[Part::Bytes(b"one")], &mut bench.pool));
    bench.begin_write();
    assert_eq!(bench.offered.as_deref(), Some(&b"onetwo"[..]));
}

#[test]
fn what_is_given_away_is_not_copied() {
    let mut bench = Bench::new(1, small_limits());
    let slot = bench.conn.open_slot();
    let pieces = [vec![1; 10_000], Vec::new(), vec![2; 20_000]];
    let places = [pieces[0].as_ptr(), pieces[2].as_ptr()];
    assert!(bench.conn.reply_with(slot, pieces.into(), &mut bench.pool));
    assert!(!bench.conn.reply_with(slot, Vec::new(), &mut bench.pool));
    assert_eq!((bench.conn.outbox().unsent(), bench.conn.outbox().memory()), (30_000, 30_000));
    let mut gather = Gather::new();
    assert!(matches!(bench.conn.output(&mut gather), Output::Gathered { more: false }));
    let offered: Vec<_> = gather.slices().iter().map(|slice| slice.as_ptr()).collect();
    assert_eq!(offered, places);
    bench.conn.written(30_000, &mut bench.pool);
    assert!(bench.conn.outbox().is_empty());
}

#[test]
fn too_many_open_slots_or_unsent_bytes_stop_the_reading() {
    let mut bench = Bench::new(1, small_limits());
    let slots: Vec<u64> = (0..20).map(|_| bench.conn.open_slot()).collect();
    assert!(!bench.conn.may_feed(&bench.limits, &bench.pool));
    slots.iter().for_each(|slot| assert!(bench.conn.skip(*slot, &mut bench.pool)));
    assert!(bench.conn.may_feed(&bench.limits, &bench.pool));

    let slot = bench.conn.open_slot();
    assert!(bench.conn.reply(slot, &[Part::Bytes(&vec![0; 50_001])], &mut bench.pool));
    assert!(!bench.conn.may_feed(&bench.limits, &bench.pool));
    let input = bench.conn.input(&bench.limits, &mut bench.pool);
    assert!(matches!(input, Ok(Input::Paused)));
    bench.begin_write();
    bench.conn.written(1, &mut bench.pool);
    assert!(bench.conn.may_feed(&bench.limits, &bench.pool));
}

/// Random bytes as input and random calls: nothing but a refusal may come of it. Seeded, so that
/// a failure can be had again.
#[test]
fn random_bytes_never_break_a_connection() {
    for seed in 0..300 {
        let mut bench = Bench::new(seed, small_limits());
        let noise: Vec<u8> = (0..20_000).map(|_| bench.random.below(256) as u8).collect();
        let mut rest = &noise[..];
        while !rest.is_empty() {
            let most = 1 + bench.random.below(2_000);
            let window: Vec<u8> = match bench.conn.input(&bench.limits, &mut bench.pool) {
                Ok(Input::Space { own, .. }) => {
                    let n = own.len().min(rest.len()).min(most);
                    own[..n].copy_from_slice(&rest[..n]);
                    let window = rest[n..rest.len().min(most).max(n)].to_vec();
                    rest = &rest[n + window.len()..];
                    bench.conn.filled(n);
                    window
                }
                other => panic!("{other:?}"),
            };
            let mut at = 0;
            let refused = loop {
                let (limits, pool) = (&bench.limits, &mut bench.pool);
                // Short lengths, so that some of it is frames.
                let mut short = |input: &[u8]| match input {
                    [size, ..] if *size as usize > 250 => Framing::Refuse("noise".into()),
                    [size, ..] if *size as usize <= input.len() => Framing::Whole(*size as usize),
                    [size, ..] => Framing::Incomplete { need: *size as usize },
                    [] => Framing::Incomplete { need: 1 },
                };
                match bench.conn.frame(&window, &mut at, limits, &mut short, pool) {
                    Next::Frame(..) => {}
                    Next::More => break false,
                    Next::Refused(_) => break true,
                }
            };
            if refused {
                break;
            }
            bench.conn.keep(&window[at..], &mut bench.pool);
        }
        bench.conn.release(&mut bench.pool);
        drop(bench.pool);
        assert_eq!(bench.budget.used(), 0);
    }
}
