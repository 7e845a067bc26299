//! The net room with real sockets: replies, order, backpressure, ends of connections.

mod net_common;
use net_common::*;

#[test]
fn a_frame_is_answered() {
    let mut server = serve(options());
    let mut client = server.connect();
    assert_eq!(client.call(ECHO, b"hello"), b"hello");
    server.stop();
    client.assert_closed();
}
