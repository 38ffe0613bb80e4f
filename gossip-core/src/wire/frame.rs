//! The outermost layer: what kind of frame this is.

use bytes::{BufMut as _, Bytes, BytesMut};

use super::hello::{COOKIE_BYTES, Hello};
use crate::fact::Why;
use crate::id::SessionId;

/// The one wire version that this code speaks.
pub const VERSION: u8 = 1;

/// Bytes of a data frame before its records: version, kind, session.
pub const DATA_HEADER_BYTES: usize = 2 + 8;

const HELLO: u8 = 1;
const RETRY: u8 = 2;
const DATA: u8 = 3;
const RESET: u8 = 4;
const REFUSE: u8 = 5;

/// One frame, taken apart.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "whoever takes frames apart must consider each kind")]
pub enum Frame {
    /// Records of an established session, still protected.
    Data {
        /// The sender's session.
        session: SessionId,
        /// The records, as [`Keys::seal`](crate::fact::Keys::seal) made them.
        sealed: Bytes,
    },
    /// First contact, or its answer.
    Hello(Box<Hello>),
    /// The Hello of this session is refused.
    Refuse {
        /// The Hello's session.
        session: SessionId,
        /// Why.
        why: Why,
    },
    /// A data frame named a session that the receiver does not know.
    Reset {
        /// That session.
        session: SessionId,
    },
    /// Prove your address: say the Hello of this session again with this cookie.
    Retry {
        /// The Hello's session.
        session: SessionId,
        /// The cookie.
        cookie: [u8; COOKIE_BYTES],
    },
}

impl Frame {
    /// The bytes of the frame.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(64);
        out.put_u8(VERSION);
        match self {
            Self::Data { session, sealed } => {
                out.clear();
                out.put_slice(&data_header(*session));
                out.put_slice(sealed);
            }
            Self::Hello(hello) => {
                out.put_u8(HELLO);
                hello.encode(&mut out);
            }
            Self::Refuse { session, why } => {
                out.put_u8(REFUSE);
                out.put_slice(&session.0);
                out.put_slice(why.name().as_bytes());
            }
            Self::Reset { session } => {
                out.put_u8(RESET);
                out.put_slice(&session.0);
            }
            Self::Retry { session, cookie } => {
                out.put_u8(RETRY);
                out.put_slice(&session.0);
                out.put_slice(cookie);
            }
        }
        out.freeze()
    }
}

/// The header that goes before a data frame's records.
#[must_use]
pub const fn data_header(session: SessionId) -> [u8; DATA_HEADER_BYTES] {
    let [a, b, c, d, e, f, g, h] = session.0;
    [VERSION, DATA, a, b, c, d, e, f, g, h]
}

/// The session that a data frame names, if it is one: all that can be told before any work.
#[must_use]
pub fn session_of(bytes: &[u8]) -> Option<SessionId> {
    let body = bytes.strip_prefix(&[VERSION, DATA])?;
    body.first_chunk::<8>().map(|session| SessionId(*session))
}

/// Takes a frame apart.
///
/// # Errors
/// [`Why::UnknownVersion`] or [`Why::BadFrame`].
pub fn decode_frame(bytes: &Bytes) -> Result<Frame, Why> {
    let &[version, kind, ..] = bytes.as_ref() else { return Err(Why::BadFrame) };
    if version != VERSION {
        return Err(Why::UnknownVersion);
    }
    let body = bytes.slice(2..);
    if kind == HELLO {
        return Hello::decode(&body).map(|hello| Frame::Hello(Box::new(hello)));
    }
    let (session, rest) = body.split_first_chunk::<8>().ok_or(Why::BadFrame)?;
    let session = SessionId(*session);
    match kind {
        DATA => Ok(Frame::Data { session, sealed: body.slice(8..) }),
        RETRY => {
            let cookie = rest.try_into().map_err(|_| Why::BadFrame)?;
            Ok(Frame::Retry { session, cookie })
        }
        RESET if rest.is_empty() => Ok(Frame::Reset { session }),
        REFUSE => {
            let why = Why::ALL.iter().find(|why| why.name().as_bytes() == rest);
            why.map(|&why| Frame::Refuse { session, why }).ok_or(Why::BadFrame)
        }
        _ => Err(Why::BadFrame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(frame: &Frame) -> Frame {
        decode_frame(&frame.encode()).unwrap()
    }

    #[test]
    fn frames_round_trip() {
        let session = SessionId(*b"sessions");
        let data = Frame::Data { session, sealed: Bytes::from_static(b"records") };
        assert!(matches!(round_trip(&data), Frame::Data { sealed, .. } if sealed == "records"));
        let refuse = Frame::Refuse { session, why: Why::OtherConstants };
        assert!(matches!(round_trip(&refuse), Frame::Refuse { why: Why::OtherConstants, .. }));
        let retry = Frame::Retry { session, cookie: [7; COOKIE_BYTES] };
        assert!(matches!(round_trip(&retry), Frame::Retry { cookie, .. } if cookie == [7; 16]));
        assert!(matches!(round_trip(&Frame::Reset { session }), Frame::Reset { .. }));
    }

    #[test]
    fn refuses_the_rest() {
        for bytes in [&b""[..], &[1], &[2, 3, 0], &[1, 9, 0, 0, 0, 0, 0, 0, 0, 0], &[1, 3, 0]] {
            assert!(decode_frame(&Bytes::copy_from_slice(bytes)).is_err(), "{bytes:?}");
        }
    }
}
