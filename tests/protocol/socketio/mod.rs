//! Socket.IO: namespaces, events, acknowledgements, binary and what may not be sent, over both transports.

mod acks;
mod binary;
mod connect;
mod connect_v4;
mod disconnect;
mod events;
mod refusals;
mod violations;
