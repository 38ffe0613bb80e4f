//! Snapshots: what is written is read again, and nothing else is.

use gossip_core::fact::{Envelope, Verified};
use gossip_core::id::{ChannelId, ClusterId};
use gossip_core::store::snapshot::{
    SnapshotEnd, SnapshotError, SnapshotHead, SnapshotPart, SnapshotReader, SnapshotWriter,
};
use gossip_core::testkit::facts::{Author, at_minute, domain};
use gossip_core::time::Wall;

fn head() -> SnapshotHead {
    SnapshotHead {
        cluster: domain().cluster(),
        cluster_name: "gossip".into(),
        channel: domain().channel(),
        channel_name: "main".into(),
        retain: "last-write".into(),
        taken_at: Wall::from_millis(1_700_000_000_000),
    }
}

fn facts() -> Vec<Envelope> {
    let author = Author::signing(1, &domain());
    let mut facts = vec![author.put("a", "1", at_minute(10)), author.delete("b", at_minute(11))];
    facts.push(author.put("c", vec![0xff; 3_000], at_minute(12)));
    facts.into_iter().map(Verified::into_inner).collect()
}

fn written() -> Vec<u8> {
    let (mut writer, mut bytes) = SnapshotWriter::begin(&head());
    let facts = facts();
    bytes.extend(writer.facts(&facts[..1]));
    bytes.extend(writer.facts(&facts[1..]));
    bytes.extend(writer.end());
    bytes
}

fn read(
    bytes: &[u8],
    piece: usize,
) -> Result<(SnapshotHead, Vec<Envelope>, SnapshotEnd), SnapshotError> {
    let (mut reader, mut found) = (SnapshotReader::new(), Vec::new());
    let (mut head, mut end) = (None, None);
    for piece in bytes.chunks(piece) {
        reader.push(piece);
        while let Some(part) = reader.next_part()? {
            match part {
                SnapshotPart::Head(part) => head = Some(part),
                SnapshotPart::Fact(fact) => found.push(fact),
                SnapshotPart::End(part) => end = Some(part),
            }
        }
    }
    reader.finish()?;
    Ok((head.unwrap(), found, end.unwrap()))
}

#[test]
fn what_is_written_is_read_in_any_pieces() {
    let bytes = written();
    for piece in [1, 3, 44, 1_000, bytes.len()] {
        let (read_head, read_facts, end) = read(&bytes, piece).unwrap();
        assert_eq!((read_head, read_facts), (head(), facts()));
        let hash: [u8; 32] = bytes[bytes.len() - 32..].try_into().unwrap();
        assert_eq!(end, SnapshotEnd { facts: 3, hash });
    }
}

#[test]
fn no_changed_byte_passes() {
    let bytes = written();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(read(&changed, 500).is_err(), "byte {at} of {}", bytes.len());
    }
}

#[test]
fn no_part_passes_for_the_whole() {
    let bytes = written();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length], 500).is_err(), "{length} of {}", bytes.len());
    }
    assert_eq!(read(&[&bytes[..], b"x"].concat(), 500), Err(SnapshotError::Surplus));
    assert_eq!(read(b"PK\x03\x04 something else", 5), Err(SnapshotError::NotASnapshot));
    let mut newer = bytes;
    newer[8] = 2;
    assert_eq!(read(&newer, 500), Err(SnapshotError::NewerVersion { found: 2 }));
}

/// A change here is a new version, which readers of the old one refuse.
#[test]
fn version_1_stays_as_it_is() {
    let (cluster, channel) = (ClusterId::from_bytes([1; 32]), ChannelId::from_bytes([2; 32]));
    let head = SnapshotHead { cluster, channel, ..head() };
    let (writer, mut bytes) = SnapshotWriter::begin(&head);
    bytes.extend(writer.end());
    let mut expected = b"gossnap\0\x01\0\0\0\x5d\0\0\0".to_vec();
    expected.extend([1; 32]);
    expected.extend(b"\x06gossip");
    expected.extend([2; 32]);
    expected.extend(b"\x04main\x0alast-write\x80\xd0\x95\xff\xbc\x31");
    expected.extend([0; 12]);
    expected.extend(blake3_of(&expected));
    assert_eq!(bytes, expected);
}

fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}
