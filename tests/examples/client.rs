use std::collections::VecDeque;

use futures_util::{SinkExt, StreamExt};
use http::Request;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::server::PATIENCE;

/// A Socket.IO client in one namespace, over a WebSocket.
pub(crate) struct Client<S> {
    pub(crate) ws: WebSocketStream<S>,
    namespace: String,
    pub(crate) id: String,
    pub(crate) refusal: Value,
    asked: u32,
    /// Events that came while an answer was awaited.
    pub(crate) heard: VecDeque<String>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn upgrade(stream: S, request: Request<()>) -> Self {
        Self::new(tokio_tungstenite::client_async(request, stream).await.unwrap().0)
    }

    pub(crate) fn new(ws: WebSocketStream<S>) -> Self {
        Self {
            ws,
            namespace: String::new(),
            id: String::new(),
            refusal: Value::Null,
            asked: 100,
            heard: VecDeque::new(),
        }
    }

    /// Asks to be let into a namespace, and whether that came true.
    pub(crate) async fn connect(&mut self, namespace: &str, auth: &str) -> bool {
        self.namespace = if namespace.is_empty() { String::new() } else { format!("{namespace},") };
        self.send("0", "", auth).await;
        let answer = self.next().await;
        let payload = serde_json::from_str(&answer[1 + self.namespace.len()..]).unwrap();
        if answer.starts_with('0') {
            let Value::Object(payload) = payload else { panic!("{answer}") };
            self.id = payload["sid"].as_str().unwrap().to_owned();
            return true;
        }
        self.refusal = payload;
        false
    }

    pub(crate) async fn send(&mut self, kind: &str, id: &str, data: &str) {
        let packet = format!("4{kind}{}{id}{data}", self.namespace);
        self.ws.send(Message::text(packet)).await.unwrap();
    }

    pub(crate) async fn emit(&mut self, event: &str, data: impl serde::Serialize) {
        self.send("2", "", &json!([event, data]).to_string()).await;
    }

    /// Emits an event and gives the first argument of the answer.
    pub(crate) async fn ask(&mut self, event: &str, data: impl serde::Serialize) -> Value {
        self.asked += 1;
        let id = self.asked.to_string();
        self.send("2", &id, &json!([event, data]).to_string()).await;
        let answer = format!("3{}{id}", self.namespace);
        loop {
            let packet = self.receive().await;
            if let Some(data) = packet.strip_prefix(&answer) {
                return serde_json::from_str::<Value>(data).unwrap().get(0).cloned().unwrap_or_default();
            }
            self.heard.push_back(packet);
        }
    }

    /// The next event, which must have this name: its arguments.
    pub(crate) async fn event(&mut self, name: &str) -> Vec<Value> {
        self.question(name).await.1
    }

    /// Waits for an event that asks for an answer, and answers it.
    pub(crate) async fn answer(&mut self, name: &str, data: impl serde::Serialize) {
        let id = self.question(name).await.0;
        assert!(!id.is_empty(), "`{name}` asks for no answer");
        self.send("3", &id, &json!([data]).to_string()).await;
    }

    pub(crate) async fn question(&mut self, name: &str) -> (String, Vec<Value>) {
        let packet = self.next().await;
        let event =
            packet.strip_prefix(&format!("2{}", self.namespace)).unwrap_or_else(|| panic!("{packet}"));
        let (id, data) = event.split_at(event.find('[').unwrap());
        let mut arguments: Vec<Value> = serde_json::from_str(data).unwrap();
        assert_eq!(arguments.remove(0), name, "{packet}");
        (id.to_owned(), arguments)
    }

    pub(crate) async fn next(&mut self) -> String {
        match self.heard.pop_front() {
            Some(packet) => packet,
            None => self.receive().await,
        }
    }

    /// The next packet of Socket.IO.
    pub(crate) async fn receive(&mut self) -> String {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("something comes");
            let text = message.expect("the connection is open").unwrap().into_text().unwrap();
            match text.split_at(1) {
                ("0", _) => {}
                ("2", "") => self.ws.send(Message::text("3")).await.unwrap(),
                ("4", packet) => return packet.to_owned(),
                _ => panic!("{text}"),
            }
        }
    }

    pub(crate) async fn closed(&mut self) {
        loop {
            match tokio::time::timeout(PATIENCE, self.ws.next()).await.expect("the connection ends") {
                None | Some(Err(_) | Ok(Message::Close(_))) => return,
                Some(Ok(_)) => {}
            }
        }
    }
}
