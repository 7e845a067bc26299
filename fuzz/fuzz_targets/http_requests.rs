//! HTTP requests of arbitrary bytes: no panic, no frame without an end, and the same answers when every
//! byte comes by itself.
#![no_main]

use barnabas::http::{Guard, Session, Taken};
use barnabas::net::Framing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let whole = serve([input]);
    assert_eq!(serve(input.chunks(1)), whole);
    assert_eq!(serve(input.chunks(7)), whole);
});

fn serve<'i>(pieces: impl IntoIterator<Item = &'i [u8]>) -> Vec<Taken> {
    let guard = Guard::new(["broker.example".to_owned()]);
    let (mut session, mut input, mut taken) = (Session::default(), Vec::new(), Vec::new());
    for piece in pieces {
        input.extend_from_slice(piece);
        while !input.is_empty() {
            let size = match session.framing(&input) {
                Framing::Whole(size) => size,
                Framing::Incomplete { need } => {
                    assert!(need > input.len());
                    break;
                }
                Framing::Refuse(why) => panic!("a refusal is answered: {why}"),
            };
            assert!(size > 0 && size <= input.len());
            let frame: Vec<u8> = input.drain(..size).collect();
            taken.push(session.take(&frame, &guard));
            let goes_on = match taken.last() {
                Some(Taken::Page(request)) => request.manner.keep_alive,
                Some(Taken::Answer(response, manner)) => {
                    assert!(!response.write(*manner, 0).is_empty());
                    manner.keep_alive
                }
                _ => true,
            };
            if !goes_on {
                return taken;
            }
        }
    }
    taken
}
