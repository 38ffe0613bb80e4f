//! The bytes of a stream: the section "Streams" of `docs/wire.md` is the golden file.

use bytes::{Bytes, BytesMut};

use crate::framing::Control;
use crate::outgoing::Outgoing;
use crate::preamble::Preamble;

const DOCUMENT: &str = include_str!("../../docs/wire.md");

fn check(name: &str, sent: &[u8]) {
    let block =
        DOCUMENT.split(&format!("```stream {name}\n")).nth(1).expect("a block of that name");
    let lines = block.lines().take_while(|line| *line != "```");
    let digits: String = lines.filter_map(|line| line.split('#').next()).collect();
    let hex: String = sent.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digits.replace(' ', ""), hex, "`{name}`: a new layout needs a new version");
}

fn control(control: Control) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    control.encode(&mut bytes);
    bytes.to_vec()
}

#[test]
fn the_document_shows_the_bytes_that_are_sent() {
    let announced = vec!["10.0.0.7:7000".parse().unwrap(), "[fd00::7]:7000".parse().unwrap()];
    check("preamble", &Preamble { nonce: *b"nonce of 16 byte", announced }.encode());
    check("ping", &control(Control::Ping));
    check("bye", &control(Control::Bye));
    check("twin", &control(Control::Twin(*b"nonce of 16 byte")));
    let mut outgoing = Outgoing::default();
    outgoing.frame(Bytes::from_static(b"a frame"));
    check("frame", &outgoing.concatenated());
}
