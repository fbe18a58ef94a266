//! The program as a person runs it: the real binary, its processes, files and messages.

mod correlations;
mod demo;
mod files;
mod halves;
mod help;
mod prompts;
mod signals;
mod tool;
mod usage;
