/// What something may cost at most.
pub(crate) struct Bound {
    pub(crate) of: &'static str,
    pub(crate) unit: &'static str,
    /// With so many decimals.
    pub(crate) decimals: usize,
    pub(crate) most: f64,
}

// ---- for each idle connection: its task and what tokio keeps for its socket, the connection, the socket and the URL;
// tables grow by leaps, which is the rest

pub(crate) const IDLE_BYTES: Bound = bytes("idle connection", 1340.0);
pub(crate) const IDLE_LIVE: Bound = live("idle connection", 5.1);
/// With the four headers of a browser that tell most about it, and 260 bytes of text in them.
pub(crate) const BROWSER_BYTES: Bound = bytes("idle connection with a browser's headers", 1880.0);
pub(crate) const BROWSER_LIVE: Bound = live("idle connection with a browser's headers", 10.1);

// ---- for each event with a string of 16 bytes

/// Its arguments, the handler's future, the string.
pub(crate) const ECHO: Bound = allocations("echo", 3.0);
/// As an echo's, what may still be answered, and the answer.
pub(crate) const ACK: Bound = allocations("ack", 5.0);
/// Frames go into a buffer that is kept.
pub(crate) const EMIT: Bound = allocations("emit", 0.05);
/// The event's own, its packet and its frame, which all share.
pub(crate) const DELIVERY: Bound = allocations("delivery of a broadcast", 0.05);
/// To so few that the broadcast's own weigh.
pub(crate) const DELIVERY_TO_FEW: Bound = allocations("delivery of a broadcast to few", 0.45);

const fn bytes(of: &'static str, most: f64) -> Bound {
    Bound { of, unit: "bytes of heap", decimals: 0, most }
}

const fn live(of: &'static str, most: f64) -> Bound {
    Bound { of, unit: "live allocations", decimals: 2, most }
}

const fn allocations(of: &'static str, most: f64) -> Bound {
    Bound { of, unit: "allocations", decimals: 2, most }
}

impl Bound {
    /// Fails where a cost is over its bound, and says by how much.
    #[track_caller]
    pub(crate) fn hold(&self, measured: f64) {
        println!("{}: {} {}", self.of, self.number(measured), self.unit);
        if let Some(excess) = self.excess(measured) {
            panic!("{excess}");
        }
    }

    fn excess(&self, measured: f64) -> Option<String> {
        let Self { of, unit, most, .. } = self;
        let over = measured - most;
        (over > 0.0).then(|| {
            let percent = over * 100.0 / most;
            let [measured, over, most] = [measured, over, *most].map(|value| self.number(value));
            format!("{of}: {measured} {unit}, {over} ({percent:.1} %) over the bound of {most}")
        })
    }

    /// A number of these units, with a space before every three digits.
    fn number(&self, value: f64) -> String {
        let text = format!("{value:.0$}", self.decimals);
        let (whole, decimals) = text.split_at(text.find('.').unwrap_or(text.len()));
        let groups = whole.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
        groups.collect::<Vec<_>>().join(" ") + decimals
    }
}

#[test]
fn a_cost_over_its_bound_is_told_with_the_excess() {
    let told = bytes("idle connection", 1950.0).excess(2010.0);
    let expected = "idle connection: 2 010 bytes of heap, 60 (3.1 %) over the bound of 1 950";
    assert_eq!(told.as_deref(), Some(expected));
    let told = allocations("echo", 3.0).excess(3.01);
    assert_eq!(told.as_deref(), Some("echo: 3.01 allocations, 0.01 (0.3 %) over the bound of 3.00"));
    assert_eq!(allocations("echo", 3.0).excess(3.0), None);
}
