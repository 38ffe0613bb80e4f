//! Nothing is said before it may be.

use super::{Checker, Observation, PerHost, Sight};
use crate::io::{Input, Output, Ticket};
use crate::store::{MetaName, StoreOp};
use crate::wire::{Frame, Record, Records, Talk, decode_frame};

/// A node says nothing to anybody before its incarnation is durable, and promises nobody more in a
/// receipt than what is.
#[derive(Debug, Default)]
pub struct Tickets(PerHost<Birth>);

#[derive(Debug, Default)]
struct Birth {
    born: bool,
    waits_for: Option<Ticket>,
}

impl Checker for Tickets {
    fn name(&self) -> &'static str {
        "tickets"
    }

    fn observe(&mut self, sight: &Sight<'_>, what: &Observation<'_>, broken: &mut Vec<String>) {
        let birth = self.0.of(sight.host());
        match what {
            Observation::Output(Output::Store(ticket, StoreOp::Remember { name, .. })) => {
                if *name == MetaName::Incarnation {
                    birth.waits_for = Some(*ticket);
                }
            }
            Observation::Input(Input::Stored(ticket, Ok(_))) => {
                birth.born |= birth.waits_for == Some(*ticket);
            }
            Observation::Output(Output::Transmit(transmit)) => {
                if !birth.born {
                    broken.push(String::from("speaks before its incarnation is durable"));
                }
                let Ok(Frame::Data { sealed, .. }) = decode_frame(&transmit.bytes) else { return };
                let durable = sight.durable().commit();
                let (main, mut about) = (sight.shard().channel.tag(), None);
                for record in Records::new(sealed).flatten() {
                    if let Record::Channel(tag) = record {
                        about = Some(tag);
                    } else if let Record::Talk(Talk::Receipt(receipt)) = record
                        && receipt.commit > durable
                        && about == Some(main)
                    {
                        let promised = receipt.commit;
                        broken.push(format!("promises commit {promised}; durable is {durable}"));
                    }
                }
            }
            Observation::Crashed => *birth = Birth::default(),
            Observation::Applied { .. }
            | Observation::Flushed
            | Observation::Input(_)
            | Observation::Output(_)
            | Observation::PutBack
            | Observation::Started(_) => {}
        }
    }
}
