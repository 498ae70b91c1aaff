use super::FromContext;
use crate::hub::{
    ConnectRequest, Connected, Disconnect, Failure, PacketRequest, PublicError, ServerEvent, WireError,
};

macro_rules! extract {
    ($($moment:ident)*) => { $(
        impl $moment {
            /// Reads a value from it, as a handler's argument does.
            ///
            /// # Errors
            ///
            /// The value's rejection.
            pub async fn extract<T: FromContext<Self, S>, S>(&mut self, state: &S) -> Result<T, WireError> {
                T::from_context(self, state).await.map_err(PublicError::into_wire)
            }
        }
    )* };
}
extract!(ConnectRequest Connected PacketRequest Disconnect Failure ServerEvent);
