//! host-server
