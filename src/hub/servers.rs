use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower_socketio_adapter::{AdapterError, ServerAsk};
use tower_socketio_proto::socketio::write_event;

use super::socket::with_scratch;
use super::{AckStream, Broadcast, EmitError};

/// What the programs of several nodes tell each other; rooms and clients have no part in it.
impl Broadcast {
    /// Emits an event to the programs of the other nodes, which handle it with `Namespace::on_server`.
    ///
    /// It is handed to what connects the nodes; whether anybody heard it is not known.
    ///
    /// # Errors
    ///
    /// [`EmitError::Encode`] if the data cannot be serialised.
    pub fn server_side_emit(&self, event: &str, data: impl Serialize) -> Result<(), EmitError> {
        let (args, attachments) = self.written(event, &data)?;
        for space in self.spaces() {
            space.adapter().server_side_emit(args.clone(), attachments.clone(), None);
        }
        Ok(())
    }

    /// Emits an event to the programs of the other nodes and gives what they answer as it comes; the last item says how
    /// many have not answered, if any have not.
    ///
    /// It waits for [`timeout`](Self::timeout), and no longer for a node that is gone. Every node gives one answer, which
    /// is what its handler returns; several values of one answer come as the first alone.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, whose clock it needs.
    pub fn server_side_emit_with_ack<A: DeserializeOwned>(
        &self,
        event: &str,
        data: impl Serialize,
    ) -> AckStream<A> {
        let written = self.written(event, &data);
        let stream = AckStream::of_servers(self.patience(), |stream, timeout| {
            let (args, attachments) = written?;
            for space in self.spaces() {
                let asks = ServerAsk { answers: stream.sink(), timeout };
                space.adapter().server_side_emit(args.clone(), attachments.clone(), Some(asks));
            }
            Ok(())
        });
        stream.holding(self.lease())
    }

    /// How many nodes have this namespace, this one included.
    ///
    /// # Errors
    ///
    /// If the nodes could not be counted.
    pub async fn server_count(&self) -> Result<usize, AdapterError> {
        let mut most = 1;
        for space in self.spaces() {
            most = most.max(space.adapter().server_count().await?);
        }
        Ok(most)
    }

    fn written(&self, event: &str, data: &impl Serialize) -> Result<(Bytes, Vec<Bytes>), EmitError> {
        with_scratch(|json| {
            let attachments = write_event(json, event, data).map_err(|error| self.cannot(event, error))?;
            Ok((Bytes::copy_from_slice(json), attachments))
        })
    }
}
