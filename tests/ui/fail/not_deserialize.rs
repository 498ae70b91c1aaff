use tower_socketio::{Data, Namespace};

struct Point {
    x: f64,
}

async fn at(Data(point): Data<Point>) {
    println!("{}", point.x);
}

fn main() {
    let _: Namespace = Namespace::new().on("at", at);
}
