//! What a node keeps in memory for each member that it knows: the bytes that two clusters at rest have allocated, each in
//! one process, and by how much the larger one has more for each pair of members.
//!
//! `cargo bench -p gossip-benches --bench members`
//!
//! They are whole nodes as in production, but for sockets: sessions, the view of members as facts with what signatures take,
//! the detector, evidence, and an empty store. What a node remembers of its members for its next start lies on a disk, and what
//! the allocator rounds up to is not counted.

use std::time::Duration;

use gossip_benches::Mesh;
use gossip_benches::table::{Figures, Row, Target, report_with};
use gossip_core::strategy::detector::{Detector, Swim, SwimConfig};

/// How long they get until all is said that newcomers say.
const SETTLING: Duration = Duration::from_secs(90);

/// What is asked for: 1 KiB for a member, its certificate and its ring of evidence apart. Ours has no certificate but its
/// signed word: its key, where it listens, and the signature. A member at rest has no evidence.
const ASKED: f64 = 1_024.0;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut filters = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if filters.peek().is_some() && !filters.any(|filter| "members".contains(filter.as_str())) {
        return;
    }
    // Compiled as a test, it only shows that it works.
    let measured = arguments.iter().any(|argument| argument == "--bench");
    let sizes = if measured { [128, 256] } else { [5, 10] };
    let [few, many] = sizes.map(Cluster::measure);
    let each = (many.per_node() - few.per_node()) / (many.nodes - few.nodes) as f64;
    let word = many.word_bytes as f64;
    let values = vec![("bytes", vec![each]), ("bytes of its signed word", vec![word])];
    let figures =
        [few.figures(), many.figures(), Figures { name: "more for a member".to_owned(), values }];
    let row = Row {
        name: "what is kept of a member beside its signed word, of 1 KiB".to_owned(),
        ratios: vec![(each - word) / ASKED],
        nanos: None,
        target: Target::AtMost(1.0),
    };
    report_with(&figures, &[row], "members.json").expect("the table's file can be written");
}

/// What a cluster at rest has allocated.
struct Cluster {
    nodes: usize,
    allocations: i64,
    bytes: i64,
    word_bytes: usize,
}

impl Cluster {
    fn measure(nodes: usize) -> Self {
        let mut cluster = None;
        let counts = allocation_counter::measure(|| {
            let mut mesh = Mesh::watching(nodes, detector);
            mesh.run_for(SETTLING);
            cluster = Some(mesh);
        });
        let cluster = cluster.unwrap_or_default();
        let known = cluster.known();
        assert!(known.iter().all(|known| *known == nodes), "everybody knows everybody");
        let word_bytes = cluster.word_bytes();
        Self { nodes, allocations: counts.count_current, bytes: counts.bytes_current, word_bytes }
    }

    fn per_node(&self) -> f64 {
        self.bytes as f64 / self.nodes as f64
    }

    fn figures(&self) -> Figures {
        let name = format!("a node that knows {}", self.nodes);
        let allocations = self.allocations as f64 / self.nodes as f64;
        let values = vec![("bytes", vec![self.per_node()]), ("allocations", vec![allocations])];
        Figures { name, values }
    }
}

fn detector() -> Box<dyn Detector> {
    Box::new(Swim::new(SwimConfig::default()))
}
