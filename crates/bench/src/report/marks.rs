//! How each server is drawn: a colour and a shape, the same in all pictures.

use super::svg::Svg;

/// The servers that have a look of their own.
const SERVERS: [&str; 4] = ["tower-socketio", "socketioxide", "socket.io", "floor"];

/// The class of a server's colour.
pub(super) fn color(server: &str) -> String {
    format!("c{}", place(server))
}

/// A server's mark at a place.
pub(super) fn mark(svg: &mut Svg, server: &str, (x, y): (f64, f64)) {
    let class = format!("mark {}", color(server));
    match place(server) {
        0 => svg.circle((x, y), 5.0, &class),
        1 => svg
            .area(&[(x - 4.5, y - 4.5), (x + 4.5, y - 4.5), (x + 4.5, y + 4.5), (x - 4.5, y + 4.5)], &class),
        2 => svg.area(&[(x, y - 5.5), (x + 5.5, y + 4.5), (x - 5.5, y + 4.5)], &class),
        3 => svg.area(&[(x, y - 6.0), (x + 6.0, y), (x, y + 6.0), (x - 6.0, y)], &class),
        _ => svg.area(&[(x, y + 5.5), (x + 5.5, y - 4.5), (x - 5.5, y - 4.5)], &class),
    }
}

fn place(server: &str) -> usize {
    // With what joins it to other nodes it is the same server.
    let server = server.split(", ").next().unwrap_or_default();
    SERVERS.iter().position(|known| *known == server).unwrap_or(SERVERS.len())
}
