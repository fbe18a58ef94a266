//! device-client
#![no_std]
#![forbid(unsafe_code)]
