//! The pure connection under arbitrary bytes in arbitrary pieces, answered in arbitrary order and
//! written in arbitrary steps. Nothing may panic, no byte may be lost, all memory comes back.
#![no_main]

use barnabas::net::{Budget, Connection, Framing, Gather, Input, Limits, Next, Output, Part, Pool};
use libfuzzer_sys::fuzz_target;

fn framing(input: &[u8]) -> Framing {
    let Some(prefix) = input.first_chunk::<2>() else { return Framing::Incomplete { need: 2 } };
    match u16::from_be_bytes(*prefix) as usize {
        0 => Framing::Refuse("an empty frame".into()),
        size if size + 2 <= input.len() => Framing::Whole(size + 2),
        size => Framing::Incomplete { need: size + 2 },
    }
}

// Each step: a byte that says what to do, a byte of how much; received bytes follow theirs.
fuzz_target!(|script: &[u8]| {
    let limits = Limits { max_frame: 40_000, max_unsent: 5_000, max_slots: 9, ..Limits::default() };
    let budget = Budget::new(1 << 20);
    let mut pool = Pool::new(budget.clone());
    let mut conn = Connection::new();
    let (mut parked, mut replied, mut written) = (Vec::new(), 0usize, 0usize);
    let mut script = script;
    while let [what, amount, rest @ ..] = script {
        script = rest;
        match what % 4 {
            0 | 1 => {
                let n = (usize::from(*amount) * 8).min(script.len());
                let (bytes, rest) = script.split_at(n);
                let own = match conn.input(&limits, &mut pool) {
                    Ok(Input::Space { own, .. }) => {
                        let n = own.len().min(bytes.len());
                        own[..n].copy_from_slice(&bytes[..n]);
                        n
                    }
                    Ok(Input::Paused) => {
                        if conn.unhandled() > 0 {
                            take(&mut conn, &mut pool, &limits, &[], &mut parked);
                        }
                        continue;
                    }
                    Err(_) => return,
                };
                script = rest;
                conn.filled(own);
                if !take(&mut conn, &mut pool, &limits, &bytes[own..], &mut parked) {
                    break;
                }
            }
            2 if !parked.is_empty() => {
                let slot = parked.swap_remove(usize::from(*amount) % parked.len());
                let body = vec![*amount; usize::from(*amount) * 30];
                assert!(conn.reply(slot, &[Part::Bytes(&body)], &mut pool));
                assert!(!conn.reply(slot, &[], &mut pool));
                replied += body.len();
                if conn.unhandled() > 0 && conn.may_feed(&limits, &pool) {
                    take(&mut conn, &mut pool, &limits, &[], &mut parked);
                }
            }
            2 => {}
            _ => {
                let mut gather = Gather::new();
                let offered = match conn.output(&mut gather) {
                    Output::Nothing => continue,
                    _ => gather.slices().iter().map(|slice| slice.len()).sum::<usize>(),
                };
                let n = offered.min(usize::from(*amount) * 64);
                conn.written(n, &mut pool);
                written += n;
            }
        }
        assert_eq!(conn.outbox().unsent(), (replied - written) as u64);
        assert_eq!(conn.outbox().open_slots(), parked.len());
    }
    conn.release(&mut pool);
    drop(pool);
    assert_eq!(budget.used(), 0);
});

/// Takes whole frames out; false if the bytes are no frames.
fn take(
    conn: &mut Connection,
    pool: &mut Pool,
    limits: &Limits,
    window: &[u8],
    parked: &mut Vec<u64>,
) -> bool {
    let mut at = 0;
    while conn.may_feed(limits, pool) {
        let taken = match conn.frame(window, &mut at, limits, framing, pool) {
            Next::Frame(frame, behind) => {
                assert!(frame.len() > 2);
                // Every other one is handled with the one behind it.
                let next = if behind.is_empty() {
                    Framing::Incomplete { need: 1 }
                } else {
                    framing(behind)
                };
                match next {
                    Framing::Whole(size) if size <= behind.len() && parked.len() % 2 == 0 => size,
                    _ => 0,
                }
            }
            Next::More => break,
            Next::Refused(_) => return false,
        };
        conn.took(taken, &mut at);
        parked.push(conn.open_slot());
        if taken > 0 {
            parked.push(conn.open_slot());
        }
    }
    conn.keep(&window[at..], pool);
    true
}
