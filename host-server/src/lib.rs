//! The host's side of subrosa: it holds a model's weights and multiplies what it cannot read.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | checkpoints in, bundles out: conversion, and loading of the host bundle |
//! | [`engine`] | a loaded model on an accelerator: online products, offline units in tiles |
//! | [`fallback`] | two accelerators as one, of which the first may fail |
//! | [`session`] | the protocol's host half, sans I/O |
//! | [`server`] | the daemon: many sessions over TCP, within limits |
#![deny(unsafe_code)]

pub mod engine;
pub mod fallback;
pub mod model;
pub mod server;
pub mod session;
