//! Clients that come and go.

use std::io;
use std::rc::Rc;

use super::setup;
use crate::load::client::Client;
use crate::load::frame;
use crate::load::meter::{Clients, Meter};
use crate::load::{Figures, Options};

/// What a client costs that connects, enters `/`, leaves it, closes the session and resets the connection.
///
/// # Errors
///
/// If one does not get in.
pub(in crate::load) async fn run(options: &Options) -> io::Result<Figures> {
    let (meter, target) = (Rc::new(Meter::default()), setup::target(options));
    let mut clients = Clients::default();
    for number in 0..options.connections {
        let meter = meter.clone();
        clients.spawn(async move {
            let mut goodbye = frame::text("41");
            goodbye.extend(frame::text("1"));
            loop {
                let mut client = Client::connect(&target, number).await?;
                client.send(&goodbye).await?;
                client.cut()?;
                meter.add(1);
            }
        });
    }
    Ok(clients.measure(&meter, options).await?.figures())
}
