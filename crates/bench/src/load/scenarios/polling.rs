//! Events that come back over HTTP long-polling.

use std::io;
use std::rc::Rc;

use super::setup;
use crate::load::meter::{Clients, Meter};
use crate::load::polling::Poller;
use crate::load::{Figures, Options};

/// What an echo costs that is posted and polled for, on one connection of HTTP/1.1 for each client.
///
/// # Errors
///
/// If a client does not get in, or is lost.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let target = setup::target(options);
    let packet: Rc<str> = format!(r#"42["echo","{}"]"#, "x".repeat(options.size)).into();
    let (meter, mut clients) = (Rc::new(Meter::default()), Clients::default());
    for number in 0..options.connections {
        let (packet, meter) = (packet.clone(), meter.clone());
        clients.spawn(async move {
            let mut client = Poller::connect(&target, number).await?;
            loop {
                client.post(&packet).await?;
                client.wait_for(|it| *it == *packet).await?;
                meter.add(1);
            }
        });
    }
    Ok(clients.measure(&meter, options).await?.figures())
}
