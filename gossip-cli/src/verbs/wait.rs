//! `wait`: until enough members are alive, or the cluster has become equal.

use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::admin::client::Client;
use crate::admin::documents::StatusDocument;
use crate::args::{Global, WaitArgs};
use crate::failure::{Exit, Failure};
use crate::output;

/// How long to wait unless --timeout says otherwise (house decision).
const TIMEOUT: Duration = Duration::from_secs(30);

/// Time between two looks: short beside any period of gossip, long beside a look.
const PAUSE: Duration = Duration::from_millis(50);

/// What the last look may take at least, so that it still tells what is missing (a guess: a hundred
/// times what a node takes).
const LAST_LOOK: Duration = Duration::from_millis(100);

/// Time between two comparisons with everybody: what was merged meanwhile makes the last one void.
const COMPARE_PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Waited {
    ok: bool,
    ms: u64,
}

/// Carries the command out.
///
/// # Errors
/// Timed out when the condition does not come to hold; others when the node does not answer.
pub(crate) fn run(global: &Global, arguments: &WaitArgs) -> anyhow::Result<()> {
    let begun = Instant::now();
    let patience = global.timeout.unwrap_or(TIMEOUT);
    let client = Client::with_timeout(global, Some(patience))?;
    let mut next_compare = begun;
    // No answer may take longer than what is left of the whole.
    let client = || client.within(patience.saturating_sub(begun.elapsed()).max(LAST_LOOK));
    loop {
        if arguments.members.is_none() && Instant::now() >= next_compare {
            // Without being asked, repair looks at one partner every few seconds.
            client().post::<()>("/v1/compare", &())?;
            next_compare = Instant::now() + COMPARE_PAUSE;
        }
        let status: StatusDocument = client().get("/v1/status", &[])?;
        let missing = missing(arguments, &status);
        let elapsed = begun.elapsed();
        let Some(missing) = missing else {
            let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            if global.json {
                return output::json(&Waited { ok: true, ms });
            }
            return output::line(&format!("reached after {}", output::time(elapsed)));
        };
        if elapsed >= patience {
            let text = format!("not reached in {}: {missing}", output::time(patience));
            return Err(Failure::ending(Exit::TimedOut, text));
        }
        thread::sleep(PAUSE.min(patience.saturating_sub(elapsed)));
    }
}

/// What the condition still lacks; `None`: it holds.
fn missing(arguments: &WaitArgs, status: &StatusDocument) -> Option<String> {
    let alive = status.peers.alive;
    if let Some(wanted) = arguments.members {
        return (alive < wanted).then(|| format!("{alive} of {wanted} members are alive"));
    }
    let pending = |name: &str| status.queues.get(name).copied().unwrap_or(0);
    let unmerged = pending("facts-unmerged") + pending("writes");
    if unmerged > 0 {
        return Some(format!("{unmerged} facts are not merged yet"));
    }
    // A live member without a session is no partner yet: nothing is known of its state.
    let (equal, others) = (status.equal_partners, alive.saturating_sub(1).max(status.partners));
    (equal < others)
        .then(|| format!("the last comparison ended equal with {equal} of {others} live members"))
}
